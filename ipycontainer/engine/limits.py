"""Limits by docker's rules: what is refused, what is dropped with a WARNING, what OCI gets of it.

The order of the checks is docker's, since the first that fails is what a user sees: a value that is
none is refused before a limit that cannot be had is dropped, as by a daemon that could set it.
Source: moby daemon/daemon_unix.go (verifyPlatformContainerResources) and
container/container_unix.go, in the words of 26.1.5.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ipycontainer.engine.capacity import Capacity
from ipycontainer.errors import Conflict, InvalidArgument, ResourceError
from ipycontainer.linux.limits import MOST_SHARES
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.limits import NO_CGROUP, DeviceLimit, Limits
from ipycontainer.model.number_lists import numbers
from ipycontainer.model.resources import DeviceValue, Resources

__all__ = ["admit", "change", "check_again", "checked", "merged", "resources"]

LEAST_MEMORY_BYTES = 6 * 1024 * 1024
NANO = 1_000_000_000
_MOST_PROCESSORS = 8192  # Linux's usual bound, which docker goes by where there are not more
PERIOD_OF_CPUS = 100_000  # microseconds: over which `--cpus` is a quota
_UNKNOWN = "Your kernel does not support {} or the cgroup is not mounted. {} discarded."


def admit(config: ContainerConfig, capacity: Capacity) -> tuple[ContainerConfig, tuple[str, ...]]:
    """Return a new container's configuration with the limits that it can have, and WARNINGs.

    Raises InvalidArgument in docker's words.
    """
    limits, warnings = checked(_with_defaults(config.limits), capacity)
    if not -1000 <= config.oom_score_adj <= 1000:
        raise InvalidArgument(
            f"Invalid value {config.oom_score_adj}, range for oom score adj is [-1000, 1000]"
        )
    if config.cgroup_parent and not capacity.able:
        warnings = (*warnings, "This user has no cgroup here. Cgroup parent discarded.")
        config = replace(config, cgroup_parent="")
    return replace(config, limits=limits), warnings


def _with_defaults(limits: Limits) -> Limits:
    """Return limits with what docker fills in, and without what says nothing."""
    if limits.memory > 0 and limits.memory_swap == 0:
        limits = replace(limits, memory_swap=limits.memory * 2)
    if limits.memory_swappiness == -1:
        limits = replace(limits, memory_swappiness=None)
    if limits.pids_limit is not None and limits.pids_limit <= 0:
        limits = replace(limits, pids_limit=None)
    return limits


def checked(
    limits: Limits, capacity: Capacity, *, update: bool = False
) -> tuple[Limits, tuple[str, ...]]:
    """Return the limits that can be had, with a WARNING for each that cannot.

    Raises InvalidArgument in docker's words.
    """
    warnings: list[str] = []
    limits = _memory(limits, capacity, warnings, update)
    limits = _cpu(limits, capacity, warnings, update)
    limits = _cpuset(limits, capacity, warnings)
    limits = _blkio(limits, capacity, warnings)
    if warnings and not capacity.able:  # not the kernel lacks anything
        warnings = [NO_CGROUP]
    return limits, tuple(warnings)


def _memory(limits: Limits, capacity: Capacity, warnings: list[str], update: bool) -> Limits:
    if limits.memory != 0 and limits.memory < LEAST_MEMORY_BYTES:
        raise InvalidArgument("Minimum memory limit allowed is 6MB")
    asked = limits
    if limits.memory > 0 and "memory" not in capacity:
        warnings.append(_UNKNOWN.format("memory limit capabilities", "Limitation"))
        limits = replace(limits, memory=0, memory_swap=-1)
    if update and "memory" not in capacity:  # what has no limit has none of swap either
        limits = replace(limits, memory_swap=0)
    if limits.memory > 0 and limits.memory_swap != -1 and "swap" not in capacity:
        warnings.append(
            "Your kernel does not support swap limit capabilities or the cgroup is not mounted. "
            "Memory limited without swap."
        )
        limits = replace(limits, memory_swap=-1)
    said = limits if "memory" in capacity else asked
    _check_swap(said, update)
    if limits.memory_swappiness is not None and "swappiness" not in capacity:
        warnings.append(_UNKNOWN.format("memory swappiness capabilities", "Memory swappiness"))
        limits = replace(limits, memory_swappiness=None)
    if limits.memory_swappiness is not None and not 0 <= limits.memory_swappiness <= 100:
        raise InvalidArgument(
            f"Invalid value: {limits.memory_swappiness}, valid memory swappiness range is 0-100"
        )
    _check_reservation(said)
    if limits.memory_reservation > 0 and "reservation" not in capacity:
        warnings.append(_UNKNOWN.format("memory soft limit capabilities", "Limitation"))
        limits = replace(limits, memory_reservation=0)
    if limits.oom_kill_disable is not None and "oom_kill_disable" not in capacity:
        if limits.oom_kill_disable:
            warnings.append(
                "Your kernel does not support OomKillDisable. OomKillDisable discarded."
            )
        limits = replace(limits, oom_kill_disable=None)
    if limits.oom_kill_disable and limits.memory == 0:
        warnings.append(
            "OOM killer is disabled for the container, but no memory limit is set, "
            "this can result in the system running out of resources."
        )
    if limits.pids_limit is not None and "pids" not in capacity:
        if limits.pids_limit > 0:
            warnings.append(_UNKNOWN.format("PIDs limit capabilities", "PIDs limit"))
        limits = replace(limits, pids_limit=None)
    return limits


def check_again(limits: Limits) -> None:
    """Refuse limits that single updates have made to contradict each other: docker's start does.

    Raises InvalidArgument in docker's words.
    """
    _check_swap(limits, update=False)
    _check_reservation(limits)


def _check_swap(limits: Limits, update: bool) -> None:
    if limits.memory > 0 and 0 < limits.memory_swap < limits.memory:
        raise InvalidArgument(
            "Minimum memoryswap limit should be larger than memory limit, see usage"
        )
    if limits.memory == 0 and limits.memory_swap > 0 and not update:
        raise InvalidArgument(
            "You should always set the Memory limit when using Memoryswap limit, see usage"
        )


def _check_reservation(limits: Limits) -> None:
    if 0 < limits.memory_reservation < LEAST_MEMORY_BYTES:
        raise InvalidArgument("Minimum memory reservation allowed is 6MB")
    if 0 < limits.memory < limits.memory_reservation:
        raise InvalidArgument(
            "Minimum memory limit can not be less than memory reservation limit, see usage"
        )


def _cpu(limits: Limits, capacity: Capacity, warnings: list[str], update: bool) -> Limits:
    if limits.nano_cpus > 0 and limits.cpu_period > 0:
        raise InvalidArgument("Conflicting options: Nano CPUs and CPU Period cannot both be set")
    if limits.nano_cpus > 0 and limits.cpu_quota > 0:
        raise InvalidArgument("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
    if not 0 <= limits.nano_cpus <= capacity.processors * NANO:
        count = capacity.processors
        raise InvalidArgument(
            f"Range of CPUs is from 0.01 to {count}.00, as there are only {count} CPUs available"
        )
    if limits.cpu_shares > 0 and "shares" not in capacity:
        warnings.append(_UNKNOWN.format("CPU shares", "Shares"))
        limits = replace(limits, cpu_shares=0)
    if limits.cpu_period != 0 and not 1000 <= limits.cpu_period <= 1_000_000:
        raise InvalidArgument(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
        )
    if 0 < limits.cpu_quota < 1000:
        raise InvalidArgument("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    # Docker refuses --cpus without the scheduler's quota. Where only the right to it is missing, as
    # for an ordinary user, dropping it with a word is what the other limits do, too.
    quota = limits.cpu_period or limits.cpu_quota or limits.nano_cpus
    if quota and "quota" not in capacity:
        warnings.append(
            "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded."
        )
        limits = replace(limits, cpu_period=0, cpu_quota=0, nano_cpus=0)
    if limits.cpu_realtime_period or limits.cpu_realtime_runtime:
        if "realtime" not in capacity:
            raise InvalidArgument("Your kernel does not support CPU real-time scheduler")
        if 0 < limits.cpu_realtime_period < limits.cpu_realtime_runtime and not update:
            raise InvalidArgument(
                "cpu real-time runtime cannot be higher than cpu real-time period"
            )
    return limits


def _cpuset(limits: Limits, capacity: Capacity, warnings: list[str]) -> Limits:
    for text, there, what, kind in (
        (limits.cpuset_cpus, capacity.cpus, "CPUs", "cpus"),
        (limits.cpuset_mems, capacity.mems, "memory nodes", "mems"),
    ):
        available = numbers(there)
        try:
            wanted = numbers(text, max(_MOST_PROCESSORS, *available))
        except ValueError as error:
            raise InvalidArgument(f"Invalid value {text} for cpuset {kind}: {error}") from None
        if not wanted <= available:
            raise InvalidArgument(
                f"Requested {what} are not available - requested {text}, available: {there}"
            )
    if (limits.cpuset_cpus or limits.cpuset_mems) and "cpuset" not in capacity:
        warnings.append(
            "Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded."
        )
        limits = replace(limits, cpuset_cpus="", cpuset_mems="")
    return limits


def _blkio(limits: Limits, capacity: Capacity, warnings: list[str]) -> Limits:
    if limits.blkio_weight > 0 and "weight" not in capacity:
        warnings.append(_UNKNOWN.format("Block I/O weight", "Weight"))
        limits = replace(limits, blkio_weight=0)
    if limits.blkio_weight != 0 and not 10 <= limits.blkio_weight <= 1000:
        raise InvalidArgument("Range of blkio weight is from 10 to 1000")
    for field, able, what, dropped in (
        ("blkio_weight_device", "weight_device", "Block I/O weight_device", "Weight-device"),
        ("device_read_bps", "read_bps", "BPS Block I/O read limit", "Block I/O BPS read limit"),
        ("device_write_bps", "write_bps", "BPS Block I/O write limit", "Block I/O BPS write limit"),
        ("device_read_iops", "read_iops", "IOPS Block read limit", "Block I/O IOPS read limit"),
        ("device_write_iops", "write_iops", "IOPS Block write limit", "Block I/O IOPS write limit"),
    ):
        if getattr(limits, field) and able not in capacity:
            warnings.append(_UNKNOWN.format(what, dropped))
            without: dict[str, Any] = {field: ()}
            limits = replace(limits, **without)
    return limits


# ── update ───────────────────────────────────────────────────────────────────────────────────────


def merged(old: Limits, new: Limits) -> Limits:
    """Return the limits of a container after an update. Raises Conflict in docker's words."""
    taken = "Conflicting options: {} cannot be updated as {} has already been set"
    for wanted, name, held, holder in (
        (new.nano_cpus, "Nano CPUs", old.cpu_period, "CPU Period"),
        (new.nano_cpus, "Nano CPUs", old.cpu_quota, "CPU Quota"),
        (new.cpu_period, "CPU Period", old.nano_cpus, "NanoCPUs"),
        (new.cpu_quota, "CPU Quota", old.nano_cpus, "NanoCPUs"),
    ):
        if wanted > 0 and held > 0:
            raise Conflict(taken.format(name, holder))
    # docker's, also where swap is unlimited, which is -1
    if new.memory and new.memory > old.memory_swap and new.memory_swap == 0:
        raise Conflict(
            "Memory limit should be smaller than already set memoryswap limit, "
            "update the memoryswap at the same time"
        )
    given = new.given()
    if (new.pids_limit or 0) < 0:
        given["pids_limit"] = 0
    return replace(old, **given)


