"""Devices of containers: their nodes, and who may open them, on both versions of cgroups."""

from __future__ import annotations

import os
import stat
from typing import Any

import pytest

from ipycontainer.engine.engine import Engine

pytestmark = pytest.mark.usefixtures("busybox_image")


def printed(engine: Engine, script: str, **options: Any) -> str:
    """Return what a script prints in a container with these options, its errors left out."""
    words = ["sh", "-c", f"({script}) 2> /dev/null || true"]
    result = engine.run("busybox", words, remove=True, network="none", **options)
    return result.stdout.decode().strip()


def _is_node(entry: os.DirEntry[str]) -> bool:
    return stat.S_ISCHR(entry.stat(follow_symlinks=False).st_mode)


def test_devices(engine: Engine) -> None:
    """One is there under the name that was asked for, and readable; its directory is made."""
    found = printed(
        engine,
        "for d in x dir/y; do head -c 3 /dev/$d | od -An -to1; [ -c /dev/$d ]; echo $?; done",
        devices=["/dev/zero:/dev/x:r", "/dev/zero:/dev/dir/y"],
    )
    assert found.split() == ["000", "000", "000", "0"] * 2


def test_a_device_rule_decides_who_opens_a_node(engine: Engine) -> None:
    """A node that a container makes can be opened only where a rule allows its number."""
    script = (
        "mknod /tmp/r c 1 8 && mknod /tmp/k c 1 11 || exit 9;"
        "head -c1 /tmp/r > /dev/null && echo random; : < /tmp/k && echo kmsg"
    )
    if os.geteuid() != 0:
        assert printed(engine, "mknod /tmp/r c 1 8 || echo refused") == "refused"
        return
    assert printed(engine, script, cap_add=["SYSLOG"]) == "random"
    ruled = printed(engine, script, device_cgroup_rules=["c 1:11 r"], cap_add=["SYSLOG"])
    assert ruled.split() == ["random", "kmsg"]


def test_the_access_that_was_asked_for_is_all_there_is(engine: Engine) -> None:
    """A device that may only be read cannot be written to; where rules lack, a word says so.

    An ordinary user's containers have none: the node's own permissions decide.
    """
    asked = {"devices": ["/dev/zero:/dev/x:r"], "device_cgroup_rules": ["c 7:* rmw"]}
    made = engine.containers.create("busybox", ["true"], network="none", **asked)
    if os.geteuid() != 0:
        said = (
            "Device cgroup rules are not supported in rootless mode or in a user namespace. "
            "/dev/zero:r, c 7:* rmw discarded: the permissions of the device files alone decide."
        )
        assert made.warnings == (said,)
        return
    assert made.warnings == ()
    script = ": < /dev/k && echo read; : >> /dev/k && echo written"
    asked = {"cap_add": ["SYSLOG"], "devices": ["/dev/kmsg:/dev/k:r"]}
    assert printed(engine, script, **asked) == "read"
    whole = {**asked, "devices": ["/dev/kmsg:/dev/k"]}
    assert printed(engine, script, **whole).split() == ["read", "written"]


def test_a_privileged_container_sees_the_machine(engine: Engine) -> None:
    """Its devices, and /sys and /proc without masks; /dev/ptmx stays the container's own."""
    script = (
        "ls /dev; readlink /dev/ptmx; grep -c ' /proc/' /proc/mounts; grep ' /sys ' /proc/mounts"
    )
    found = printed(engine, script, privileged=True).split()
    machine = {entry.name for entry in os.scandir("/dev") if _is_node(entry)}
    assert machine - {"console"} <= set(found)
    assert {"pts/ptmx", "0"} <= set(found)
    assert "rw,nosuid,nodev,noexec,relatime" in found
