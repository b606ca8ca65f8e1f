"""Limit a cgroup: OCI's resources in the words of each version's files.

`settings` decides and is pure, `apply` writes. Conversions from version 1's numbers are runc's and
crun's, so that the same option means the same everywhere: opencontainers/cgroups (utils.go, fs2/),
crun docs/. Files: Documentation/admin-guide/cgroup-v1/*.rst and cgroup-v2.rst.
"""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

from ipycontainer.errors import InvalidArgument, StepFailed, Unsupported
from ipycontainer.linux.cgroups import Cgroup
from ipycontainer.model.resources import DeviceValue, RdmaLimit, Resources

__all__ = ["Setting", "apply", "controllers", "settings"]

LEAST_SHARES, MOST_SHARES = 2, 262144  # MIN_SHARES and MAX_SHARES of kernel/sched/sched.h
MOST_SWAPPINESS = 100  # of runtimes; newer kernels take 200
DEFAULT_PERIOD = 100_000  # microseconds
# Written in the wrong order, these contradict what still stands (EINVAL): so they get a second try.
_ORDER_MATTERS = (errno.EINVAL, errno.EBUSY)


@dataclass(frozen=True, slots=True)
class Setting:
    """A text to write into a file of a controller."""

    controller: str
    file: str
    value: str


def controllers(resources: Resources, *, v2: bool) -> tuple[str, ...]:
    """Return the controllers that these limits need."""
    wanted = settings(resources, v2=v2)
    return tuple(dict.fromkeys(setting.controller for setting in wanted))


def apply(cgroup: Cgroup, resources: Resources) -> None:
    """Limit a cgroup. Raises StepFailed in runc's words, naming value and file."""
    _check_memory(cgroup, resources)
    bfq = "bfq." if _has_bfq(cgroup) else ""
    left = settings(resources, v2=cgroup.is_v2, bfq=bfq)
    for last in (False, True):
        refused: list[Setting] = []
        for setting in left:
            try:
                _write(cgroup, setting)
            except OSError as error:
                if last or error.errno not in _ORDER_MATTERS:
                    raise _failure(cgroup, setting, error) from error
                refused.append(setting)
        left = tuple(refused)


def settings(resources: Resources, *, v2: bool, bfq: str = "") -> tuple[Setting, ...]:
    """Return what to write, in order; `bfq` is "bfq." where weights are that scheduler's.

    Raises InvalidArgument and Unsupported, by name.
    """
    return tuple(_version_2(resources, f"io.{bfq}weight") if v2 else _version_1(resources, bfq))


def _text(value: int) -> str:
    return "max" if value == -1 else str(value)


# ── version 2 ────────────────────────────────────────────────────────────────────────────────────


def _version_2(limits: Resources, io_weight: str) -> list[Setting]:
    for name in ("memory_swappiness", "oom_kill_disable", "cpu_realtime_runtime"):
        if getattr(limits, name):
            raise Unsupported(f"{name.replace('_', ' ')} is not there under cgroup version 2")
    found = []
    if limits.cpus:
        found.append(Setting("cpuset", "cpuset.cpus", limits.cpus))
    if limits.mems:
        found.append(Setting("cpuset", "cpuset.mems", limits.mems))
    found += _memory_v2(limits)
    if limits.cpu_idle is not None:
        found.append(Setting("cpu", "cpu.idle", str(limits.cpu_idle)))
    if limits.cpu_shares is not None:
        found.append(Setting("cpu", "cpu.weight", str(weight_of_shares(limits.cpu_shares))))
    if limits.cpu_quota is not None or limits.cpu_period is not None:
        quota = "max" if (limits.cpu_quota or -1) < 0 else str(limits.cpu_quota)
        found.append(Setting("cpu", "cpu.max", f"{quota} {limits.cpu_period or DEFAULT_PERIOD}"))
    if limits.cpu_burst is not None:
        found.append(Setting("cpu", "cpu.max.burst", str(limits.cpu_burst)))
    if limits.pids_limit is not None:
        found.append(Setting("pids", "pids.max", _text(max(limits.pids_limit, -1))))
    if limits.blkio_weight is not None:
        found.append(Setting("io", io_weight, _io_weight(limits.blkio_weight, io_weight)))
    for each in limits.blkio_weight_device:
        value = _io_weight(each.value, io_weight).removeprefix("default ")
        found.append(Setting("io", io_weight, f"{each.major}:{each.minor} {value}"))
    rates = (
        ("rbps", limits.read_bps),
        ("wbps", limits.write_bps),
        ("riops", limits.read_iops),
        ("wiops", limits.write_iops),
    )
    found += [
        Setting("io", "io.max", f"{each.major}:{each.minor} {key}={each.value}")
        for key, devices in rates
        for each in devices
    ]
    if limits.network_class is not None or limits.network_priorities:
        raise Unsupported("network limits are not there under cgroup version 2")
    if limits.blkio_leaf_weight is not None or limits.blkio_leaf_weight_device:
        raise Unsupported("blkio leaf weight is not there under cgroup version 2")
    found += [
        Setting("hugetlb", f"hugetlb.{each.page_size}.max", str(each.limit))
        for each in limits.huge_pages
    ]
    found += _rdma(limits.rdma)
    for file, value in limits.unified.items():
        if "/" in file or "." not in file:
            raise InvalidArgument(f"unified resource {file!r} must be a file name without slashes")
        found.append(Setting(file.partition(".")[0], file, value))
    return found


