"""`update`: change a container's limits while it runs."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from ipycontainer.errors import Conflict, InvalidArgument
from ipycontainer.linux import cgroups, limits
from ipycontainer.model import oci_types
from ipycontainer.model.resources import Resources
from ipycontainer.model.units import parse_size
from ipycontainer.runtime.command_line.report import Log
from ipycontainer.runtime.launch import preload
from ipycontainer.runtime.state import ContainerState, StateDir

__all__ = ["update"]

# option -> the field of Resources, and whether it is a number of bytes
_FIELDS = {
    "blkio_weight": ("blkio_weight", False),
    "cpu_period": ("cpu_period", False),
    "cpu_quota": ("cpu_quota", False),
    "cpu_burst": ("cpu_burst", False),
    "cpu_rt_period": ("cpu_realtime_period", False),
    "cpu_rt_runtime": ("cpu_realtime_runtime", False),
    "cpu_share": ("cpu_shares", False),
    "cpu_idle": ("cpu_idle", False),
    "pids_limit": ("pids_limit", False),
    "memory": ("memory_limit", True),
    "memory_reservation": ("memory_reservation", True),
    "memory_swap": ("memory_swap", True),
}


def update(options: argparse.Namespace, states: StateDir, log: Log) -> int:
    """Write new limits into a container's cgroup, and remember them."""
    state = states.load(options.id)
    if states.status(state) == "stopped":
        raise Conflict("container not running")
    if options.l3_cache_schema or options.mem_bw_schema:
        raise InvalidArgument("Intel RDT: l3 cache and memory bandwidth schemas are not supported")
    if options.kernel_memory or options.kernel_memory_tcp:
        log.warn("Kernel memory settings are ignored and will be removed")
    if state.cgroup is None:
        raise Conflict("the container has no cgroup: it can be neither paused nor limited")
    asked = _from_file(options.resources) if options.resources else _from_options(options)
    if asked is None:
        return 0
    wanted = _with_known(asked, state)
    cgroup = state.cgroup
    hierarchies = preload()
    for controller in limits.controllers(wanted, v2=cgroup.is_v2):
        missing = controller not in cgroup.directories
        # one that the machine lacks is refused below, by its name
        if not cgroup.is_v2 and missing and controller in hierarchies.controllers:
            path = state.spec.linux.cgroups_path or f"/{state.id}"
            cgroup = cgroups.add(hierarchies, cgroup, controller, path)
    if cgroup is not state.cgroup:  # processes are in it, whatever of a limit is refused
        state = replace(state, cgroup=cgroup)
        states.save(state)
    limits.apply(cgroup, wanted)
    states.save(replace(state, config=_with(state, asked)))
    return 0


def _from_file(name: str) -> Resources | None:
    text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    try:
        raw = oci_types.folded(json.loads(text), "LinuxResources")
        oci_types.check(raw, "LinuxResources")
        return Resources.from_json(oci_types.known(raw, "LinuxResources"))
    except (ValueError, AttributeError, TypeError) as error:
        raise InvalidArgument(f"{name} holds no resources: {error}") from error


def _from_options(options: argparse.Namespace) -> Resources | None:
    values: dict[str, Any] = {}
    for option, (field, is_size) in _FIELDS.items():
        word = getattr(options, option)
        if (word in ("", "0") and option != "cpu_idle") or word == "":
            continue
        name = option.replace("_", "-")
        try:
            values[field] = -1 if word == "-1" else parse_size(word) if is_size else int(word)
        except (ValueError, InvalidArgument) as error:
            raise InvalidArgument(f"invalid value for {name}: {error}") from error
    for option, field in (("cpuset_cpus", "cpus"), ("cpuset_mems", "mems")):
        if word := getattr(options, option):
            values[field] = word
    return Resources(**values) if values else None


def _with_known(asked: Resources, state: ContainerState) -> Resources:
    """Add what one file holds together, of which only a part is changed."""
    known = state.spec.linux.resources or Resources()
    if state.cgroup is not None and state.cgroup.is_v2:
        if (asked.cpu_quota is None) != (asked.cpu_period is None):
            quota = known.cpu_quota if asked.cpu_quota is None else asked.cpu_quota
            period = known.cpu_period if asked.cpu_period is None else asked.cpu_period
            asked = replace(asked, cpu_quota=quota, cpu_period=period)
        if asked.memory_swap is not None and asked.memory_limit is None:
            asked = replace(asked, memory_limit=known.memory_limit)
    elif asked.memory_limit == -1 and asked.memory_swap is None and _counts_swap(state):
        asked = replace(asked, memory_swap=-1)  # else the kernel refuses: it would be the smaller
    return asked


def _counts_swap(state: ContainerState) -> bool:
    directory = state.cgroup.directories.get("memory", "") if state.cgroup else ""
    return os.path.exists(f"{directory}/memory.memsw.limit_in_bytes")


def _with(state: ContainerState, asked: Resources) -> dict[str, Any]:
    """Return the container's config with the new limits in it."""
    known = state.spec.linux.resources or Resources()
    given = {
        field.name: value
        for field in fields(Resources)
        if (value := getattr(asked, field.name)) not in (None, "", (), {})
    }
    linux = dict(state.config.get("linux") or {})
    devices = (linux.get("resources") or {}).get("devices") or []
    resources = {**replace(known, **given).to_json(), "devices": devices}
    return {**state.config, "linux": {**linux, "resources": resources}}
