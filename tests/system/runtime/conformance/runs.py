"""Cases of `create`, `run`, `start`, `kill`, `pause` and `delete` beyond the usual."""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

SLEEP: dict[str, Any] = {"process.args": ["sleep", "60"]}
TRUE: dict[str, Any] = {"process.args": ["true"]}


def sh(text: str) -> dict[str, Any]:
    """Return the edit that has a shell do something."""
    return {"process.args": ["sh", "-c", text]}


CASES = (
    Case(
        "bundle by a relative path",
        'cd ..; $RT create -b bundle/ $ID; $RT state $ID | grep -o \'bundle": "[^"]*\'',
        SLEEP,
        'bundle": "BUNDLE',
    ),
    Case(
        "bundle by an equals sign",
        "D=$(pwd); cd /; $RT create --bundle=$D $ID; st",
        SLEEP,
        "created",
    ),
    Case(
        "bundle that is a file",
        "code $RT create -b config.json $ID",
        SLEEP,
        "code 1",
    ),
    Case(
        "keys of a state",
        "$RT create $ID; $RT state $ID | grep -oE '^  \"[a-zA-Z]*\"' | sort",
        SLEEP,
        '"created"',
    ),
    Case(
        "start of two",
        "$RT create $ID; code $RT start $ID $ID; st",
        SLEEP,
        "code 1\ncreated",
    ),
    Case(
        "words that are missing",
        (
            "for w in create run start state kill delete exec ps pause resume update; "
            "do code $RT $w; done"
        ),
        SLEEP,
        "code 1",
    ),
    Case(
        "too many words",
        (
            "$RT create $ID; for w in start state pause resume; do code $RT $w $ID x; "
            "done; code $RT delete $ID x; code $RT kill $ID KILL x"
        ),
        SLEEP,
        "code 1",
        root=True,
    ),
    Case(
        "create of two",
        "code $RT create $ID x; $RT list -q",
        SLEEP,
        "code 1",
    ),
    Case(
        "kill by the word kill",
        "$RT run -d $ID; code $RT kill $ID kill; until_is stopped; st",
        SLEEP,
        "code 0\nstopped",
    ),
    Case(
        "kill by the word SIGkill",
        "$RT run -d $ID; code $RT kill $ID SIGkill; until_is stopped; st",
        SLEEP,
        "code 0\nstopped",
    ),
    Case(
        "kill by the word 9",
        "$RT run -d $ID; code $RT kill $ID 9; until_is stopped; st",
        SLEEP,
        "code 0\nstopped",
    ),
    Case(
        "kill by the word sigkill",
        "$RT run -d $ID; code $RT kill $ID sigkill; until_is stopped; st",
        SLEEP,
        "code 0\nstopped",
    ),
    Case(
        "kill by 65, which is no signal",
        "$RT run -d $ID; code $RT kill $ID 65; st",
        SLEEP,
        "code 1\nrunning",
    ),
    Case(
        "kill by x9, which is no signal",
        "$RT run -d $ID; code $RT kill $ID x9; st",
        SLEEP,
        "code 1\nrunning",
    ),
    Case(
        "kill by SIG, which is no signal",
        "$RT run -d $ID; code $RT kill $ID SIG; st",
        SLEEP,
        "code 1\nrunning",
    ),
    Case(
        "kill by 9.0, which is no signal",
        "$RT run -d $ID; code $RT kill $ID 9.0; st",
        SLEEP,
        "code 1\nrunning",
    ),
    Case(
        "kill by SIGRTMIN+99, which is no signal",
        "$RT run -d $ID; code $RT kill $ID SIGRTMIN+99; st",
        SLEEP,
        "code 1\nrunning",
    ),
    Case(
        "kill by a signal of real time",
        (
            "$RT run -d $ID; code $RT kill $ID RTMIN; code $RT kill $ID SIGRTMIN+3; "
            "code $RT kill $ID 34"
        ),
        SLEEP,
        "code 1\ncode 1\ncode 0",
    ),
    Case(
        "kill by a minus sign",
        "$RT run -d $ID; code $RT kill $ID -9; st",
        SLEEP,
        "code 1\nrunning",
    ),
    Case(
        "kill of all of what has stopped",
        "$RT run --keep $ID; code $RT kill -a $ID KILL; code $RT kill --all $ID",
        TRUE,
        "code 0\ncode 0",
    ),
    Case(
        "kill of all behind the id",
        "$RT run -d $ID; code $RT kill $ID --all KILL; st",
        SLEEP,
        "code 1\nrunning",
        root=True,
    ),
    Case(
        "kill of what is paused waits",
        "$RT run -d $ID; $RT pause $ID; code $RT kill $ID TERM; st; $RT resume $ID",
        sh("trap 'exit 3' TERM; while :; do sleep 0.05; done"),
        "code 0\npaused",
        root=True,
    ),
    Case(
        "delete by force twice",
        "$RT run -d $ID; code $RT delete --force $ID; code $RT delete --force $ID",
        SLEEP,
        "code 0\ncode 0",
    ),
    Case(
        "delete of what is paused",
        "$RT run -d $ID; $RT pause $ID; code $RT delete $ID; st; $RT resume $ID",
        SLEEP,
        "code 1\npaused",
        root=True,
    ),
    Case(
        "start of what is paused",
        "$RT create $ID; $RT pause $ID; code $RT start $ID; st; $RT resume $ID; st",
        SLEEP,
        "code 1\npaused\ncreated",
        root=True,
    ),
    Case(
        "run without input and output",
        "$RT run $ID <&-; echo code $?; $RT run $ID >&-; echo code $?",
        sh("cat; echo x; exit 4"),
        "x\ncode 4\ncode 4",
    ),
    Case(
        "run with a pid file in a directory that is not there",
        "code $RT run -d --pid-file no/p $ID; code $RT state $ID",
        SLEEP,
        "code 1\ncode 1",
    ),
    Case(
        "run with a relative pid file",
        (
            "mkdir d; cd d; $RT run -d -b .. --pid-file p $ID; [ -s p ]; echo $?; [ "
            "$(cat p) = $(pid) ]; echo $?"
        ),
        SLEEP,
        "0\n0",
    ),
    Case(
        "run that is kept has the code",
        "$RT run --keep $ID; echo code $?; st; $RT run $ID; echo code $?",
        sh("exit 5"),
        "code 5\nstopped\ncode 1",
    ),
    Case(
        "run that ends with 125",
        "$RT run $ID; echo code $?",
        sh("exit 125"),
        "code 125",
    ),
    Case(
        "run that ends with 126",
        "$RT run $ID; echo code $?",
        sh("exit 126"),
        "code 126",
    ),
    Case(
        "run that ends with 127",
        "$RT run $ID; echo code $?",
        sh("exit 127"),
        "code 127",
    ),
    Case(
        "run that ends with 128",
        "$RT run $ID; echo code $?",
        sh("exit 128"),
        "code 128",
    ),
    Case(
        "run that ends with 255",
        "$RT run $ID; echo code $?",
        sh("exit 255"),
        "code 255",
    ),
    Case(
        "run that ends by TERM",
        "$RT run $ID; echo code $?",
        sh("sh -c 'kill -TERM $PPID'; sleep 1; echo lives"),
        "lives\ncode 0",
    ),
    Case(
        "run that ends by KILL",
        "$RT run $ID; echo code $?",
        sh("sh -c 'kill -KILL $PPID'; sleep 1; echo lives"),
        "lives\ncode 0",
    ),
    Case(
        "run that ends by HUP",
        "$RT run $ID; echo code $?",
        sh("sh -c 'kill -HUP $PPID'; sleep 1; echo lives"),
        "lives\ncode 0",
    ),
    Case(
        "run in the background of what fails",
        "code $RT run -d $ID; code $RT state $ID",
        {"process.args": ["nope"]},
        "code 1\ncode 1",
    ),
    Case(
        "run in the background that ends",
        "$RT run -d $ID; until_is stopped; st; $RT list -q",
        TRUE,
        "stopped\nID",
    ),
    Case(
        "run without a subreaper",
        "$RT run --no-subreaper $ID; echo code $?",
        {"process.args": ["echo", "ran"]},
        "ran\ncode 0",
    ),
    Case(
        "run with orphans",
        "$RT run $ID; echo code $?; code $RT state $ID",
        sh("sleep 30 & echo ran"),
        "ran\ncode 0\ncode 1",
    ),
    Case(
        "two runs at once",
        "$RT run $ID >a & $RT run $ID-2 >b; wait; cat a b",
        {"process.args": ["echo", "ran"]},
        "ran\nran",
    ),
    Case(
        "run is interrupted",
        "$RT run $ID >out & said program; kill -INT $!; wait $!; echo code $?; cat out",
        sh("trap 'echo int; exit 6' INT; echo program; while :; do sleep 0.05; done"),
        "code 6\nprogram\nint",
    ),
)
