"""What a user may ask of a container's cgroup and of its processes, in docker's words and units.

Docker's HostConfig has the same numbers under other names (`HOST_CONFIG`). 0, "" and () stand for
not asked, None where 0 would be a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

__all__ = [
    "DEVICE_LISTS",
    "HOST_CONFIG",
    "NO_CGROUP",
    "ULIMITS",
    "DeviceLimit",
    "Limits",
    "Ulimit",
]

# A warning: not the kernel lacks anything, as docker would say.
NO_CGROUP = (
    "This user has no cgroup here, so that limits cannot hold: they are discarded "
    "(ipycontainer doctor names the way to one)."
)


@dataclass(frozen=True, slots=True)
class DeviceLimit:
    """A block device by its path, and a weight, bytes or requests in a second."""

    path: str
    value: int


@dataclass(frozen=True, slots=True)
class Ulimit:
    """A resource limit of each process; -1 is unlimited."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the container as a whole: bytes, microseconds; `nano_cpus` are billionths."""

    memory: int = 0
    memory_swap: int = 0
    memory_reservation: int = 0
    memory_swappiness: int | None = None
    oom_kill_disable: bool | None = None
    cpu_shares: int = 0
    nano_cpus: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_realtime_period: int = 0
    cpu_realtime_runtime: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    pids_limit: int | None = None
    blkio_weight: int = 0
    blkio_weight_device: tuple[DeviceLimit, ...] = ()
    device_read_bps: tuple[DeviceLimit, ...] = ()
    device_write_bps: tuple[DeviceLimit, ...] = ()
    device_read_iops: tuple[DeviceLimit, ...] = ()
    device_write_iops: tuple[DeviceLimit, ...] = ()

    def given(self) -> dict[str, Any]:
        """Return what was asked for, by name."""
        return {
            each.name: value
            for each in fields(self)
            if (value := getattr(self, each.name)) != each.default
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Limits:
        """Return the record of a JSON object; unknown keys of a newer version are dropped."""
        known = {each.name: raw[each.name] for each in fields(cls) if each.name in raw}
        for name in DEVICE_LISTS.keys() & known.keys():
            known[name] = tuple(DeviceLimit(**device) for device in known[name])
        return cls(**known)


# Fields with a list of devices, and what docker's API calls the number in it.
DEVICE_LISTS: Mapping[str, str] = {
    "blkio_weight_device": "Weight",
    "device_read_bps": "Rate",
    "device_write_bps": "Rate",
    "device_read_iops": "Rate",
    "device_write_iops": "Rate",
}

# What docker's HostConfig calls each.
HOST_CONFIG: Mapping[str, str] = {
    "memory": "Memory",
    "memory_swap": "MemorySwap",
    "memory_reservation": "MemoryReservation",
    "memory_swappiness": "MemorySwappiness",
    "oom_kill_disable": "OomKillDisable",
    "cpu_shares": "CpuShares",
    "nano_cpus": "NanoCpus",
    "cpu_period": "CpuPeriod",
    "cpu_quota": "CpuQuota",
    "cpu_realtime_period": "CpuRealtimePeriod",
    "cpu_realtime_runtime": "CpuRealtimeRuntime",
    "cpuset_cpus": "CpusetCpus",
    "cpuset_mems": "CpusetMems",
    "pids_limit": "PidsLimit",
    "blkio_weight": "BlkioWeight",
    "blkio_weight_device": "BlkioWeightDevice",
    "device_read_bps": "BlkioDeviceReadBps",
    "device_write_bps": "BlkioDeviceWriteBps",
    "device_read_iops": "BlkioDeviceReadIOps",
    "device_write_iops": "BlkioDeviceWriteIOps",
}

# Docker's names of resource limits: the kernel's without RLIMIT_, in small letters.
ULIMITS = (
    "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime "
    "sigpending stack"
).split()
