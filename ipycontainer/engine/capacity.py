"""What containers can be limited by here: docker's `sysinfo`, for this machine and this user.

Asked only where an option needs it. Source: moby pkg/sysinfo.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ipycontainer.linux import cgroups
from ipycontainer.linux.cgroups import Hierarchies

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = ["Capacity", "of"]

# What a limit stands and falls with under version 1: a controller, and a file of its.
_FILES_V1 = {
    "memory": ("memory", "memory.limit_in_bytes"),
    "swap": ("memory", "memory.memsw.limit_in_bytes"),
    "reservation": ("memory", "memory.soft_limit_in_bytes"),
    "swappiness": ("memory", "memory.swappiness"),
    "oom_kill_disable": ("memory", "memory.oom_control"),
    "shares": ("cpu", "cpu.shares"),
    "quota": ("cpu", "cpu.cfs_quota_us"),
    "realtime": ("cpu", "cpu.rt_period_us"),
    "cpuset": ("cpuset", "cpuset.cpus"),
    "pids": ("pids", ""),
    "weight": ("blkio", "blkio.weight"),
    "weight_device": ("blkio", "blkio.weight_device"),
    "read_bps": ("blkio", "blkio.throttle.read_bps_device"),
    "write_bps": ("blkio", "blkio.throttle.write_bps_device"),
    "read_iops": ("blkio", "blkio.throttle.read_iops_device"),
    "write_iops": ("blkio", "blkio.throttle.write_iops_device"),
}
_SYSTEM = "/sys/devices/system"  # tells of processors and memory nodes where no cgroup does
_BY_CONTROLLER_V2 = {
    "memory": ("memory", "swap", "reservation"),
    "cpu": ("shares", "quota"),
    "cpuset": ("cpuset",),
    "pids": ("pids",),
    "io": ("weight", "weight_device", "read_bps", "write_bps", "read_iops", "write_iops"),
}


@dataclass(frozen=True, slots=True)
class Capacity:
    """What can be limited, in words of our own, and the processors and memory nodes there are."""

    able: frozenset[str]
    version: str
    cpus: str = ""
    mems: str = ""
    processors: int = 1

    def __contains__(self, what: str) -> bool:
        return what in self.able


def of(engine: Engine) -> Capacity:
    """Return what containers of this engine can be limited by."""
    hierarchies = cgroups.detect()
    top = hierarchies.base or hierarchies.unified
    if hierarchies.version == "v2" and (engine.home.rootless or cgroups.is_occupied(top)):
        return _of_zygote(engine, hierarchies)
    return capacity(hierarchies, cgroups.available(hierarchies))


def _of_zygote(engine: Engine, hierarchies: Hierarchies) -> Capacity:
    """Return what can be limited where the zygote makes cgroups; it is started if need be.

    It may have got a place of its own from systemd, or have made its place free of processes.
    """
    for _ in range(2):  # the first may be told to quit just now
        with suppress(ProcessLookupError):
            group = cgroups.of_process(hierarchies, engine.supervisor.zygote())
            place = "" if group is None else group.directories[""]
            base = place.removesuffix(engine.home.engine_cgroup)
            if base == place or cgroups.is_occupied(base):
                break
            there = replace(hierarchies, base=base)
            return capacity(there, cgroups.available(there))
    return capacity(hierarchies, frozenset())


def capacity(hierarchies: Hierarchies, controllers: frozenset[str]) -> Capacity:
    """Return what these controllers can limit on this machine."""
    if hierarchies.is_v1:
        able = {
            name
            for name, (controller, file) in _FILES_V1.items()
            if controller in controllers
            and os.path.exists(f"{hierarchies.controllers[controller]}/{file}")
        }
        place, suffix = hierarchies.controllers.get("cpuset", ""), ""
    else:
        able = {name for each in controllers for name in _BY_CONTROLLER_V2.get(each, ())}
        place, suffix = hierarchies.base or hierarchies.unified, ".effective"
    return Capacity(
        frozenset(able),
        hierarchies.version,
        _read(f"{place}/cpuset.cpus{suffix}") or _read(f"{_SYSTEM}/cpu/online"),
        _read(f"{place}/cpuset.mems{suffix}") or _read(f"{_SYSTEM}/node/online") or "0",
        len(os.sched_getaffinity(0)),
    )


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
