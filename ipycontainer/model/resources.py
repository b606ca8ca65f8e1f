"""`linux.resources` of OCI's config.json: what a container's cgroup is limited to, but for devices.

Names follow the runtime-spec 1.2 (config-linux.md, "Control groups"). None and () stand for not
given; a 0 of another engine's bundle means the same where the specification says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ipycontainer.errors import InvalidArgument

__all__ = ["DeviceValue", "Resources"]


@dataclass(frozen=True, slots=True)
class DeviceValue:
    """A number for one block device: a weight, bytes or requests in a second."""

    major: int
    minor: int
    value: int


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits of a cgroup: bytes, microseconds, shares. -1 is unlimited where the kernel has that.

    `memory_swap` is memory and swap together, as under version 1. `unified` holds files of version
    2 with what to write into them.
    """

    memory_limit: int | None = None
    memory_reservation: int | None = None
    memory_swap: int | None = None
    memory_swappiness: int | None = None
    oom_kill_disable: bool | None = None
    cpu_shares: int | None = None
    cpu_quota: int | None = None
    cpu_burst: int | None = None
    cpu_period: int | None = None
    cpu_realtime_runtime: int | None = None
    cpu_realtime_period: int | None = None
    cpu_idle: int | None = None
    cpus: str = ""
    mems: str = ""
    pids_limit: int | None = None
    blkio_weight: int | None = None
    blkio_weight_device: tuple[DeviceValue, ...] = ()
    read_bps: tuple[DeviceValue, ...] = ()
    write_bps: tuple[DeviceValue, ...] = ()
    read_iops: tuple[DeviceValue, ...] = ()
    write_iops: tuple[DeviceValue, ...] = ()
    unified: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the object's keys but `devices`; what was not given is left out."""
        found: dict[str, Any] = {}
        for group, names in _NAMES.items():
            part = {
                key: _to_json(value, "weight" if key == "weightDevice" else "rate")
                for key, name in names.items()
                if (value := getattr(self, name)) not in (None, "", ())
            }
            if part:
                found[group] = part
        if self.unified:
            found["unified"] = dict(self.unified)
        return found

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Resources | None:
        """Return what an object asks for, None for nothing.

        Raises InvalidArgument for what is not carried out, by name.
        """
        values: dict[str, Any] = {}
        for group, part in raw.items():
            if group == "devices" or part in (None, {}, []):
                continue
            if group == "unified":
                values["unified"] = {str(key): str(value) for key, value in part.items()}
                continue
            names = _NAMES.get(group)
            if names is None:
                raise InvalidArgument(
                    f"linux.resources.{group} of config.json is not supported yet"
                )
            for key, value in part.items():
                name = names.get(key)
                if value in (None, "", [], {}) or key in _TRUE_ANYHOW or (value == 0 and not name):
                    continue
                if name is None:
                    raise InvalidArgument(
                        f"linux.resources.{group}.{key} of config.json is not supported yet"
                    )
                if value == 0 and value is not False and name not in _ZERO_MEANS_ZERO:
                    continue
                values[name] = _from_json(value)
        return cls(**values) if values else None


_NAMES: Mapping[str, Mapping[str, str]] = {
    "memory": {
        "limit": "memory_limit",
        "reservation": "memory_reservation",
        "swap": "memory_swap",
        "swappiness": "memory_swappiness",
        "disableOOMKiller": "oom_kill_disable",
    },
    "cpu": {
        "shares": "cpu_shares",
        "quota": "cpu_quota",
        "burst": "cpu_burst",
        "period": "cpu_period",
        "realtimeRuntime": "cpu_realtime_runtime",
        "realtimePeriod": "cpu_realtime_period",
        "idle": "cpu_idle",
        "cpus": "cpus",
        "mems": "mems",
    },
    "pids": {"limit": "pids_limit"},
    "blockIO": {
        "weight": "blkio_weight",
        "weightDevice": "blkio_weight_device",
        "throttleReadBpsDevice": "read_bps",
        "throttleWriteBpsDevice": "write_bps",
        "throttleReadIOPSDevice": "read_iops",
        "throttleWriteIOPSDevice": "write_iops",
    },
}
_ZERO_MEANS_ZERO = frozenset({"memory_swappiness"})
_TRUE_ANYHOW = frozenset({"useHierarchy"})  # the kernel has no other way any more


def _to_json(value: Any, word: str) -> Any:
    if not isinstance(value, tuple):
        return value
    return [{"major": each.major, "minor": each.minor, word: each.value} for each in value]


def _from_json(value: Any) -> Any:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, Sequence):
        return tuple(_device(each) for each in value)
    return int(value)


def _device(raw: Mapping[str, Any]) -> DeviceValue:
    if raw.get("leafWeight"):
        raise InvalidArgument("leafWeight of config.json is not supported yet")
    value = raw.get("rate", raw.get("weight", 0))
    return DeviceValue(int(raw["major"]), int(raw["minor"]), int(value))
