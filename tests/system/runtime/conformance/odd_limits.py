"""Cases of devices, their rules, cgroups and limits that are odd or wrong."""

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
        "device by a relative path",
        "$RT run $ID; echo code $?",
        sh("ls -l /dev/own | cut -c1-10")
        | {"linux.devices": [{"path": "dev/own", "type": "c", "major": 1, "minor": 3}]},
        "crw-rw-rw-\ncode 0",
        root=True,
    ),
    Case(
        "device with dots",
        "$RT run $ID; echo code $?",
        sh("ls -l /own /dev/own 2>/dev/null | cut -c1-10")
        | {"linux.devices": [{"path": "/dev/../own", "type": "c", "major": 1, "minor": 3}]},
        "crw-rw-rw-\ncode 0",
        root=True,
    ),
    Case(
        "device without rights",
        "$RT run $ID; echo code $?",
        sh("stat -c %a /dev/own")
        | {
            "linux.devices": [
                {"path": "/dev/own", "type": "c", "major": 1, "minor": 3, "fileMode": 0}
            ]
        },
        "0\ncode 0",
        root=True,
    ),
    Case(
        "device with bits beyond rights",
        "$RT run $ID; echo code $?",
        sh("stat -c %a /dev/own")
        | {
            "linux.devices": [
                {"path": "/dev/own", "type": "c", "major": 1, "minor": 3, "fileMode": 35327}
            ]
        },
        "777\ncode 0",
        root=True,
    ),
    Case(
        "device without a number",
        "code $RT run $ID",
        RAN | {"linux.devices": [{"path": "/dev/own", "type": "c"}]},
        "code 0",
        root=True,
    ),
    Case(
        "device in a user's container",
        "$RT run $ID; echo code $?",
        sh("ls /dev/own")
        | {"linux.devices": [{"path": "/dev/own", "type": "c", "major": 1, "minor": 3}]},
        "code ",
    ),
    Case(
        "cgroup by a relative path",
        (
            "$RT run -d $ID; grep -o 'pids:.*' /proc/$(pid)/cgroup | grep -o 'rel.*'; "
            "$RT delete -f $ID; find /sys/fs/cgroup/ -name rel-$ID | wc -l"
        ),
        {"process.args": ["sleep", "60"], "linux.cgroupsPath": "rel-NAME"},
        "rel-ID\n0",
        root=True,
    ),
    Case(
        "cgroup in systemd's words",
        (
            "$RT run -d $ID; echo code $?; grep -o 'pids:.*' /proc/$(pid)/cgroup | "
            "grep -o 'x.slice.*'"
        ),
        {"process.args": ["sleep", "60"], "linux.cgroupsPath": "x.slice:runc:NAME"},
        "code 0\nx.slice:runc:ID",
        root=True,
    ),
    Case(
        "memory of one byte",
        "code $RT run $ID",
        RAN | {"linux.resources.memory": {"limit": 1}, "linux.cgroupsPath": "/NAME"},
        "code 1",
        root=True,
    ),
    Case(
        "quota that is too small",
        "code $RT run $ID",
        RAN | {"linux.resources.cpu": {"quota": 999}, "linux.cgroupsPath": "/NAME"},
        "code 1",
        root=True,
    ),
    Case(
        "weight that is too small",
        "code $RT run $ID",
        RAN | {"linux.resources.blockIO": {"weight": 5}, "linux.cgroupsPath": "/NAME"},
        "code 0",
        root=True,
    ),
    Case(
        "rule of devices of an unknown type",
        "code $RT run $ID",
        RAN | {"linux.resources.devices": [{"allow": True, "type": "z", "access": "r"}]},
        "code 1",
        root=True,
    ),
    Case(
        "rule of devices with an unknown access",
        "code $RT run $ID",
        RAN
        | {
            "linux.resources.devices": [
                {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "x"}
            ]
        },
        "code 0",
        root=True,
    ),
)
