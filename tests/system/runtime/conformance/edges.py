"""Cases at the edges of what the runtime-spec and runc's own tests say in words.

A container between `create` and `start`, cgroups of others, hooks without an environment, options
as Go reads them, properties that nobody knows.
"""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

RUN = '$RT run $ID; echo "code $?"'
SPACES = [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]
SLEEP = {"process.args": ["sleep", "100"]}
GROUPS = "grep Groups /proc/self/status"
CAPS = "grep Cap /proc/self/status"


def _sh(text: str, **edits: Any) -> dict[str, Any]:
    changes = {name.replace("__", "."): value for name, value in edits.items()}
    return {"process.args": ["sh", "-c", text], **changes}


def _hook(moment: str, text: str, **more: Any) -> dict[str, Any]:
    hook = {"path": "/bin/sh", "args": ["sh", "-c", text], **more}
    return {"process.args": ["true"], "process.env+": ["OWN=2"], f"hooks.{moment}": [hook]}


def _mount(target: str, kind: str, source: str, *options: str) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": source, "options": list(options)}


def _with(field: str, value: Any, text: str) -> dict[str, Any]:
    return {**_sh(text), field: value}


CREATED = (
    *(
        Case(
            f"created container ends by {name}",
            f"$RT create $ID; $RT kill $ID {name}; echo killed $?; until_is stopped; "
            "$RT start $ID 2>&1 | grep -c 'has stopped'; $RT delete $ID; echo deleted $?",
            SLEEP,
            "killed 0\n1\ndeleted 0",
        )
        for name in ("HUP", "INT", "QUIT", "TERM", "ABRT", "SEGV")
    ),
    Case(
        "created container without a pid namespace ends by a signal",
        "$RT create $ID; $RT kill $ID TERM; until_is stopped; $RT delete $ID; echo deleted $?",
        {**SLEEP, "linux.namespaces": [each for each in SPACES if each["type"] != "pid"]},
        "deleted 0",
        root=True,
    ),
    *(
        Case(
            f"created container stays by {name}",
            f"$RT create $ID; $RT kill $ID {name}; $RT kill $ID 0; echo there $?; st; "
            "$RT start $ID; until_is stopped; cat rootfs/ran",
            _sh("echo yes >/ran"),
            "there 0\ncreated\nyes",
        )
        for name in ("USR1", "CHLD", "WINCH", "URG")
    ),
    Case(
        "program begins with signals as they are by default",
        "$RT create $ID; $RT start $ID; until_is stopped; cat rootfs/mask",
        _sh("grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status >/mask"),
        "SigBlk:\t0000000000000000",
    ),
)

PROCESSES = (
    Case(
        "limit on file locks",
        RUN,
        _with(
            "process.rlimits",
            [{"type": "RLIMIT_LOCKS", "hard": 777, "soft": 776}],
            "grep locks /proc/self/limits",
        ),
        "776",
    ),
    Case(
        "limit that no kernel has is refused by its name",
        "$RT run $ID 2>&1 | grep -o 'wrong rlimit value: RLIMIT_TEST'; $RT list -q",
        {"process.rlimits": [{"type": "RLIMIT_TEST", "hard": 1, "soft": 1}]},
        "RLIMIT_TEST",
    ),
    Case("further groups are none", RUN, _sh(GROUPS), "Groups:\t"),
    Case(
        "further groups are those that are named and no other",
        RUN,
        {**_sh(GROUPS), "process.user": {"uid": 5, "gid": 6, "additionalGids": [7, 8, 8]}},
        "Groups:\t7 8",
        root=True,
    ),
    Case(
        "own group is among the further ones where it is named",
        RUN,
        {**_sh(GROUPS), "process.user": {"uid": 5, "gid": 6, "additionalGids": [6]}},
        "Groups:\t6",
        root=True,
    ),
    Case(
        "user's groups in the container's own file count for nothing",
        "echo 'more:x:88:postgres' >>rootfs/etc/group; $RT run $ID",
        {**_sh(GROUPS), "process.user": {"uid": 70, "gid": 70}},
        "Groups:\t",
        root=True,
    ),
    Case(
        "exec has the groups that it names and no other",
        f"$RT run -d $ID; $RT exec -u 5:6 -g 9 $ID {GROUPS}; $RT exec -u 5:6 $ID {GROUPS}",
        {**SLEEP, "process.user": {"uid": 1, "gid": 2, "additionalGids": [3]}},
        "Groups:\t3 9",
        root=True,
    ),
    *(
        Case(
            f"working directory {path}",
            "ln -s tmp rootfs/link; " + RUN,
            _with("process.cwd", path, "/bin/pwd -P; stat -c %a ."),
            shown,
        )
        for path, shown in (
            ("/no/such/one", "/no/such/one\n755"),
            ("/tmp/../etc", "/etc\n755"),
            ("/link", "/tmp\n"),
        )
    ),
    *(
        Case(f"program named {word}", RUN, {"process.args": [word, "said"]}, shown)
        for word, shown in (
            ("bin/echo", "said\ncode 0"),
            ("../bin/echo", "said\ncode 0"),
            ("/etc", "code 1"),
            ("/etc/passwd", "code 1"),
        )
    ),
    *(
        Case(
            f"capabilities of {words}",
            RUN,
            _with("process.capabilities", {key: ["CAP_KILL"] for key in words.split()}, CAPS),
            shown,
        )
        for words, shown in (
            ("bounding", "CapBnd:\t0000000000000020"),
            ("bounding effective", "code 1"),
            ("bounding permitted", "CapPrm:\t0000000000000020"),
            ("bounding permitted ambient", "CapAmb:\t0000000000000000"),
            ("bounding effective permitted inheritable ambient", "CapAmb:\t0000000000000020"),
        )
    ),
)

