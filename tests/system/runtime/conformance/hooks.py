"""Cases of `hooks`: their moments, what they read, and what comes of their failures."""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

EARLY = ("prestart", "createRuntime", "createContainer")
SLEEP = {"process.args": ["sh", "-c", "echo program; sleep 60"]}


def _note(moment: str, more: str = "") -> dict[str, Any]:
    """Return a hook that notes its moment and the state's status."""
    text = f's=$(sed -n \'s/.*"status": *"\\([a-z]*\\)".*/\\1/p\'); echo {moment} $s >>$LOG; {more}'
    shell = "/bin/sh"
    return {"path": shell, "args": ["sh", "-c", text], "env": ["LOG=PLACE/log", "PATH=/bin"]}


def _hooks(**hooks: Any) -> dict[str, Any]:
    return SLEEP | {f"hooks.{moment}": found for moment, found in hooks.items()}


PLACE = 'sed -i "s,PLACE,$(pwd),g" config.json; touch log out; chmod 666 log; '
FAIL = {"path": "/bin/sh", "args": ["sh", "-c", "echo why >&2; exit 3"]}
LONG = {"path": "/bin/sleep", "args": ["sleep", "20"], "timeout": 1}
ID_OF = "cat >>$LOG; echo >>$LOG"

CASES = (
    *(
        Case(
            f"{moment} hook at create",
            PLACE + "$RT create $ID; cat log; st",
            _hooks(**{moment: [_note(moment)]}),
            f"{moment} creating\ncreated",
        )
        for moment in EARLY
    ),
    Case(
        "hooks in their order",
        PLACE + "$RT create $ID; cat log",
        _hooks(
            prestart=[_note("a"), _note("b")],
            createRuntime=[_note("c")],
            createContainer=[_note("d")],
        ),
        "a creating\nb creating\nc creating\nd creating",
    ),
    Case(
        "hook after the start",
        PLACE + "$RT create $ID >out; cat log; echo made; $RT start $ID; cat log",
        _hooks(poststart=[_note("poststart")]),
        "made\npoststart running",
        runc=False,
    ),
    Case(
        "hook after the deletion",
        PLACE + "$RT run -d $ID >out; cat log; echo runs; $RT delete -f $ID; cat log",
        _hooks(poststop=[_note("poststop")]),
        "runs\npoststop stopped",
    ),
    Case(
        "hook in the container before the program",
        "touch out; $RT create $ID >out; cat rootfs/log 2>/dev/null; echo made; $RT start $ID; "
        "said program; cat rootfs/log",
        _hooks(
            startContainer=[
                {
                    "path": "/bin/sh",
                    "args": ["sh", "-c", "grep -o '\"status\": *\"[a-z]*\"' | tr -d ' ' >/log"],
                }
            ]
        ),
        'made\n"status":"created"',
    ),
    Case(
        "hook sees the container's mounts and the host's root",
        PLACE + "$RT create $ID; cat log",
        _hooks(
            createContainer=[
                _note(
                    "x",
                    "grep -c rootfs/dev/pts /proc/self/mountinfo >>$LOG; "
                    "[ -f $LOG ] && echo host >>$LOG",
                )
            ]
        ),
        "x creating\n1\nhost",
    ),
    Case(
        "hook sees no mounts of the container from outside",
        PLACE + "$RT create $ID; cat log",
        _hooks(createRuntime=[_note("x", "grep -c rootfs/dev/pts /proc/self/mountinfo >>$LOG")]),
        "x creating\n0",
    ),
    Case(
        "hook has the environment that it was given",
        PLACE + "$RT create $ID; cat log",
        _hooks(
            prestart=[
                {
                    **_note("x", "echo $MINE $0 >>$LOG"),
                    "env": ["LOG=PLACE/log", "MINE=own", "PATH=/bin"],
                }
            ]
        ),
        "own sh",
    ),
    Case(
        "hook reads the state",
        PLACE + "$RT create $ID; tr -d ' {}' <log | tr , '\\n' | grep -v pid | grep -v Version | "
        "sort; grep -c '\"pid\":' log",
        _hooks(
            prestart=[_note("x", "")]
            and [
                {
                    "path": "/bin/sh",
                    "args": ["sh", "-c", ID_OF],
                    "env": ["LOG=PLACE/log", "PATH=/bin"],
                }
            ]
        )
        | {"annotations": {"org.key": "value"}},
        '"bundle":"BUNDLE"',
    ),
    *(
        Case(
            f"{moment} hook that fails",
            "code $RT create $ID; code $RT state $ID",
            _hooks(**{moment: [FAIL]}),
            "code 1\ncode 1",
        )
        for moment in EARLY
    ),
    Case(
        "hook that fails lets no later one run",
        PLACE + "code $RT create $ID; cat log",
        _hooks(prestart=[_note("a"), FAIL, _note("b")], createRuntime=[_note("c")]),
        "code 1\na creating",
    ),
    Case(
        "hook that fails says why",
        "$RT create $ID 2>&1 | grep -o 'error running hook #0.*why'",
        _hooks(prestart=[FAIL]),
        "exit status 3, stdout: , stderr: why",
    ),
    Case(
        "hook that fails in the container ends it",
        "$RT create $ID; $RT start $ID; until_is stopped; st",
        _hooks(startContainer=[{"path": "/bin/false"}]),
        "stopped",
    ),
    Case(
        "hook that fails after the start ends the container",
        "$RT create $ID; code $RT start $ID; code $RT state $ID",
        _hooks(poststart=[FAIL]),
        "code 1\ncode 1",
        runc=False,
    ),
    Case(
        "hook that fails after the deletion changes nothing",
        "$RT run -d $ID >out; said program; code $RT delete -f $ID; code $RT state $ID",
        _hooks(poststop=[FAIL]),
        "code 0\ncode 1",
    ),
    Case(
        "hook that takes too long",
        "code $RT create $ID",
        _hooks(prestart=[LONG]),
        "code 1",
    ),
    *(
        Case(
            f"{moment} hook that takes too long",
            "code $RT create $ID; code $RT state $ID",
            _hooks(**{moment: [LONG]}),
            "code 1\ncode 1",
        )
        for moment in ("createRuntime", "createContainer")
    ),
    Case(
        "hook in the container that takes too long",
        "$RT create $ID; $RT start $ID; until_is stopped; st",
        _hooks(startContainer=[LONG]),
        "stopped",
    ),
    Case(
        "hook after the start that takes too long",
        "$RT create $ID; code $RT start $ID; code $RT state $ID",
        _hooks(poststart=[LONG]),
        "code 1\ncode 1",
        runc=False,
    ),
    Case(
        "hook after the deletion that takes too long",
        "$RT run -d $ID >out; said program; code $RT delete -f $ID; code $RT state $ID",
        _hooks(poststop=[LONG]),
        "code 0\ncode 1",
    ),
    Case(
        "hook in the container has the environment that it was given",
        "$RT run $ID; cat rootfs/log",
        _hooks(
            startContainer=[
                {
                    "path": "/bin/sh",
                    "args": ["sh", "-c", "echo $MINE $HOME >/log"],
                    "env": ["MINE=own", "PATH=/bin"],
                }
            ]
        )
        | {"process.args": ["true"]},
        "own\n",
    ),
    Case(
        "hook in time",
        "code $RT create $ID",
        _hooks(prestart=[{"path": "/bin/sleep", "args": ["sleep", "0"], "timeout": 10}]),
        "code 0",
    ),
    Case(
        "hook without a file", "code $RT create $ID", _hooks(prestart=[{"path": "/nope"}]), "code 1"
    ),
    Case(
        "hooks of a run",
        PLACE + "$RT run $ID; cat log",
        _hooks(prestart=[_note("a")], poststop=[_note("z")])
        | {"process.args": ["echo", "program"]},
        "program\na creating\nz stopped",
    ),
)
