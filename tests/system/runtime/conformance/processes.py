"""Cases of `process`: what is executed, as whom, with which rights (config.md "Process")."""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

RUN = "$RT run $ID; echo code $?"


def _sh(text: str, **edits: Any) -> dict[str, Any]:
    return {"process.args": ["sh", "-c", text]} | {
        key.replace("__", "."): value for key, value in edits.items()
    }


def _caps(**sets: list[str]) -> dict[str, Any]:
    return {"process.capabilities": sets}


STATUS = "grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status"
SOME = ["CAP_CHOWN", "CAP_KILL"]

CASES = (
    Case("exit code", RUN, _sh("exit 7"), "code 7"),
    Case(
        "program killed by a signal",
        RUN,
        {"process.args": ["sh", "-c", "sh -c 'kill -9 $$'; exit $?"]},
        "code 137",
    ),
    Case(
        "environment",
        RUN,
        {"process.args": ["env"], "process.env": ["PATH=/bin:/usr/bin", "A=1", "B=x y"]},
        "B=x y",
    ),
    Case(
        "environment the last of two wins",
        RUN,
        _sh("echo $A", process__env=["PATH=/bin", "A=1", "A=2"]),
        "2",
    ),
    Case("home of root", RUN, _sh("echo $HOME"), "/root"),
    Case(
        "home of another user",
        RUN,
        _sh("echo $HOME", process__user={"uid": 70, "gid": 70}),
        "/var/lib",
        root=True,
    ),
    Case("home as given", RUN, _sh("echo $HOME", process__env=["PATH=/bin", "HOME=/x"]), "/x"),
    Case("working directory", RUN, _sh("pwd", process__cwd="/var/lib"), "/var/lib"),
    Case("working directory that is made", RUN, _sh("pwd", process__cwd="/new/one"), "/new/one"),
    Case("working directory that is not absolute", RUN, _sh("pwd", process__cwd="x"), "code 1"),
    Case("working directory that is empty", RUN, _sh("pwd", process__cwd=""), "code 1"),
    Case(
        "user and group",
        RUN,
        _sh("id -u; id -g; id -G", process__user={"uid": 70, "gid": 71}),
        "70",
        root=True,
    ),
    Case(
        "additional groups",
        RUN,
        _sh("id -G", process__user={"uid": 70, "gid": 70, "additionalGids": [5, 1000]}),
        "70 5 1000",
        root=True,
    ),
    Case("umask", RUN, _sh("umask", process__user={"uid": 0, "gid": 0, "umask": 63}), "0077"),
    Case("umask by default", RUN, _sh("umask"), "0022"),
    Case(
        "capabilities of root",
        RUN,
        _sh(STATUS) | _caps(bounding=SOME, effective=SOME, permitted=SOME),
        "CapEff:\t0000000000000021",
    ),
    Case(
        "capabilities of another user",
        RUN,
        _sh(STATUS, process__user={"uid": 70, "gid": 70})
        | _caps(bounding=SOME, effective=SOME, permitted=SOME),
        "CapEff:\t0000000000000000",
        root=True,
    ),
    Case(
        "ambient capabilities of another user",
        RUN,
        _sh(STATUS, process__user={"uid": 70, "gid": 70})
        | _caps(bounding=SOME, effective=SOME, permitted=SOME, inheritable=SOME, ambient=SOME),
        "CapAmb:\t0000000000000021",
        root=True,
    ),
    Case(
        "inheritable capabilities alone",
        RUN,
        _sh(STATUS) | _caps(bounding=SOME, permitted=SOME, inheritable=SOME),
        "CapInh:\t0000000000000021",
    ),
    Case(
        "bounding set that is larger",
        RUN,
        _sh(STATUS) | _caps(bounding=["CAP_NET_RAW", *SOME], effective=SOME, permitted=SOME),
        "CapBnd:\t0000000000002021",
    ),
    Case(
        "capability that the kernel lacks",
        RUN,
        _sh(STATUS) | _caps(bounding=["CAP_NONE", *SOME], effective=SOME, permitted=SOME),
        "CapBnd:\t0000000000000021",
    ),
    Case(
        "no capabilities",
        RUN,
        _sh(STATUS) | {"process.capabilities-": None},
        "CapBnd:\t0000000000000000",
    ),
    Case("no new privileges", RUN, _sh(STATUS, process__noNewPrivileges=True), "NoNewPrivs:\t1"),
    Case("new privileges", RUN, _sh(STATUS, process__noNewPrivileges=False), "NoNewPrivs:\t0"),
    Case(
        "resource limits",
        RUN,
        _sh(
            "ulimit -n; ulimit -Hn; ulimit -c",
            process__rlimits=[
                {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
                {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
            ],
        ),
        "100\n200",
    ),
    Case(
        "resource limit that does not exist",
        RUN,
        _sh("echo ran", process__rlimits=[{"type": "RLIMIT_X", "soft": 1, "hard": 1}]),
        "code 1",
    ),
    Case(
        "resource limit above its hard one",
        RUN,
        _sh("echo ran", process__rlimits=[{"type": "RLIMIT_NOFILE", "soft": 9, "hard": 8}]),
        "code 1",
    ),
    Case("oom score", RUN, _sh("cat /proc/self/oom_score_adj", process__oomScoreAdj=300), "300"),
    Case("oom score of the caller", RUN, _sh("cat /proc/self/oom_score_adj"), "0"),
    Case("no arguments", RUN, {"process.args": []}, "code 1"),
    Case("command that is not there", RUN, {"process.args": ["nope"]}, "code 1"),
    Case("command by path that is not there", RUN, {"process.args": ["/nope"]}, "code 1"),
    Case("command that is a directory", RUN, {"process.args": ["/etc"]}, "code 1"),
    Case("command that may not be executed", RUN, {"process.args": ["/etc/passwd"]}, "code 1"),
    Case(
        "command found by the container's path",
        "mkdir rootfs/own; printf '#!/bin/sh\\necho own' >rootfs/own/mine; "
        "chmod +x rootfs/own/mine; " + RUN,
        {"process.args": ["mine"], "process.env": ["PATH=/own:/bin"]},
        "own",
    ),
    Case(
        "command relative to the working directory",
        "mkdir -p rootfs/own; printf '#!/bin/sh\\necho here' >rootfs/own/it; "
        "chmod +x rootfs/own/it; " + RUN,
        {"process.args": ["./it"], "process.cwd": "/own"},
        "here",
    ),
    Case(
        "standard input",
        "echo given | $RT run $ID; echo code $?",
        {"process.args": ["cat"]},
        "given",
    ),
    Case(
        "standard error",
        "$RT run $ID 2>&1 >/dev/null; echo code $?",
        _sh("echo e >&2; echo o"),
        "e\n",
    ),
    Case("much output", "$RT run $ID | wc -c", _sh("yes 123456789 | head -n 200000"), "2000000"),
    Case(
        "signals have their default action",
        RUN,
        {"process.args": ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"]},
        "SigIgn:\t0000000000000000",
        runc=False,
    ),
    Case("no file descriptor is left open", RUN, _sh("ls /proc/self/fd"), "0\n1\n2\n"),
    Case(
        "no terminal",
        RUN,
        _sh("[ -t 0 ] || echo none; cat /proc/self/stat | cut -d' ' -f7"),
        "none\n0",
    ),
    Case(
        "preserved file descriptors",
        "echo kept >f; exec 3<f; $RT run --preserve-fds 1 $ID; echo code $?",
        _sh("cat <&3"),
        "kept",
    ),
    Case(
        "preserved file descriptor that is not open",
        "$RT run --preserve-fds 3 $ID; echo code $?",
        _sh("echo ran"),
        "code 1",
        runc=False,
    ),
    Case(
        "socket activation",
        (
            "echo kept >f; exec 3<f; "
            "sh -c 'LISTEN_FDS=1 LISTEN_PID=$$ exec $RT run $ID'; echo code $?"
        ),
        _sh("cat <&3; echo $LISTEN_FDS $LISTEN_PID"),
        "kept\n1 1",
    ),
    Case(
        "socket activation of another process",
        "echo kept >f; exec 3<f; LISTEN_FDS=1 LISTEN_PID=1 $RT run $ID; echo code $?",
        _sh("ls /proc/self/fd | wc -l; echo .$LISTEN_FDS.$LISTEN_PID."),
        "...\ncode 0",
    ),
    Case(
        "session keyring of the caller",
        "$RT run --no-new-keyring $ID; echo code $?",
        _sh("echo ran"),
        "ran\ncode 0",
    ),
    Case(
        "property that the specification lacks",
        RUN,
        _sh("echo ran") | {"unheard.of": 1, "process.unheard": {"a": 1}, "linux.unheard": 2},
        "ran",
    ),
    Case(
        "terminal without a console socket",
        "code $RT create $ID",
        {"process.terminal": True},
        "code 1",
    ),
    Case(
        "console socket without a terminal",
        "code $RT create --console-socket x $ID; code $RT run --console-socket x $ID",
        {},
        "code 1\ncode 1",
    ),
    Case(
        "terminal in the foreground",
        "script -qec \"$RT run $ID\" /dev/null </dev/null | tr -d '\\r' | grep -o '[/ic].*'",
        _sh("tty; test -t 1 && echo is one; ls -l /dev/console | cut -c1", process__terminal=True),
        "is one",
    ),
    Case(
        "SELinux label without SELinux",
        RUN,
        _sh("echo ran", process__selinuxLabel="system_u:system_r:x"),
        "code 1",
    ),
    Case(
        "scheduling policy",
        RUN,
        _sh(
            "cut -d' ' -f19,41 /proc/self/stat",
            process__scheduler={"policy": "SCHED_BATCH", "nice": 5},
        ),
        "5 3",
        runc=False,
    ),
    Case(
        "scheduling policy in real time",
        RUN,
        {
            "process.args": ["cut", "-d ", "-f40,41", "/proc/self/stat"],
            "process.scheduler": {
                "policy": "SCHED_FIFO",
                "priority": 7,
                "flags": ["SCHED_FLAG_RESET_ON_FORK"],
            },
            # where the kernel has groups for it, a new one has no time at all
            "linux.resources.cpu": {"realtimePeriod": 1_000_000, "realtimeRuntime": 1000},
            "linux.cgroupsPath": "/NAME",
        },
        "7 1",
        root=True,
        runc=False,
    ),
    Case(
        "scheduling policy with a deadline",
        RUN,
        {
            "process.args": ["grep", "-E", "^(policy|dl.runtime|dl.deadline) ", "/proc/self/sched"],
            "process.scheduler": {
                "policy": "SCHED_DEADLINE",
                "runtime": 10_000_000,
                "deadline": 30_000_000,
                "period": 30_000_000,
            },
        },
        "code 0",
        root=True,
        runc=False,
    ),
    Case(
        "scheduling policy that is unknown",
        "code $RT run $ID",
        {"process.scheduler": {"policy": "SCHED_NOPE"}},
        "code 1",
        runc=False,
    ),
    Case(
        "scheduling flag that is unknown",
        "code $RT run $ID",
        {"process.scheduler": {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_NOPE"]}},
        "code 1",
        runc=False,
    ),
    Case(
        "size of a terminal is that of the caller's",
        "script -qec \"stty rows 11 cols 22; $RT run $ID\" /dev/null </dev/null | grep -o '11 22'",
        _sh(
            # runc gives it the size that the bundle names until it has looked at the caller's
            "for n in $(seq 100); do stty size | grep -q '11 22' && break; sleep 0.05; done; "
            "stty size",
            process__terminal=True,
            process__consoleSize={"height": 33, "width": 44},
        ),
        "11 22",
    ),
    Case(
        "size of a terminal from its beginning",
        "script -qec \"stty rows 11 cols 22; $RT run $ID\" /dev/null </dev/null | grep -o '11 22'",
        _sh("stty size", process__terminal=True),
        "11 22",
        runc=False,  # which is not always as fast as the program
    ),
    Case(
        "AppArmor profile without AppArmor",
        "[ -d /sys/kernel/security/apparmor ] && echo code 1 || code $RT run $ID",
        _sh("echo ran", process__apparmorProfile="nothing"),
        "code 1",
    ),
    Case(
        "label of mounts without SELinux",
        "code $RT run $ID",
        {"linux.mountLabel": "system_u:object_r:x"},
        "code 1",
    ),
    Case(
        "I/O priority",
        RUN,
        _sh("ionice -p 1", process__ioPriority={"class": "IOPRIO_CLASS_IDLE", "priority": 0}),
        "idle",
        runc=False,
    ),
    Case(
        "personality",
        RUN,
        _sh("uname -m", linux__personality={"domain": "LINUX32"}),
        "i686",
        runc=False,
    ),
)