HOOKS = (
    *(
        Case(
            f"{moment} hook without an environment has that of who runs it",
            'FOREIGN=1 $RT run $ID; cat hk rootfs/hk 2>/dev/null | sort; echo "code $?"',
            _hook(moment, "/usr/bin/env | grep -E '^(FOREIGN|OWN)=' >>hk"),
            shown,
        )
        for moment, shown in (
            ("prestart", "FOREIGN=1\ncode"),
            ("createRuntime", "FOREIGN=1\ncode"),
            ("createContainer", "OWN=2\ncode"),
            ("startContainer", "OWN=2\ncode"),
            ("poststart", "FOREIGN=1\ncode"),
            ("poststop", "FOREIGN=1\ncode"),
        )
    ),
    *(
        Case(
            f"{moment} hook with an empty environment has none",
            "FOREIGN=1 $RT run $ID; cat hk rootfs/hk 2>/dev/null",
            _hook(moment, "/usr/bin/env | grep -cE '^(FOREIGN|OWN)=' >>hk; true", env=[]),
            "0",
        )
        for moment in ("createRuntime", "createContainer", "startContainer", "poststop")
    ),
    Case(
        "hook's variable without a value is none",
        "$RT run $ID; sort hk",
        _hook("createRuntime", "/usr/bin/env >hk", env=["B=2", "C"]),
        "B=2\nPWD",
    ),
    Case(
        "hook's state has its annotations in order, and marks of HTML escaped",
        "$RT run $ID; cat hk",
        {
            **_hook("createRuntime", "grep -o '\"annotations\":{[^}]*}' >hk"),
            "annotations": {"b": "<&>", "a": "1"},
        },
        '{"a":"1","b":"\\u003c\\u0026\\u003e"}',
    ),
)

COMMANDS = (
    Case(
        "state of a running container in full",
        '$RT run -d $ID; $RT state $ID | sed \'s/"pid": [1-9][0-9]*/PID/; s/"created": .*/C/\'',
        {**SLEEP, "annotations": {"b.c": "\u2028 <&>", "a": ""}},
        '"owner": ""',
    ),
    Case(
        "bundle through a link",
        "ln -s . link; $RT create -b link $ID; $RT state $ID | grep -E 'bundle|rootfs'",
        SLEEP,
        '"bundle": "BUNDLE"',
    ),
    Case(
        "options with one dash",
        "$RT run -detach -pid-file p -bundle . $ID; echo $?; [ $(cat p) = $(pid) ] && echo same; "
        "$RT list -format=json | grep -c running; $RT list -quiet; $RT exec -cwd /tmp $ID pwd; "
        "$RT delete -force $ID; echo $?",
        SLEEP,
        "same\n1\nID\n/tmp\n0",
    ),
    Case(
        "options of one letter with two dashes",
        "$RT run --d --b . $ID; echo $?; $RT list --q; $RT exec --e A=b $ID env | grep A=; "
        "$RT kill --a $ID KILL; until_is stopped; $RT delete --f $ID; echo $?",
        SLEEP,
        "ID\nA=b\n0",
        root=True,
    ),
    Case(
        "global options with one dash",
        "set -- ${RT%% --root*}; $1 -log l -log-format json -root nowhere state none; echo $?; "
        'grep -c \'"level":"error"\' l',
        shows="1\n1",
    ),
    Case(
        "root directory that is a file",
        "set -- ${RT%% --root*}; $1 --root config.json list; echo $?; "
        "$1 --root config.json run $ID; echo $?",
        shows="1\n1",
    ),
    Case(
        "processes of what has stopped are null in JSON",
        "$RT run --keep $ID; $RT ps -f json $ID; echo $?",
        {"process.args": ["true"]},
        "null\n0",
        root=True,
    ),
    Case(
        "exec by a file that is no JSON",
        "$RT run -d $ID; for text in '{' '' nonsense '{}' '[]' '{\"args\":[\"true\"]}'; do "
        'echo "$text" >p; $RT exec -p p $ID; echo $?; done',
        SLEEP,
        "255\n255\n255\n255\n255\n255",
    ),
    Case(
        "exec by a file with something behind the object",
        '$RT run -d $ID; echo \'{"args":["echo","said"],"cwd":"/","env":'
        '["PATH=/bin"]} more\' >p; $RT exec -p p $ID; echo $?',
        SLEEP,
        "said\n0",
    ),
    Case(
        "resources that nobody knows are ignored",
        RUN,
        {
            **_sh("echo ran"),
            "linux.resources.foo": 1,
            "linux.resources.pids": {"limit": 50, "bar": [2]},
        },
        "ran\ncode 0",
        root=True,
    ),
    Case(
        "update with fields that nobody knows",
        '$RT run -d $ID; echo \'{"foo":1,"pids":{"bar":2,"limit":33}}\' | $RT update -r - $ID; '
        "echo $?; cat /sys/fs/cgroup/pids/$ID/pids.max",
        SLEEP,
        "0\n33",
        root=True,
    ),
)

