"""Cases of a `config.json` that says too little, too much, or something of another type."""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

RUN = "$RT run $ID; echo code $?"
RAN = {"process.args": ["echo", "ran"]}
# what the decoder says of a type, behind the command that failed
REASON = (
    "$RT run $ID 2>err; echo code $?; "
    "grep -Eo '(json: cannot|[Cc]wd|invalid rootfs|device access|unable to setup user: ).*' err"
    " | tr -d '\"'"
)


def _sh(text: str, **edits: Any) -> dict[str, Any]:
    return {"process.args": ["sh", "-c", text]} | {
        key.replace("__", "."): value for key, value in edits.items()
    }


def _typed(field: str, value: Any, struct: str, found: str, wanted: str) -> Case:
    """A field with a value of another type, which is refused by the field's name."""
    # what stands first is told: nothing before it may be wrong
    return Case(
        f"{field} that is {found.partition(' ')[0]} and no {wanted}: {value!r:.20}",
        REASON,
        {field: value},
        f"code 1\njson: cannot unmarshal {found} into Go struct field {struct}.{field} of type "
        f"{wanted}",
    )


CASES = (
    _typed("process.args", "true", "Process", "string", "[]string"),
    _typed("process.args", ["echo", 1], "Process", "number", "string"),
    _typed("process.env", {"A": "1"}, "Process", "object", "[]string"),
    _typed("process.terminal", "no", "Process", "string", "bool"),
    _typed("process.noNewPrivileges", "true", "Process", "string", "bool"),
    _typed("process.oomScoreAdj", "5", "Process", "string", "int"),
    _typed("process.user.uid", -1, "User", "number -1", "uint32"),
    _typed("process.user.uid", "0", "User", "string", "uint32"),
    _typed("process.user.gid", 1.5, "User", "number 1.5", "uint32"),
    _typed("process.user.umask", 4294967296, "User", "number 4294967296", "uint32"),
    _typed("process.user.additionalGids", 5, "User", "number", "[]uint32"),
    _typed("process.rlimits", {}, "Process", "object", "[]specs.POSIXRlimit"),
    _typed("process.capabilities", [], "Process", "array", "specs.LinuxCapabilities"),
    _typed("hostname", 5, "Spec", "number", "string"),
    _typed("root.readonly", "yes", "Root", "string", "bool"),
    _typed("mounts", {"a": 1}, "Spec", "object", "[]specs.Mount"),
    _typed("annotations", {"a": 1}, "Spec", "number", "string"),
    _typed("linux.sysctl", {"a": 1}, "Linux", "number", "string"),
    _typed("linux.maskedPaths", "/x", "Linux", "string", "[]string"),
    _typed("linux.namespaces", {}, "Linux", "object", "[]specs.LinuxNamespace"),
    _typed("linux.resources.cpu.shares", "5", "LinuxCPU", "string", "uint64"),
    _typed("linux.resources.pids.limit", True, "LinuxPids", "bool", "int64"),
    _typed("hooks.prestart", {}, "Hooks", "object", "[]specs.Hook"),
    Case("config that is an array", "echo '[]' >config.json; code $RT create $ID", {}, "code 1"),
    Case("config with something behind it", "echo x >>config.json; " + RUN, RAN, "ran\ncode 0"),
    Case(
        "config with a comment",
        "sed -i '1s,^,// c\\n,' config.json; code $RT create $ID",
        {},
        "code 1",
    ),
    Case("config that is missing", "rm config.json; code $RT create $ID", {}, "code 1"),
    Case(
        "config that is a directory",
        "rm config.json; mkdir config.json; code $RT create $ID",
        {},
        "code 1",
    ),
    Case(
        "config by a link",
        "mv config.json other; ln -s other config.json; " + RUN,
        RAN,
        "ran\ncode 0",
    ),
    Case("no process", RUN, {"process-": 1}, "code 1"),
    Case("no hooks", RUN, RAN | {"hooks": None}, "ran\ncode 0"),
    Case("version that is older", RUN, RAN | {"ociVersion": "1.0.0-rc1"}, "ran\ncode 0"),
    Case("arguments that are null", RUN, {"process.args": None}, "code 1"),
    Case("argument that is empty", RUN, {"process.args": [""]}, "code 1"),
    Case("working directory that is missing", REASON, {"process.cwd-": 1}, "code 1\nCwd"),
    Case("working directory that is a file", RUN, _sh("pwd", process__cwd="/etc/passwd"), "code 1"),
    Case(
        "working directory with dots",
        RUN,
        _sh("pwd", process__cwd="/etc/../bin/."),
        "/bin\ncode 0",
    ),
    Case("no user", RUN, _sh("id -u") | {"process.user-": 1}, "0\ncode 0"),
    Case(
        "user beyond what is a user",
        REASON,
        RAN | {"process.user": {"uid": 4294967294, "gid": 0}},
        "unable to setup user: uids and gids must be in range 0-2147483647",
        root=True,
    ),
    Case(
        "umask of nothing",
        RUN,
        _sh("umask", process__user={"uid": 0, "gid": 0, "umask": 0}),
        "0000\ncode 0",
    ),
    Case(
        "resource limit by its name in small letters",
        RUN,
        RAN | {"process.rlimits": [{"type": "rlimit_nofile", "soft": 1, "hard": 1}]},
        "code 1",
    ),
    Case(
        "resource limit twice",
        RUN,
        RAN
        | {"process.rlimits": [{"type": "RLIMIT_NOFILE", "soft": 64, "hard": n} for n in (99, 98)]},
        "ran\ncode 0",
    ),
    Case("oom score beyond all", RUN, RAN | {"process.oomScoreAdj": 1001}, "code 1"),
    Case("host name that is too long", RUN, {"hostname": "h" * 65}, "code 1"),
    Case(
        "host name as long as can be",
        RUN,
        {"hostname": "h" * 64, "process.args": ["hostname"]},
        "h" * 64,
    ),
    Case("root that is a file", "touch f; " + RUN, {"root.path": "f"}, "code 1"),
    Case(
        "root that is a link",
        "ln -s rootfs l; " + REASON,
        RAN | {"root.path": "l"},
        "invalid rootfs: not an absolute path, or a symlink",
    ),
    Case(
        "root by the way of its bundle",
        RUN,
        RAN | {"root.path": "../bundle/rootfs"},
        "ran\ncode 0",
    ),
    Case(
        "bind with an option of other file systems",
        "mkdir d; touch d/f; " + RUN,
        _sh("ls /x")
        | {
            "mounts+": [
                {
                    "destination": "/x",
                    "type": "bind",
                    "source": "d",
                    "options": ["bind", "size=5", "what"],
                }
            ]
        },
        "f\ncode 0",
    ),
    Case(
        "option that is empty",
        RUN,
        _sh("grep -c ' /x ' /proc/self/mounts")
        | {"mounts+": [{"destination": "/x", "type": "tmpfs", "source": "t", "options": [""]}]},
        "1\ncode 0",
    ),
    Case(
        "tmpfs that is shared",
        RUN,
        _sh("grep ' /x ' /proc/self/mountinfo | grep -o shared")
        | {
            "mounts+": [
                {
                    "destination": "/x",
                    "type": "tmpfs",
                    "source": "t",
                    "options": ["private", "shared"],
                }
            ]
        },
        "shared\ncode 0",
    ),
    Case(
        "tmpfs on a file",
        RUN,
        {"mounts+": [{"destination": "/etc/passwd", "type": "tmpfs", "source": "t"}]},
        "code 1",
    ),
    Case(
        "mount without a place",
        RUN,
        {"mounts+": [{"type": "tmpfs", "source": "tmpfs"}]},
        "code 1",
    ),
    Case(
        "two nodes at one place",
        RUN,
        _sh("ls -l /dev/x | tr -s ' ' | cut -d' ' -f5,6")
        | {
            "linux.devices": [
                {"path": "/dev/x", "type": "c", "major": 1, "minor": minor} for minor in (3, 5)
            ]
        },
        "1, 3\ncode 0",
        root=True,
    ),
    Case(
        "node in the place of a directory",
        RUN,
        _sh("ls -d /etc/passwd")
        | {"linux.devices": [{"path": "/etc", "type": "c", "major": 1, "minor": 3}]},
        "/etc/passwd\ncode 0",
        root=True,
    ),
    Case(
        "rule of devices without access",
        REASON,
        {"linux.resources.devices": [{"allow": True, "type": "c"}]},
        "device access at 0 field cannot be empty",
        root=True,
    ),
    Case(
        "cgroup's path with dots",
        "$RT run -d $ID; cut -d: -f3 /proc/$(pid)/cgroup | grep -x /$ID | sort -u",
        {"process.args": ["sleep", "60"], "linux.cgroupsPath": "/x/../NAME"},
        "/ID\n",
        root=True,
    ),
    Case(
        "limits that this user cannot set",
        "$RT run $ID; echo code $?",
        RAN | {"linux.resources.pids": {"limit": 10}, "linux.cgroupsPath": "/ipyc-nobody/NAME"},
        "code ",
    ),
    Case("filter that says nothing", RUN, RAN | {"linux.seccomp": {"syscalls": []}}, "ran\ncode 0"),
    Case(
        "filter that says nothing, and what is executed",
        "$RT run -d $ID; $RT exec $ID echo ran; echo code $?",
        {"process.args": ["sleep", "60"], "linux.seccomp": {"syscalls": []}},
        "ran\ncode 0",
    ),
    Case(
        "filter with a seventh argument",
        RUN,
        RAN
        | {
            "linux.seccomp": {
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [
                    {
                        "names": ["mkdir"],
                        "action": "SCMP_ACT_ERRNO",
                        "args": [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}],
                    }
                ],
            }
        },
        "code 1",
    ),
    Case(
        "hook without a path",
        "code $RT run $ID",
        {"hooks.createRuntime": [{}]},
        "code 1",
    ),
    Case(
        "hook without arguments",
        RUN,
        RAN | {"hooks.createRuntime": [{"path": "/bin/true"}]},
        "ran\ncode 0",
    ),
    Case(
        "hook that is killed",
        RUN,
        RAN | {"hooks.createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "kill -9 $$"]}]},
        "code 1",
    ),
    Case(
        "hooks of a moment that the specification lacks",
        RUN,
        RAN | {"hooks.whenever": [{"path": "/bin/false"}]},
        "ran\ncode 0",
    ),
    Case(
        "signal that is empty",
        "$RT run -d $ID; code $RT kill $ID ''; until_is stopped; st",
        {"process.args": ["sh", "-c", "trap 'exit' TERM; while :; do sleep 0.1; done"]},
        "code 0\nstopped",
    ),
    Case(
        "signal beyond all",
        "$RT run -d $ID; code $RT kill $ID 65; code $RT kill $ID -1; st",
        {"process.args": ["sleep", "60"]},
        "code 1\ncode 1\nrunning",
    ),
    Case("id of one dot more", "code $RT create ..; code $RT create 'a b'", {}, "code 1\ncode 1"),
    Case("id that is empty", "code $RT create ''; code $RT create a b", {}, "code 1\ncode 1"),
    Case(
        "exec by a file that is none",
        "$RT run -d $ID; echo '{}' >p; code $RT exec -p p $ID; code $RT exec -p none $ID",
        {"process.args": ["sleep", "60"]},
        "code 255\ncode 255",
    ),
)
