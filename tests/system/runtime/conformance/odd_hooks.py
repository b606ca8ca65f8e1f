"""Cases of hooks, annotations and filters that are odd or wrong."""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

RAN: dict[str, Any] = {"process.args": ["sh", "-c", "echo ran"]}


def sh(text: str) -> dict[str, Any]:
    """Return the edit that has a shell do something."""
    return {"process.args": ["sh", "-c", text]}


CASES = (
    Case(
        "hook by a relative path",
        "code $RT run $ID",
        RAN | {"hooks.prestart": [{"path": "bin/true"}]},
        "code 1",
    ),
    Case(
        "hook that may not be executed",
        "code $RT run $ID",
        RAN | {"hooks.prestart": [{"path": "/etc/passwd"}]},
        "code 1",
    ),
    Case(
        "hook without a time",
        "code $RT run $ID",
        RAN | {"hooks.prestart": [{"path": "/bin/true", "timeout": 0}]},
        "code 1",
    ),
    Case(
        "hook with a time below nothing",
        "code $RT run $ID",
        RAN | {"hooks.prestart": [{"path": "/bin/true", "timeout": -1}]},
        "code 1",
    ),
    Case(
        "hook that says much",
        "code $RT run $ID",
        RAN
        | {
            "hooks.createRuntime": [
                {
                    "path": "/bin/sh",
                    "args": ["sh", "-c", "yes | head -c 300000; yes | head -c 300000 >&2"],
                }
            ]
        },
        "code 0",
    ),
    Case(
        "hook that leaves something behind",
        "code $RT run $ID",
        RAN
        | {
            "hooks.createRuntime": [
                {"path": "/bin/sh", "args": ["sh", "-c", "sleep 1 >/dev/null 2>&1 &"]}
            ]
        },
        "code 0",
    ),
    Case(
        "hook that says something and goes well",
        "$RT run $ID; echo code $?",
        RAN
        | {
            "hooks.prestart": [{"path": "/bin/sh", "args": ["sh", "-c", "echo said; echo err >&2"]}]
        },
        "ran\ncode 0",
    ),
    Case(
        "hook that closes its input",
        "code $RT run $ID",
        RAN | {"hooks.prestart": [{"path": "/bin/sh", "args": ["sh", "-c", "exec <&-; exit 0"]}]},
        "code 0",
    ),
    Case(
        "hook with no environment",
        (
            "sed -i s,LOG,$(pwd)/log, config.json; code $RT run $ID; sort log | grep "
            "-v -E '^(PWD|SHLVL|_|OLDPWD)='"
        ),
        RAN
        | {
            "hooks.createRuntime": [
                {"path": "/bin/sh", "args": ["sh", "-c", "env >LOG"], "env": ["PATH=/bin:/usr/bin"]}
            ]
        },
        "code 0\nPATH=/bin:/usr/bin",
    ),
    Case(
        "hook's directory",
        "sed -i s,LOG,$(pwd)/log, config.json; code $RT run $ID; cat log",
        RAN | {"hooks.createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "pwd >LOG"]}]},
        "code 0\nBUNDLE",
    ),
    Case(
        "hook after the program is begun, in a run",
        "sed -i s,LOG,$(pwd)/log, config.json; $RT run -d $ID; echo code $?; cat log; st",
        {
            "process.args": ["sleep", "60"],
            "hooks.poststart": [{"path": "/bin/sh", "args": ["sh", "-c", "grep -o running >LOG"]}],
        },
        "code 0\nrunning\nrunning",
        runc=False,
    ),
    Case(
        "hooks at the end of what did not come to be",
        "sed -i s,LOG,$(pwd)/log, config.json; code $RT run $ID; cat log",
        {
            "process.args": ["nope"],
            "hooks.poststop": [{"path": "/bin/sh", "args": ["sh", "-c", "echo stopped >>LOG"]}],
        },
        "code 1\nstopped",
    ),
    Case(
        "hooks in the container at each start",
        (
            "$RT create $ID; $RT start $ID; until_is stopped; $RT delete $ID; $RT run "
            "$ID; cat rootfs/n"
        ),
        {
            "process.args": ["true"],
            "hooks.startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "echo x >>/n"]}],
        },
        "x\nx",
    ),
    Case(
        "hook in the container that is not there",
        "code $RT run $ID",
        RAN | {"hooks.startContainer": [{"path": "/nope"}]},
        "code 1",
    ),
    Case(
        "hook by a file of the container's",
        "printf '#!/bin/sh\\nexit 0' >rootfs/h; chmod 755 rootfs/h; code $RT run $ID",
        RAN | {"hooks.startContainer": [{"path": "/h"}]},
        "code 0",
    ),
    Case(
        "annotation without a key",
        "$RT run $ID; echo code $?",
        RAN | {"annotations": {"": "x"}},
        "ran\ncode 0",
    ),
    Case(
        "annotations with odd letters",
        "$RT create $ID; $RT state $ID | grep -A1 annotations | tail -n1 | tr -d ' \\n'",
        RAN | {"annotations": {"ä <b>&": '"x"\n'}},
        '"ä\\u003cb\\u003e\\u0026":"\\"x\\"\\n"',
    ),
    Case(
        "filter for no call",
        "code $RT run $ID",
        RAN
        | {
            "linux.seccomp": {
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{"names": [], "action": "SCMP_ACT_ERRNO"}],
            }
        },
        "code 0",
    ),
    Case(
        "filter of a call twice",
        "$RT run $ID; echo code $?",
        sh("mkdir /tmp/d 2>&1")
        | {
            "linux.seccomp": {
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [
                    {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5},
                    {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 6},
                ],
            }
        },
        "code 1",
    ),
    Case(
        "filter that allows what it allows",
        "$RT run $ID; echo code $?",
        RAN
        | {
            "linux.seccomp": {
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ALLOW"}],
            }
        },
        "ran\ncode 0",
    ),
    Case(
        "filter with a number beyond what errors are",
        "$RT run $ID; echo code $?",
        sh("mkdir /tmp/d 2>&1")
        | {
            "linux.seccomp": {
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [
                    {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 70000}
                ],
            }
        },
        "code 1",
        runc=False,
    ),
)