def change(old: Limits, new: Limits) -> Resources | None:
    """Return what the runtime is to do for an update, None for nothing.

    Memory goes together with swap, since version 2 counts swap alone. No limit of processes is 0.
    Real time and unlimited swap are for the next start: docker's daemon tells them to no running
    container (moby 26.1 `daemon/update_linux.go`, toContainerdResources).
    """
    new = replace(new, cpu_realtime_period=0, cpu_realtime_runtime=0)
    if new.memory or new.memory_swap:
        both: dict[str, Any] = {
            "memory": new.memory or old.memory,
            "memory_swap": new.memory_swap or old.memory_swap,
        }
        new = replace(new, **both)
    return resources(new, update=True)


# ── OCI ──────────────────────────────────────────────────────────────────────────────────────────


def resources(limits: Limits, *, update: bool = False) -> Resources | None:
    """Return what the runtime is to do, None for nothing. Raises ResourceError, InvalidArgument.

    Unlimited swap is how a cgroup begins, and never said.
    """
    if not limits.given():
        return None
    if limits.cpu_shares < 0:
        if update:  # a large number, without its sign
            raise InvalidArgument(f"the maximum allowed cpu-shares is {MOST_SHARES}")
        raise ResourceError("shares: invalid argument")
    values: dict[str, Any] = {
        "memory_limit": limits.memory or None,
        "memory_swap": limits.memory_swap if limits.memory_swap > 0 else None,
        "memory_reservation": limits.memory_reservation or None,
        "memory_swappiness": limits.memory_swappiness,
        "oom_kill_disable": limits.oom_kill_disable or None,
        "cpu_shares": limits.cpu_shares or None,
        "cpu_period": limits.cpu_period or None,
        "cpu_quota": limits.cpu_quota or None,
        "cpu_realtime_period": limits.cpu_realtime_period or None,
        "cpu_realtime_runtime": limits.cpu_realtime_runtime or None,
        "cpus": limits.cpuset_cpus,
        "mems": limits.cpuset_mems,
        "pids_limit": limits.pids_limit if (limits.pids_limit or 0) > 0 else None,
        "blkio_weight": limits.blkio_weight or None,
        "blkio_weight_device": _devices(limits.blkio_weight_device),
        "read_bps": _devices(limits.device_read_bps),
        "write_bps": _devices(limits.device_write_bps),
        "read_iops": _devices(limits.device_read_iops),
        "write_iops": _devices(limits.device_write_iops),
    }
    if limits.nano_cpus > 0:
        values["cpu_period"] = PERIOD_OF_CPUS
        values["cpu_quota"] = limits.nano_cpus * PERIOD_OF_CPUS // NANO
    if limits.pids_limit is not None and limits.pids_limit <= 0:
        values["pids_limit"] = -1
    found = Resources(**values)
    return found if found != Resources() else None


def _devices(devices: Sequence[DeviceLimit]) -> tuple[DeviceValue, ...]:
    found = []
    for device in devices:
        try:
            status = os.stat(device.path)
        except OSError as error:
            reason = (error.strerror or "").lower()
            raise ResourceError(f"stat {device.path}: {reason}") from None
        if not stat.S_ISBLK(status.st_mode):
            raise ResourceError(f"{device.path}: not a block device")
        number = status.st_rdev
        found.append(DeviceValue(os.major(number), os.minor(number), device.value))
    return tuple(found)
