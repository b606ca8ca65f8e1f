"""The cgroup mounts of this machine, and what of them this process may use.

Sources: Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

__all__ = [
    "CONTROLLERS_V1",
    "Hierarchies",
    "available",
    "detect",
    "is_given",
    "is_marked",
    "is_occupied",
    "parse_mountinfo",
]

# What a container needs a cgroup of its own in: to be limited, and to be counted (blkio, cpuacct).
CONTROLLERS_V1 = ("freezer", "devices", "pids", "memory", "cpu", "cpuacct", "blkio")
_OTHERS_V1 = ("cpuset", "net_cls", "net_prio", "perf_event", "hugetlb", "rdma")


@dataclass(frozen=True, slots=True)
class Hierarchies:
    """The cgroup mounts of this machine.

    `version` is v1, v2, hybrid (v1 with an empty v2 beside it, used as v1) or none. `controllers`
    maps each v1 controller to its mount; co-mounted ones share a directory. `unified` is the v2
    mount, else "". `base` is where cgroups of version 2 are made, where that is not its root: the
    cgroup that this process was given.
    """

    version: str
    controllers: Mapping[str, str]
    unified: str = ""
    base: str = ""

    @property
    def is_v1(self) -> bool:
        """Tell whether containers are limited by version 1 here."""
        return self.version in ("v1", "hybrid")


def detect() -> Hierarchies:
    """Read the cgroup mounts of this process's mount namespace."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        found = parse_mountinfo(file.read())
    if found.version != "v2" or os.access(found.unified, os.W_OK):
        return found
    with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
        own = file.read().strip().rpartition("0::")[2]
    return replace(found, base=_delegated(found.unified, found.unified + own.rstrip("/")))


def _delegated(mount: str, own: str) -> str:
    """Return the directory below which this process may make cgroups, where that is any.

    systemd marks what it gave away; the nearest mark upwards counts, as beyond it systemd itself
    rules. Without systemd it is the highest directory that we may write (cgroup-v2.rst,
    "Delegation"; systemd's CGROUP_DELEGATION.md).
    """
    place = best = own
    while place.startswith(mount) and place != mount and _is_ours(place):
        best = place
        if is_marked(place):
            break
        place = os.path.dirname(place)
    return best


def is_marked(directory: str) -> bool:
    """Tell whether systemd has delegated a cgroup."""
    try:
        return os.getxattr(directory, "user.delegate") == b"1"
    except OSError:
        return False


def is_given(directory: str) -> bool:
    """Tell whether a cgroup was given to this user to divide: by systemd's mark, or as its owner.

    Who owns it must be able to say what is counted below. The root of all has no such owner: it
    may hold processes whatever is counted (cgroup-v2.rst, "No Internal Process Constraint").
    """
    try:
        owned = os.stat(directory).st_uid == os.geteuid()
    except OSError:
        return False
    return (owned or is_marked(directory)) and os.access(
        f"{directory}/cgroup.subtree_control", os.W_OK
    )


def is_occupied(directory: str) -> bool:
    """Tell whether processes live in a cgroup itself; the root of all is free to have some."""
    try:
        with open(f"{directory}/cgroup.procs", "rb") as file:
            return os.path.exists(f"{directory}/cgroup.type") and bool(file.read(1))
    except OSError:
        return False


def _is_ours(directory: str) -> bool:
    return os.access(directory, os.W_OK) and os.access(f"{directory}/cgroup.procs", os.W_OK)


def parse_mountinfo(text: str) -> Hierarchies:
    """Return the cgroup mounts that a /proc/PID/mountinfo lists (proc_pid_mountinfo(5))."""
    controllers: dict[str, str] = {}
    unified = ""
    for line in text.splitlines():
        if " cgroup" not in line:
            continue
        front, _, back = line.partition(" - ")
        fields, (kind, _, options) = front.split(" "), (*back.split(" "), "", "")[:3]
        mountpoint = fields[4].replace("\\040", " ")
        if kind == "cgroup2":
            unified = unified or mountpoint
        elif kind == "cgroup":
            for word in options.split(","):
                if word in CONTROLLERS_V1 or word in _OTHERS_V1:
                    controllers.setdefault(word, mountpoint)
    if controllers:
        return Hierarchies("hybrid" if unified else "v1", controllers, unified)
    return Hierarchies("v2" if unified else "none", {}, unified)


def available(hierarchies: Hierarchies) -> frozenset[str]:
    """Return the controllers by which this process may limit containers.

    Under version 2 processes in the cgroup itself forbid it, unless they may be moved (`vacate`).
    """
    if hierarchies.is_v1:
        mounts = hierarchies.controllers.items()
        return frozenset(name for name, mount in mounts if os.access(mount, os.W_OK))
    base = hierarchies.base or hierarchies.unified
    if hierarchies.version == "none" or not os.access(f"{base}/cgroup.procs", os.W_OK):
        return frozenset()
    if is_occupied(base) and not is_given(base):
        return frozenset()
    try:
        with open(f"{base}/cgroup.controllers", encoding="ascii") as file:
            return frozenset(file.read().split())
    except OSError:
        return frozenset()