def _rdma(limits: Sequence[RdmaLimit]) -> list[Setting]:
    """Return the lines of rdma.max, which both versions have alike."""
    return [
        Setting("rdma", "rdma.max", f"{each.device} {' '.join(words)}")
        for each in limits
        if (
            words := [
                f"{word}={value}"
                for word, value in (("hca_handle", each.handles), ("hca_object", each.objects))
                if value is not None
            ]
        )
    ]


def _memory_v2(limits: Resources) -> list[Setting]:
    found = []
    memory, swap = limits.memory_limit, limits.memory_swap
    if swap is not None:
        if swap != -1 and (memory is None or memory < 0):
            raise InvalidArgument("unable to set swap limit without memory limit")
        if swap != -1 and swap < (memory or 0):
            raise InvalidArgument("memory+swap limit should be >= memory limit")
        # version 2 counts swap alone
        value = _text(swap if swap == -1 else swap - (memory or 0))
        found.append(Setting("memory", "memory.swap.max", value))
    if memory is not None:
        found.append(Setting("memory", "memory.max", _text(memory)))
    if limits.memory_reservation is not None:
        found.append(Setting("memory", "memory.low", _text(limits.memory_reservation)))
    return found


def weight_of_shares(shares: int) -> int:
    """Return version 2's cpu weight for version 1's shares: 1024, the default, is 100.

    A curve through both ranges' ends and their defaults (opencontainers/cgroups of 2025, crun 1.23;
    older runtimes drew a straight line, on which the default was 39).
    """
    if shares <= LEAST_SHARES:
        return 1
    if shares >= MOST_SHARES:
        return 10000
    exponent = math.log2(shares)
    return math.ceil(10 ** ((exponent * exponent + 125 * exponent) / 612 - 7 / 34))


def _io_weight(weight: int, file: str) -> str:
    """Return a weight for io.bfq.weight, which takes 1 to 1000, or io.weight, 1 to 10000."""
    if file == "io.bfq.weight":
        return str(weight)
    return f"default {1 + (weight - 10) * 9999 // 990}"


# ── version 1 ────────────────────────────────────────────────────────────────────────────────────


