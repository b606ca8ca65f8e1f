"""`linux.resources` of OCI's config.json: what a container's cgroup is limited to, but for devices.

Names follow the runtime-spec 1.2 (config-linux.md, "Control groups"). None and () stand for not
given; a 0 of another engine's bundle means the same where the specification says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ipycontainer.errors import InvalidArgument

__all__ = ["DeviceValue", "PageLimit", "RdmaLimit", "Resources"]


@dataclass(frozen=True, slots=True)
class DeviceValue:
    """A number for one block device: a weight, bytes or requests in a second."""

    major: int
    minor: int
    value: int


@dataclass(frozen=True, slots=True)
class PageLimit:
    """Bytes of huge pages of one size, which is named as the kernel's files have it (`2MB`)."""

    page_size: str
    limit: int


@dataclass(frozen=True, slots=True)
class RdmaLimit:
    """Handles and objects of one device for remote memory; None leaves the kernel's limit."""

    device: str
    handles: int | None = None
    objects: int | None = None


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits of a cgroup: bytes, microseconds, shares. -1 is unlimited where the kernel has that.

    `memory_swap` is memory and swap together, as under version 1; with `memory_check` less memory
    than is used by now is refused. `network_class` and `network_priorities` (interface, priority)
    mark packets, under version 1 only. `unified` holds files of version 2 with what to write into
    them.
    """

    memory_limit: int | None = None
    memory_reservation: int | None = None
    memory_swap: int | None = None
    memory_swappiness: int | None = None
    oom_kill_disable: bool | None = None
    memory_check: bool | None = None
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
    blkio_leaf_weight: int | None = None
    blkio_weight_device: tuple[DeviceValue, ...] = ()
    blkio_leaf_weight_device: tuple[DeviceValue, ...] = ()
    read_bps: tuple[DeviceValue, ...] = ()
    write_bps: tuple[DeviceValue, ...] = ()
    read_iops: tuple[DeviceValue, ...] = ()
    write_iops: tuple[DeviceValue, ...] = ()
    huge_pages: tuple[PageLimit, ...] = ()
    rdma: tuple[RdmaLimit, ...] = ()
    network_class: int | None = None
    network_priorities: tuple[tuple[str, int], ...] = ()
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
        for device in self.blkio_leaf_weight_device:
            entry = {"major": device.major, "minor": device.minor, "leafWeight": device.value}
            found.setdefault("blockIO", {}).setdefault("weightDevice", []).append(entry)
        if self.huge_pages:
            found["hugepageLimits"] = [
                {"pageSize": each.page_size, "limit": each.limit} for each in self.huge_pages
            ]
        if self.rdma:
            found["rdma"] = {each.device: _rdma_to_json(each) for each in self.rdma}
        if self.network_class is not None or self.network_priorities:
            found["network"] = _network_to_json(self.network_class, self.network_priorities)
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
            if group in _GROUPS:
                values |= _GROUPS[group](part)
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
                if name == "blkio_weight_device":
                    values |= _weights(value)
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
        "checkBeforeUpdate": "memory_check",
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
        "leafWeight": "blkio_leaf_weight",
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


def _device(raw: Mapping[str, Any], word: str = "rate") -> DeviceValue:
    return DeviceValue(int(raw["major"]), int(raw["minor"]), int(raw.get(word) or 0))


def _weights(raw: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a device's weights by their fields: one may stand without the other."""
    fields = {"weight": "blkio_weight_device", "leafWeight": "blkio_leaf_weight_device"}
    return {
        name: found
        for word, name in fields.items()
        if (found := tuple(_device(each, word) for each in raw if each.get(word)))
    }


def _unified(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {"unified": {str(key): str(value) for key, value in raw.items()}}


def _huge_pages(raw: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "huge_pages": tuple(PageLimit(str(each["pageSize"]), int(each["limit"])) for each in raw)
    }


def _rdma(raw: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "rdma": tuple(
            RdmaLimit(str(device), each.get("hcaHandles"), each.get("hcaObjects"))
            for device, each in raw.items()
        )
    }


def _rdma_to_json(limit: RdmaLimit) -> dict[str, int]:
    both = {"hcaHandles": limit.handles, "hcaObjects": limit.objects}
    return {key: value for key, value in both.items() if value is not None}


def _network(raw: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if raw.get("classID"):
        found["network_class"] = int(raw["classID"])
    if raw.get("priorities"):
        found["network_priorities"] = tuple(
            (str(each["name"]), int(each["priority"])) for each in raw["priorities"]
        )
    return found


def _network_to_json(number: int | None, priorities: Sequence[tuple[str, int]]) -> dict[str, Any]:
    found: dict[str, Any] = {} if number is None else {"classID": number}
    if priorities:
        found["priorities"] = [{"name": name, "priority": value} for name, value in priorities]
    return found


# what is no object of plain values
_GROUPS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "unified": _unified,
    "hugepageLimits": _huge_pages,
    "rdma": _rdma,
    "network": _network,
}
