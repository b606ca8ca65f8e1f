"""docker-py's keyword arguments that limit a container, of `create`, `run` and `update`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ipycontainer.errors import InvalidArgument, Unsupported
from ipycontainer.model.limits import DEVICE_LISTS, ULIMITS, DeviceLimit, Limits, Ulimit
from ipycontainer.model.units import parse_size

__all__ = ["limits_from_options", "take_limit_fields"]

# docker-py's name of a field of Limits, where it has another one.
_NAMES = {
    "mem_limit": "memory",
    "memswap_limit": "memory_swap",
    "mem_reservation": "memory_reservation",
    "mem_swappiness": "memory_swappiness",
    "cpu_rt_period": "cpu_realtime_period",
    "cpu_rt_runtime": "cpu_realtime_runtime",
}
_SAME = (
    "oom_kill_disable cpu_shares nano_cpus cpu_period cpu_quota cpuset_cpus cpuset_mems pids_limit "
    "blkio_weight blkio_weight_device device_read_bps device_write_bps device_read_iops "
    "device_write_iops"
).split()
_BYTES = frozenset({"memory", "memory_swap", "memory_reservation"})


def limits_from_options(options: Mapping[str, Any]) -> Limits:
    """Return the limits of `update`; raises Unsupported for an option that is none."""
    given = dict(options)
    limits = _take(given)
    if left := [name for name, value in given.items() if value is not None]:
        raise Unsupported(f"{left[0]} cannot be updated")
    return limits


def take_limit_fields(given: dict[str, Any]) -> dict[str, Any]:
    """Take the limits out of docker-py's options; return the fields of a ContainerConfig."""
    return {
        "limits": _take(given),
        "ulimits": tuple(_ulimit(each) for each in given.pop("ulimits", None) or ()),
        "oom_score_adj": int(given.pop("oom_score_adj", None) or 0),
        "cgroup_parent": str(given.pop("cgroup_parent", None) or ""),
    }


def _take(given: dict[str, Any]) -> Limits:
    values: dict[str, Any] = {}
    for option, name in {**_NAMES, **dict(zip(_SAME, _SAME, strict=True))}.items():
        value = given.pop(option, None)
        if value is None:
            continue
        if name in _BYTES:
            values[name] = _bytes(value)
        elif name in DEVICE_LISTS:
            values[name] = tuple(
                DeviceLimit(str(each["Path"]), int(each[DEVICE_LISTS[name]])) for each in value
            )
        else:
            values[name] = value
    return Limits(**values)


def _bytes(value: int | str) -> int:
    if isinstance(value, int) or value == "-1":
        return int(value)
    return parse_size(value)


def _ulimit(raw: Mapping[str, Any]) -> Ulimit:
    """Return a limit from docker-py's Ulimit, a dictionary with Name, Soft and Hard."""
    name = str(raw.get("Name", raw.get("name", "")))
    if name not in ULIMITS:
        raise InvalidArgument(f"invalid ulimit type: {name}")
    soft = raw.get("Soft", raw.get("soft"))
    hard = raw.get("Hard", raw.get("hard"))
    first, last = (soft if soft is not None else hard), (hard if hard is not None else soft)
    return Ulimit(name, int(first or 0), int(last or 0))
