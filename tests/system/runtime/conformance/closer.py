"""Cases of what programs around a runtime take apart by patterns, and of odd corners."""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

SLEEP: dict[str, Any] = {"process.args": ["sleep", "60"]}
RAN: dict[str, Any] = {"process.args": ["sh", "-c", "echo ran"]}
OWN_CGROUP = {"linux.cgroupsPath": "/NAME"}
NAMESPACES = [{"type": kind} for kind in ("pid", "ipc", "mount")]
# a process with a namespace of its own, whose path takes PLACE's place in config.json
JOINED = (
    "unshare {} sleep 60 & other=$!; "
    "until [ $(readlink /proc/$other/ns/uts) != $(readlink /proc/self/ns/uts) ]; do sleep 0.02; "
    'done; sed -i "s#PLACE#/proc/$other/ns#g" config.json; '
)


def sh(text: str) -> dict[str, Any]:
    """Return the edit that has a shell do something."""
    return {"process.args": ["sh", "-c", text]}


def mount(kind: str, *options: str) -> dict[str, Any]:
    """Return the edit that mounts something at /mnt."""
    one = {"destination": "/mnt", "type": kind, "source": kind, "options": [*options]}
    return {"mounts+": [one]}


def hook(kind: str, *texts: str) -> dict[str, Any]:
    """Return the edit that has shells do something at a moment."""
    found = [{"path": "/bin/sh", "args": ["sh", "-c", text]} for text in texts]
    return {f"hooks.{kind}": found}


# the state as most hooks of shell read it
STATUS = 'sed \'s/.*"status":"\\([a-z]*\\)".*/\\1/\''