def _version_1(limits: Resources, bfq: str) -> list[Setting]:
    if limits.unified:
        raise InvalidArgument("invalid configuration: cannot use unified on cgroup v1")
    shares = limits.cpu_shares
    if shares is not None and shares < LEAST_SHARES:
        raise InvalidArgument(f"the minimum allowed cpu-shares is {LEAST_SHARES}")
    if shares is not None and shares > MOST_SHARES:
        raise InvalidArgument(f"the maximum allowed cpu-shares is {MOST_SHARES}")
    swappiness = limits.memory_swappiness
    if swappiness is not None and swappiness > MOST_SWAPPINESS:
        raise InvalidArgument(
            f"invalid memory swappiness value: {swappiness} (valid range is 0-{MOST_SWAPPINESS})"
        )
    off = None if limits.oom_kill_disable is None else int(limits.oom_kill_disable)
    plain: tuple[tuple[str, str, int | str | None], ...] = (
        ("cpuset", "cpus", limits.cpus or None),
        ("cpuset", "mems", limits.mems or None),
        ("cpu", "idle", limits.cpu_idle),
        ("cpu", "shares", shares),
        ("cpu", "rt_period_us", limits.cpu_realtime_period),
        ("cpu", "rt_runtime_us", limits.cpu_realtime_runtime),
        ("cpu", "cfs_period_us", limits.cpu_period),
        ("cpu", "cfs_quota_us", limits.cpu_quota),
        ("cpu", "cfs_burst_us", limits.cpu_burst),
        ("memory", "limit_in_bytes", limits.memory_limit),
        ("memory", "memsw.limit_in_bytes", limits.memory_swap),
        ("memory", "soft_limit_in_bytes", limits.memory_reservation),
        ("memory", "oom_control", off),
        ("memory", "swappiness", swappiness),
        ("blkio", f"{bfq}weight", limits.blkio_weight),
        ("blkio", "leaf_weight", limits.blkio_leaf_weight),
        ("net_cls", "classid", limits.network_class),
    )
    found = [
        Setting(controller, f"{controller}.{file}", str(value))
        for controller, file, value in plain
        if value is not None
    ]
    if limits.pids_limit is not None:
        found.append(Setting("pids", "pids.max", _text(max(limits.pids_limit, -1))))
    found += _devices_v1(f"{bfq}weight_device", limits.blkio_weight_device)
    found += _devices_v1("leaf_weight_device", limits.blkio_leaf_weight_device)
    found += _devices_v1("throttle.read_bps_device", limits.read_bps)
    found += _devices_v1("throttle.write_bps_device", limits.write_bps)
    found += _devices_v1("throttle.read_iops_device", limits.read_iops)
    found += _devices_v1("throttle.write_iops_device", limits.write_iops)
    found += [
        Setting("hugetlb", f"hugetlb.{each.page_size}.limit_in_bytes", str(each.limit))
        for each in limits.huge_pages
    ]
    found += _rdma(limits.rdma)
    found += [
        Setting("net_prio", "net_prio.ifpriomap", f"{name} {priority}")
        for name, priority in limits.network_priorities
    ]
    return found


def _devices_v1(file: str, devices: Sequence[DeviceValue]) -> list[Setting]:
    return [
        Setting("blkio", f"blkio.{file}", f"{each.major}:{each.minor} {each.value}")
        for each in devices
    ]


# ── doing it ─────────────────────────────────────────────────────────────────────────────────────


def _has_bfq(cgroup: Cgroup) -> bool:
    """Tell whether weights of block devices are the BFQ scheduler's, on either version."""
    if cgroup.is_v2:
        return os.path.exists(f"{cgroup.directories['']}/io.bfq.weight")
    directory = cgroup.directories.get("blkio", "")
    return os.path.exists(f"{directory}/blkio.bfq.weight")


def _check_memory(cgroup: Cgroup, resources: Resources) -> None:
    """Refuse less memory than is used by now, where that is asked for: version 2 would kill."""
    limit = resources.memory_limit
    if not (resources.memory_check and cgroup.is_v2 and limit is not None and limit >= 0):
        return
    with open(f"{cgroup.directories['']}/memory.current", encoding="ascii") as file:
        used = int(file.read())
    if used > limit:
        raise StepFailed(f"rejecting memory limit {limit} <= usage {used}", step="limit memory.max")


def _path(cgroup: Cgroup, setting: Setting) -> str:
    directory = cgroup.directories.get("" if cgroup.is_v2 else setting.controller)
    if directory is None:
        raise FileNotFoundError(errno.ENOENT, "no such controller", setting.file)
    return f"{directory}/{setting.file}"


def _write(cgroup: Cgroup, setting: Setting) -> None:
    fd = os.open(_path(cgroup, setting), os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, setting.value.encode())
    finally:
        os.close(fd)


def _failure(cgroup: Cgroup, setting: Setting, error: OSError) -> StepFailed:
    """Return runc's sentence: `failed to write "5": write /sys/...: invalid argument`."""
    directory = cgroup.directories.get("" if cgroup.is_v2 else setting.controller, "")
    if not directory:  # runc's words for a controller that this machine has nowhere
        return StepFailed(
            f"cannot set {setting.controller} limit: container could not join or create cgroup",
            step=f"limit {setting.file}",
            errno=error.errno or 0,
        )
    reason = os.strerror(error.errno or 0).lower()
    return StepFailed(
        f'failed to write "{setting.value}": write {directory}/{setting.file}: {reason}',
        step=f"limit {setting.file}",
        errno=error.errno or 0,
    )