MOUNTS = (
    *(
        Case(
            f"bind of a private mount that is {word}",
            "mkdir src; " + RUN,
            {
                **_sh("grep ' /m ' /proc/self/mountinfo | cut -d' ' -f7"),
                "mounts+": [_mount("/m", "bind", "src", "rbind", word)],
            },
            "shared:N\ncode 0",
            root=True,
        )
        for word in ("shared", "rshared")
    ),
    Case(
        "/dev that is read-only gets its devices before",
        RUN,
        {
            **_sh("touch /dev/x; echo x >/dev/null && ls /dev/zero; readlink /dev/fd"),
            "mounts": [
                _mount("/proc", "proc", "proc"),
                _mount("/dev", "tmpfs", "tmpfs", "nosuid", "mode=755", "ro"),
            ],
        },
        "/dev/zero\n/proc/self/fd\ncode 0",
    ),
    Case(
        "masked directory is empty and a masked file too",
        "mkdir rootfs/d; echo s >rootfs/d/f; echo t >rootfs/g; " + RUN,
        _with("linux.maskedPaths", ["/d", "/g", "/none", "/d/f"], "ls /d; cat /g; touch /d/x"),
        "code 1",
    ),
    Case(
        "read-only path below a link",
        "mkdir rootfs/d; ln -s d rootfs/link; " + RUN,
        _with("linux.readonlyPaths", ["/link"], "touch /d/x; echo $?"),
        "1\ncode 0",
    ),
)

CGROUPS = (
    Case(
        "two containers in one cgroup",
        "$RT run -d $ID >out; $RT run -d $ID-2 >out 2>&1; "
        'grep -o "container\'s cgroup is not empty" out; '
        "$RT delete -f $ID-2; echo $?; st; "
        "wc -l </sys/fs/cgroup/pids/$ID-both/cgroup.procs; $RT delete -f $ID; echo $?; "
        "ls -d /sys/fs/cgroup/*/$ID-both 2>/dev/null",
        {**SLEEP, "linux.cgroupsPath": "/NAME-both"},
        "container's cgroup is not empty\n0\nrunning\n1\n0",
        root=True,
    ),
    Case(
        "start that fails in another's cgroup leaves that one alone",
        '$RT run -d $ID; sed -i \'s/"sleep"/"none"/\' config.json; $RT run -d $ID-2; echo $?; '
        "st; wc -l </sys/fs/cgroup/pids/$ID-both/cgroup.procs; $RT list -q",
        {**SLEEP, "linux.cgroupsPath": "/NAME-both"},
        "1\nrunning\n1\nID",
        root=True,
    ),
    Case(
        "cgroup that is there already keeps its limits",
        "mkdir /sys/fs/cgroup/pids/$ID; echo 44 >/sys/fs/cgroup/pids/$ID/pids.max; "
        "$RT run -d $ID; echo $?; cat /sys/fs/cgroup/pids/$ID/pids.max; $RT delete -f $ID; "
        "ls -d /sys/fs/cgroup/*/$ID 2>/dev/null",
        SLEEP,
        "0\n44",
        root=True,
    ),
    Case(
        "cgroup that is there already and frozen is refused",
        "mkdir /sys/fs/cgroup/freezer/$ID; echo FROZEN >/sys/fs/cgroup/freezer/$ID/freezer.state; "
        '$RT run -d $ID >out 2>&1; grep -o "container\'s cgroup unexpectedly frozen" out; '
        "$RT list -q; rmdir /sys/fs/cgroup/*/$ID 2>/dev/null; true",
        SLEEP,
        "frozen",
        root=True,
    ),
)

CASES = (*CREATED, *PROCESSES, *HOOKS, *COMMANDS, *MOUNTS, *CGROUPS)
