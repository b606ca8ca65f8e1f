"""Cases of the operations: states, errors, files and what `exec`, `ps` and `list` say."""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

SLEEP: dict[str, Any] = {"process.args": ["sleep", "60"]}
SAYS: dict[str, Any] = {"process.args": ["sh", "-c", "echo program; sleep 60"]}
TRAP: dict[str, Any] = {
    "process.args": [
        "sh",
        "-c",
        "trap 'echo got; exit 0' USR1 TERM; echo program; while :; do sleep 0.05; done",
    ]
}
EXEC = "$RT run -d $ID; $RT exec "

CASES = (
    Case("created and not started", "$RT create $ID >out; st; cat out", SAYS, "created"),
    Case(
        "created then running",
        "$RT create $ID >out; $RT start $ID; st; said program",
        SAYS,
        "running",
    ),
    Case("started twice", "$RT create $ID; $RT start $ID; code $RT start $ID", SLEEP, "code 1"),
    Case(
        "started when it has stopped",
        "$RT create $ID; $RT start $ID; until_is stopped; code $RT start $ID; st",
        {"process.args": ["true"]},
        "code 1\nstopped",
    ),
    Case("start of what is not there", "code $RT start $ID", SLEEP, "code 1"),
    Case("the same id twice", "$RT create $ID; code $RT create $ID; st", SLEEP, "code 1\ncreated"),
    Case(
        "id that is a path",
        "code $RT create a/b; code $RT create ..; code $RT create ''",
        SLEEP,
        "code 1\ncode 1\ncode 1",
    ),
    Case("no bundle", "code $RT create -b /nope $ID; code $RT state $ID", SLEEP, "code 1\ncode 1"),
    Case("bundle by its path", "D=$(pwd); cd /; $RT create -b $D $ID; st", SLEEP, "created"),
    Case("config that is no JSON", "echo '{' >config.json; code $RT create $ID", SLEEP, "code 1"),
    Case(
        "config that changes later",
        "$RT create $ID >out; echo '{}' >config.json; $RT start $ID; said program; st",
        SAYS,
        "running",
    ),
    Case("state of what is not there", "code $RT state $ID", SLEEP, "code 1"),
    Case(
        "state",
        "$RT create $ID; $RT state $ID | grep -E '\"(id|status|bundle|rootfs|ociVersion)'"
        " | tr -d ' ,' | sort",
        SLEEP,
        '"bundle":"BUNDLE"',
    ),
    Case(
        "state names annotations",
        "$RT create $ID; $RT state $ID | grep org.key | tr -d ' ,'",
        SLEEP | {"annotations": {"org.key": "value"}},
        '"org.key":"value"',
    ),
    Case(
        "state of what has stopped has no pid",
        "$RT run --keep $ID; $RT state $ID | grep -E 'status|pid' | tr -d ' ,' | sort",
        {"process.args": ["true"]},
        '"pid":0\n"status":"stopped"',
    ),
    Case(
        "pid file",
        "$RT create --pid-file p $ID; [ $(cat p) = $(pid) ]; echo $?; "
        "tr -d 0-9 <p | wc -c; [ -d /proc/$(cat p) ] && echo lives",
        SLEEP,
        "0\n0\nlives",
    ),
    Case(
        "pid file that cannot be written",
        "code $RT create --pid-file /nope/p $ID; code $RT state $ID",
        SLEEP,
        "code 1\ncode 1",
    ),
    *(
        Case(
            f"kill by {word or 'nothing'}",
            f"$RT run -d $ID >out; said program; $RT kill $ID {word}; until_is stopped; cat out",
            TRAP,
            "got",
        )
        for word in ("TERM", "SIGUSR1", "usr1", "10", "")
    ),
    Case(
        "kill by an unknown signal",
        "$RT run -d $ID; code $RT kill $ID NOPE; st",
        SLEEP,
        "code 1\nrunning",
    ),
    Case(
        "kill without effect", "$RT run -d $ID; code $RT kill $ID 0; st", SLEEP, "code 0\nrunning"
    ),
    Case(
        "kill of what has stopped",
        "$RT run --keep $ID; code $RT kill $ID",
        {"process.args": ["true"]},
        "code 1",
    ),
    Case(
        "kill of what is created",
        "$RT create $ID; $RT kill $ID KILL; until_is stopped; st",
        SLEEP,
        "stopped",
    ),
    Case("kill of what is not there", "code $RT kill $ID", SLEEP, "code 1"),
    Case(
        "kill of all",
        "$RT run -d $ID; $RT exec -d $ID sleep 60; $RT kill -a $ID KILL; until_is stopped; st",
        SLEEP,
        "stopped",
        root=True,
    ),
    Case(
        "delete of what runs", "$RT run -d $ID; code $RT delete $ID; st", SLEEP, "code 1\nrunning"
    ),
    Case(
        "delete of what is created",
        "$RT create $ID; code $RT delete $ID; code $RT state $ID",
        SLEEP,
        "code 0\ncode 1",
    ),
    Case(
        "delete of what has stopped",
        "$RT run --keep $ID; code $RT delete $ID; code $RT state $ID",
        {"process.args": ["true"]},
        "code 0\ncode 1",
    ),
    Case(
        "delete by force",
        "$RT run -d $ID; code $RT delete -f $ID; code $RT state $ID",
        SLEEP,
        "code 0\ncode 1",
    ),
    Case(
        "delete of what is not there",
        "code $RT delete $ID; code $RT delete -f $ID",
        SLEEP,
        "code 1\ncode 0",
    ),
    Case(
        "an id can be used again",
        "$RT run $ID; $RT run $ID; echo code $?",
        {"process.args": ["echo", "ran"]},
        "ran\nran\ncode 0",
    ),
    Case(
        "run in the background",
        "$RT run -d --pid-file p $ID >out; said program; [ $(cat p) = $(pid) ]; echo $?; st",
        SAYS,
        "0\nrunning",
    ),
    Case("run that is kept", "$RT run --keep $ID; st", {"process.args": ["true"]}, "stopped"),
    Case(
        "run leaves nothing",
        "$RT run $ID; code $RT state $ID; $RT list -q | wc -l",
        {"process.args": ["true"]},
        "code 1\n0",
    ),
    Case(
        "run is given a signal",
        "$RT run $ID >out & said program; kill -TERM $!; wait $!; echo code $?; cat out",
        TRAP,
        "code 0\nprogram\ngot",
    ),
    Case("list of ids", "$RT create $ID; $RT list -q", SLEEP, "ID\n"),
    Case(
        "list as a table",
        "$RT create $ID; $RT list | awk '{print $1, $3, $4}'",
        SLEEP,
        "ID STATUS BUNDLE\nID created BUNDLE",
    ),
    Case(
        "list as JSON",
        "$RT create $ID; $RT list -f json | tr , '\\n' | tr -d ' ' | grep -E '^\"(status|bundle)'",
        SLEEP,
        '"status":"created"',
    ),
    Case("list in an unknown form", "$RT create $ID; code $RT list -f nope", SLEEP, "code 1"),
    Case(
        "processes",
        "$RT run -d $ID; $RT exec -d $ID sleep 61; $RT ps $ID | grep -c sleep; "
        "$RT ps -f json $ID | tr , '\\n' | wc -l; $RT ps $ID -o pid,args | grep -o 'sleep 61'",
        SLEEP,
        "2\n2\nsleep 61",
        root=True,
    ),
    Case("exec", EXEC + "$ID echo ran; echo code $?", SLEEP, "ran\ncode 0"),
    Case("exec with an exit code", EXEC + "$ID sh -c 'exit 9'; echo code $?", SLEEP, "code 9"),
    Case("exec killed", EXEC + "$ID sh -c 'kill -9 $$'; echo code $?", SLEEP, "code 137"),
    Case("exec of what is not there", EXEC + "$ID nope; echo code $?", SLEEP, "code 255"),
    Case("exec without a command", EXEC + "$ID; echo code $?", SLEEP, "code 255"),
    Case("exec where nothing is", "code $RT exec $ID true", SLEEP, "code 255"),
    Case(
        "exec in what has stopped",
        "$RT run --keep $ID; code $RT exec $ID true",
        {"process.args": ["true"]},
        "code 255",
    ),
    Case(
        "exec in what is created",
        "$RT create $ID; $RT exec $ID echo ran; echo code $?; st",
        SLEEP,
        "ran\ncode 0\ncreated",
        root=True,
    ),
    Case("exec in a directory", EXEC + "--cwd /etc $ID pwd", SLEEP, "/etc"),
    Case(
        "exec with environment",
        EXEC + "-e A=1 -e B=2 $ID sh -c 'echo $A $B $HOME'",
        SLEEP,
        "1 2 /root",
    ),
    Case(
        "exec as a user",
        EXEC + "--user 70:71 $ID sh -c 'id -u; id -g; id -G'",
        SLEEP,
        "70\n71",
        root=True,
    ),
    Case(
        "exec with further groups", EXEC + "--user 70 -g 5 -g 6 $ID id -G", SLEEP, "5 6", root=True
    ),
    Case(
        "exec with a capability",
        EXEC + "--cap CAP_CHOWN $ID grep CapEff /proc/self/status",
        SLEEP,
        "CapEff:\t0000000020000421",
    ),
    Case(
        "exec without new privileges",
        EXEC + "--no-new-privs $ID grep NoNew /proc/self/status",
        SLEEP | {"process.noNewPrivileges": False},
        "NoNewPrivs:\t1",
    ),
    Case(
        "exec reads standard input", "$RT run -d $ID; echo given | $RT exec $ID cat", SLEEP, "given"
    ),
    Case(
        "exec in the background",
        EXEC + "-d --pid-file p $ID sleep 62; for i in $(seq 100); do "
        "grep -q 62 /proc/$(cat p)/cmdline && break; sleep 0.05; done; [ -d /proc/$(cat p) ] && "
        "tr '\\0' ' ' </proc/$(cat p)/cmdline",
        SLEEP,
        "sleep 62",
    ),
    Case(
        "exec by a file",
        '$RT run -d $ID; echo \'{"args": ["sh", "-c", "pwd; echo $A"], '
        '"cwd": "/etc", "env": ["PATH=/bin", "A=1"], "user": {"uid": 0, "gid": 0}}\''
        " >p.json; $RT exec -p p.json $ID",
        SLEEP,
        "/etc\n1",
    ),
    Case(
        "exec in a terminal",
        "$RT run -d $ID; script -qec \"$RT exec -t $ID sh -c 'test -t 0 && "
        "tty'\" /dev/null </dev/null | tr -d '\\r' | grep -o '/dev.*'",
        SLEEP,
        "/dev/pts/0",
    ),
    Case(
        "exec keeps file descriptors",
        "$RT run -d $ID; echo kept >f; exec 3<f; $RT exec --preserve-fds 1 $ID sh -c 'cat <&3'",
        SLEEP,
        "kept",
    ),
    Case(
        "exec sees the container",
        EXEC + '$ID sh -c \'hostname; cat /proc/1/cmdline | tr "\\0" " "\'',
        SLEEP | {"hostname": "box"},
        "box\nsleep 60",
    ),
    Case("spec", "mkdir s; cd s; $RT spec; code $RT spec; grep -c . config.json", SLEEP, "code 1"),
    Case(
        "spec of an ordinary user",
        "mkdir s; $RT spec --rootless -b s; tr -d ' \\t,' <s/config.json | sort",
        SLEEP,
        '"uidMappings"',
    ),
    Case(
        "spec in a bundle", "mkdir s; $RT spec --bundle s; cat s/config.json", SLEEP, '"ociVersion"'
    ),
    Case(
        "features",
        "$RT features | tr -d ' \\t' | grep -cE 'ociVersionM|prestart|poststop'",
        SLEEP,
        "4",
    ),
    Case(
        "log as JSON",
        "$RT --log l --log-format json start $ID 2>/dev/null; echo code $?; "
        "grep -o '\"msg\":.*container does not exist' l | tr -d ' '; grep -o 'level[\": ]*error' l"
        " | tr -d ' '",
        SLEEP,
        "code 1",
    ),
    Case(
        "log as text", "$RT --log l start $ID 2>/dev/null; grep -c 'level=error msg=' l", SLEEP, "1"
    ),
    Case("systemd's cgroups", "code $RT --systemd-cgroup run $ID", SLEEP, "code 1"),
    Case("command that is unknown", "code $RT nope", SLEEP, "code 3"),
    Case("option that is unknown", "code $RT run --nope $ID", SLEEP, "code 1"),
    Case(
        "id that is missing",
        "code $RT state; code $RT create; code $RT kill",
        SLEEP,
        "code 1\ncode 1\ncode 1",
    ),
)