CASES = (
    # ── the command line ─────────────────────────────────────────────────────────────────────
    Case(
        "flag that is off by its value",
        "$RT run -d $ID; $RT exec --tty=false $ID tty; echo code $?",
        SLEEP,
        "not a tty\ncode 1",
    ),
    Case(
        "flags that are on by their values",
        "$RT run --keep=true $ID; echo code $?; st; code $RT delete -f=1 $ID; code $RT state $ID",
        sh("exit 3"),
        "code 3\nstopped\ncode 0\ncode 1",
    ),
    Case(
        "flag of another value",
        "code $RT run --keep=maybe $ID; code $RT run -d $ID; code $RT exec --tty=2 $ID true",
        SLEEP,
        "code 1\ncode 0\ncode 1",
    ),
    Case("command that there is not", "code $RT nonsense; code $RT", SLEEP, "code 3\ncode 0"),
    Case("state's last byte", "$RT run -d $ID; $RT state $ID | tail -c 1", SLEEP, "}"),
    Case(
        "first config of root to the byte",
        "mkdir q; cd q; $RT spec; sed 's/\"ociVersion\": .*//' config.json",
        SLEEP,
        '"root": {\n\t\t"path": "rootfs"',
    ),
    Case(
        "first config of a user to the byte",
        "mkdir q; cd q; $RT spec --rootless; sed 's/\"ociVersion\": .*//' config.json",
        SLEEP,
        '"hostID": ',
    ),
    Case("second config", "mkdir q; $RT spec -b q; code $RT spec -b q", SLEEP, "code 1"),
    Case(
        "architectures of filters",
        "$RT features | tr -d '\\t ' | grep -cE '\"SCMP_ARCH_(X86_64|X32|AARCH64|ARM)\"'",
        SLEEP,
        "4",
    ),
    Case(
        "log as JSON in Go's form",
        "$RT --log l --log-format json run $ID 2>&1 | sed 's/^runc //'; "
        "grep -o '\"level\":\"error\"' l",
        {"process.args": ["nope"]},
        '"level":"error"',
    ),
    Case(
        "log of what is done",
        "$RT --debug --log l run $ID; echo code $?; grep -q level=debug l && echo told",
        RAN,
        "ran\ncode 0\ntold",
    ),
    Case(
        "rootless by other words",
        "code $RT --rootless=true list; code $RT --rootless auto list",
        SLEEP,
        "code 0\ncode 0",
    ),
    Case(
        "file descriptors that are no number",
        "code $RT run --preserve-fds x $ID; $RT run --preserve-fds 0 $ID",
        RAN,
        "code 1\nran",
    ),
    Case(
        "pid file is the state's pid",
        "$RT create --pid-file p $ID; [ $(cat p) = $(pid) ] && echo same; wc -l <p; "
        "$RT delete -f $ID; [ -e p ] && echo kept",
        SLEEP,
        "same\n0\nkept",
    ),
    # ── execution ────────────────────────────────────────────────────────────────────────────
    Case(
        "exec by a file without arguments",
        "$RT run -d $ID; echo '{\"cwd\":\"/\"}' >p; code $RT exec -p p $ID",
        SLEEP,
        "code ",
    ),
    Case(
        "exec by a file without a directory",
        '$RT run -d $ID; echo \'{"args":["pwd"],"env":["PATH=/bin"]}\' >p; '
        "$RT exec -p p $ID; echo code $?",
        SLEEP,
        "code ",
    ),
    Case(
        "exec as users that are none",
        "$RT run -d $ID; for u in 1:2:3 a 1: :1; do code $RT exec -u $u $ID true; done",
        SLEEP,
        "code 255",
    ),
    Case(
        "exec in the top of its cgroup",
        "$RT run -d $ID; $RT exec --cgroup / $ID echo hi; echo code $?",
        SLEEP | OWN_CGROUP,
        "hi\ncode 0",
        root=True,
    ),
    # ── limits ───────────────────────────────────────────────────────────────────────────────
    Case(
        "update that is refused leaves no cgroup",
        "$RT run -d $ID; code $RT update --cpuset-cpus 0 --cpu-quota 7 $ID; st; "
        "$RT delete -f $ID; find /sys/fs/cgroup/ -name $ID | wc -l",
        SLEEP | OWN_CGROUP,
        "code 1\nrunning\n0",
        root=True,
    ),
    Case(
        "update by half a file",
        "$RT run -d $ID; echo '{' | $RT update -r - $ID 2>/dev/null; echo code $?; st",
        SLEEP | OWN_CGROUP,
        "code 1\nrunning",
        root=True,
    ),
    # ── mounts and devices ───────────────────────────────────────────────────────────────────
    *(
        Case(
            f"second {kind} elsewhere",
            "$RT run $ID; echo code $?",
            sh(f"ls /mnt{below} | head -1") | mount(kind, *options),
            "code 0",
        )
        for kind, below, options in (
            ("proc", "/self/status", ()),
            ("mqueue", "", ()),
            ("devpts", "/ptmx", ("newinstance", "ptmxmode=0666")),
        )
    ),
    Case(
        "tmpfs of an owner",
        "$RT run $ID; echo code $?",
        sh("stat -c '%u %g %a' /mnt") | mount("tmpfs", "uid=0", "gid=0", "mode=1700"),
        "0 0 1700\ncode 0",
    ),
    Case(
        "pipe among the devices",
        "$RT run $ID; echo code $?",
        sh("stat -c '%F %a' /dev/own")
        | {"linux.devices": [{"path": "/dev/own", "type": "p", "fileMode": 384}]},
        "fifo 600\ncode 0",
        root=True,
    ),
    Case(
        "all devices but one",
        "$RT run $ID; echo code $?",
        sh("head -c 1 /dev/zero | wc -c; head -c 1 /dev/null | wc -c")
        | {
            "linux.resources.devices": [
                {"allow": True, "access": "rwm"},
                {"allow": False, "type": "c", "major": 1, "minor": 5, "access": "rwm"},
            ],
            **OWN_CGROUP,
        },
        "code 0",
        root=True,
    ),
    # ── namespaces and parameters ────────────────────────────────────────────────────────────
    Case(
        "name of a host that others have",
        JOINED.format("--uts") + "$RT run $ID; nsenter -t $other --uts hostname; kill $other",
        sh("hostname")
        | {
            "hostname": "joined",
            "linux.namespaces": [*NAMESPACES, {"type": "uts", "path": "PLACE/uts"}],
        },
        "joined\njoined",
        root=True,
    ),
    Case(
        "two namespaces of one process",
        JOINED.format("--uts --ipc") + "$RT run $ID >found; kill $other; "
        'echo "$(cut -d" " -f1 found)" | tr -d "0-9"; cut -d" " -f2 found | tr -d "0-9"',
        sh("echo $(readlink /proc/self/ns/uts) $(readlink /proc/self/ns/ipc)")
        | {
            "hostname-": 0,
            "linux.namespaces": [
                *({"type": "pid"}, {"type": "mount"}),
                *({"type": kind, "path": f"PLACE/{kind}"} for kind in ("uts", "ipc")),
            ],
        },
        "uts:[]\nipc:[]",
        root=True,
    ),
    *(
        Case(
            f"kernel parameter by its name {name}",
            "$RT run $ID 2>/dev/null; echo code $?",
            sh(f"cat /proc/sys/{name.replace('.', '/')}") | {"linux.sysctl": {name: value}},
            f"code {0 if ours else 1}",
        )
        for name, value, ours in (
            ("kernel.sem", "1 2 3 4", True),
            ("kernel.msgmni", "77", True),
            ("kernel.shm_rmid_forced", "1", True),
            ("fs.mqueue.msg_max", "5", True),
            ("vm.overcommit_memory", "0", False),
            ("user.max_user_namespaces", "3", False),
            ("kernel.pid_max", "5000", False),
        )
    ),
    # ── hooks ────────────────────────────────────────────────────────────────────────────────
    *(
        Case(
            f"status that a pattern finds at {kind}",
            "$RT run $ID >/dev/null; echo code $?; cat told rootfs/told 2>/dev/null",
            RAN | hook(kind, f"{STATUS} >>{place}told"),
            f"code 0\n{status}",
        )
        for kind, place, status in (
            ("startContainer", "/", "created"),
        )
    ),
    *(
        Case(
            f"status that a pattern finds at {kind} outside",
            'place=$(pwd); sed -i "s#PLACE#$place#" config.json; '
            "$RT run $ID >/dev/null; echo code $?; cat told",
            RAN | hook(kind, f"{STATUS} >PLACE/told"),
            f"code 0\n{status}",
            runc=kind != "poststart",  # runc 1.1 runs it before the start
        )
        for kind, status in (
            *(("prestart", "creating"), ("createRuntime", "creating")),
            *(("poststart", "running"), ("poststop", "stopped")),
        )
    ),
    Case(
        "annotations that a pattern finds",
        'sed -i "s#PLACE#$(pwd)#" config.json; $RT run $ID; cat told',
        RAN
        | hook("createRuntime", "grep -o '\"annotations\":{[^}]*}' >PLACE/told")
        | {"annotations": {"a.b": "c"}},
        'ran\n"annotations":{"a.b":"c"}',
    ),
    Case(
        "pid that a pattern finds",
        (
            'sed -i "s#PLACE#$(pwd)#" config.json; $RT create $ID; '
            "[ $(cat told) = $(pid) ] && echo same"
        ),
        SLEEP | hook("createRuntime", 'sed \'s/.*"pid":\\([0-9]*\\).*/\\1/\' >PLACE/told'),
        "same",
    ),
    Case(
        "hooks of two kinds in their order",
        'sed -i "s#PLACE#$(pwd)#g" config.json; $RT run $ID; cat told',
        RAN
        | hook("prestart", "echo 1 >>PLACE/told", "echo 2 >>PLACE/told")
        | hook("createRuntime", "echo 3 >>PLACE/told"),
        "ran\n1\n2\n3",
    ),
)  # fmt: skip
