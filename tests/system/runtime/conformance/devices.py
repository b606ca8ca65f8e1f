"""Cases of `linux.devices` and of the rules about them."""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

RUN = "$RT run $ID; echo code $?"
NODES = "null zero full random urandom tty"


def _sh(text: str) -> dict[str, Any]:
    return {"process.args": ["sh", "-c", text]}


def _device(path: str, kind: str, major: int = 0, minor: int = 0, **more: Any) -> dict[str, Any]:
    return {"path": path, "type": kind, "major": major, "minor": minor, **more}


def _with(device: dict[str, Any], text: str) -> dict[str, Any]:
    return _sh(text) | {"linux.devices": [device]}


def _rules(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"linux.resources": {"devices": [{"allow": False, "access": "rwm"}, *rules]}}


# one that no container has by default, and that does nothing when it is opened
FUSE = _device("/dev/mine", "c", 10, 229, fileMode=0o600)
READ = "(: </dev/mine) 2>&1 | grep -o permitted; echo done"
WRITE = "(: >/dev/mine) 2>&1 | grep -o permitted; echo done"
SHOWN = "stat -c '%F %a %u %g %t %T' "

CASES = (
    Case(
        "nodes that every container has",
        RUN,
        _sh(f"cd /dev; for n in {NODES}; do stat -c '%n %F %t %T' $n; done"),
        "null character special file 1 3",
    ),
    Case(
        "links in dev",
        RUN,
        _sh("cd /dev; for n in fd stdin stdout stderr ptmx; do readlink $n;done"),
        "/proc/self/fd\n/proc/self/fd/0",
    ),
    Case(
        "nodes that every container has can be used",
        RUN,
        _sh(
            "echo x >/dev/null; head -c3 /dev/zero | wc -c; head -c3 /dev/urandom | wc -c;"
            "echo x >/dev/full; echo $?"
        ),
        "3\n3\n1",
    ),
    Case(
        "character device with mode and owner",
        RUN,
        _with(_device("/dev/mine", "c", 1, 5, fileMode=0o640, uid=70, gid=71), SHOWN + "/dev/mine"),
        "character special file 640 70 71 1 5",
        root=True,
    ),
    Case(
        "character device by default",
        RUN,
        _with(_device("/dev/mine", "c", 1, 5), SHOWN + "/dev/mine"),
        "1 5",
        root=True,
    ),
    Case(
        "unbuffered device",
        RUN,
        _with(_device("/dev/mine", "u", 1, 5, fileMode=0o600), SHOWN + "/dev/mine"),
        "1 5",
        root=True,
    ),
    Case(
        "block device",
        RUN,
        _with(_device("/dev/disk", "b", 7, 200, fileMode=0o600), SHOWN + "/dev/disk"),
        "block special file 600 0 0 7 c8",
        root=True,
    ),
    Case(
        "fifo",
        RUN,
        _with(_device("/dev/pipe", "p", fileMode=0o622), "stat -c '%F %a' /dev/pipe"),
        "fifo 622",
        root=True,
    ),
    Case(
        "device in a directory of its own",
        RUN,
        _with(_device("/dev/a/b/zero", "c", 1, 5), "head -c4 /dev/a/b/zero | wc -c"),
        "4",
        root=True,
    ),
    Case(
        "device outside of dev",
        RUN,
        _with(_device("/zero", "c", 1, 5), "head -c4 /zero | wc -c"),
        "4",
        root=True,
    ),
    Case(
        "device instead of a usual one",
        RUN,
        _with(_device("/dev/null", "c", 1, 5, fileMode=0o600), SHOWN + "/dev/null"),
        "600 0 0 1 5",
        root=True,
        runc=False,
    ),
    Case(
        "device of an unknown type",
        "code $RT run $ID",
        _with(_device("/dev/x", "z", 1, 5), "id"),
        "code 1",
    ),
    Case("device that no rule allows", RUN, _with(FUSE, READ) | _rules(), "permitted", root=True),
    Case(
        "device that a rule allows",
        RUN,
        _with(FUSE, READ)
        | _rules({"allow": True, "type": "c", "major": 10, "minor": 229, "access": "r"}),
        "code 0",
        root=True,
    ),
    Case(
        "device that a rule allows to be written only",
        RUN,
        _with(FUSE, READ)
        | _rules({"allow": True, "type": "c", "major": 10, "minor": 229, "access": "w"}),
        "permitted",
        root=True,
    ),
    Case(
        "devices of a whole major number",
        RUN,
        _with(FUSE, READ) | _rules({"allow": True, "type": "c", "major": 10, "access": "rw"}),
        "code 0",
        root=True,
    ),
    Case(
        "all devices",
        RUN,
        _with(FUSE, READ) | _rules({"allow": True, "access": "rwm"}),
        "code 0",
        root=True,
    ),
    Case(
        "rules of the cgroup",
        "$RT run -d $ID; sed -n 1,20p /sys/fs/cgroup/devices/$ID/devices.list | sort",
        {"process.args": ["sleep", "60"]},
        "c 1:3 rwm",
        root=True,
    ),
    Case(
        "device made inside",
        RUN,
        _sh("mknod /tmp/f c 10 229; echo $?; (: </tmp/f) 2>&1 | grep -o permitted")
        | {
            "process.capabilities.bounding+": ["CAP_MKNOD"],
            "process.capabilities.effective+": ["CAP_MKNOD"],
            "process.capabilities.permitted+": ["CAP_MKNOD"],
        },
        "0\npermitted",
        root=True,
    ),
    Case(
        "dev that is the host's directory",
        "mkdir dev; " + RUN,
        _sh("ls -A /dev | wc -l")
        | {
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "bind", "source": "dev", "options": ["rbind"]},
            ]
        },
        "0",
        runc=False,
    ),
)
