"""The options that limit a container: on `run` and `create`, and those that `update` changes.

Checked here is what docker's client checks; the daemon's checks are the engine's
(`engine.limits`). Source: docker/cli `opts/` and `cli/command/container/opts.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from ipycontainer.commands.limit_types import (
    Cpus,
    IoRate,
    IoWeight,
    SwapBytes,
    UlimitType,
    Unsigned16,
)
from ipycontainer.commands.network_options import dns_warnings
from ipycontainer.commands.types import Bytes, Integer, String
from ipycontainer.errors import UsageError
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.limits import Limits, Ulimit

__all__ = [
    "LIMIT_OPTIONS",
    "UPDATE_OPTIONS",
    "client_warnings",
    "limit_fields",
    "limits_of",
    "says_nothing",
]

# What `update` can change of a container that there is. None is what was not said: zero is a word.
UPDATE_OPTIONS = (
    click.option("--blkio-weight", type=Unsigned16(), help="Block IO weight, 10-1000"),
    click.option("--cpu-period", type=Integer(), help="Period of the CPU quota in µs"),
    click.option("--cpu-quota", type=Integer(), help="CPU time in each period in µs"),
    click.option(
        "--cpu-rt-period",
        "cpu_realtime_period",
        type=Integer(),
        help="Period of real-time CPU in µs",
    ),
    click.option(
        "--cpu-rt-runtime",
        "cpu_realtime_runtime",
        type=Integer(),
        help="Real-time CPU in each period in µs",
    ),
    click.option("-c", "--cpu-shares", type=Integer(), help="CPU shares (relative weight)"),
    click.option("--cpus", "nano_cpus", type=Cpus(), help="Number of CPUs"),
    click.option("--cpuset-cpus", type=String(), help="CPUs to run on (0-3, 0,1)"),
    click.option("--cpuset-mems", type=String(), help="Memory nodes (0-3, 0,1)"),
    click.option("-m", "--memory", type=Bytes(), help="Memory limit"),
    click.option("--memory-reservation", type=Bytes(), help="Memory soft limit"),
    click.option(
        "--memory-swap",
        type=SwapBytes(),
        help="Memory and swap together: -1 for unlimited swap",
    ),
    # docker's daemon no longer looks at it (since API 1.42), and says nothing of it
    click.option("--kernel-memory", type=Bytes(), hidden=True, help="Without effect, as in docker"),
    click.option("--pids-limit", type=Integer(), help="Limit of processes, -1 for none"),
)

LIMIT_OPTIONS = (
    *UPDATE_OPTIONS,
    click.option(
        "--blkio-weight-device", type=IoWeight(), multiple=True, help="Weight of a device"
    ),
    click.option("--cgroup-parent", type=String(), default="", help="Parent of its cgroup"),
    click.option(
        "--device-read-bps", type=IoRate(), multiple=True, help="Bytes a second from a device"
    ),
    click.option(
        "--device-read-iops",
        type=IoRate(of_bytes=False),
        multiple=True,
        help="Reads a second from a device",
    ),
    click.option(
        "--device-write-bps", type=IoRate(), multiple=True, help="Bytes a second to a device"
    ),
    click.option(
        "--device-write-iops",
        type=IoRate(of_bytes=False),
        multiple=True,
        help="Writes a second to a device",
    ),
    click.option(
        "--memory-swappiness", type=Integer(), default=-1, help="Readiness to swap, 0 to 100"
    ),
    click.option("--oom-kill-disable", is_flag=True, help="Never kill it for want of memory"),
    click.option(
        "--oom-score-adj", type=Integer(), default=0, help="How readily it is killed, -1000 to 1000"
    ),
    click.option("--ulimit", type=UlimitType(), multiple=True, help="Limit of each process"),
)

_PLAIN = (
    "blkio_weight cpu_period cpu_quota cpu_realtime_period cpu_realtime_runtime cpu_shares "
    "nano_cpus cpuset_cpus cpuset_mems memory memory_reservation memory_swap pids_limit"
).split()
_DANGEROUS = (
    "Disabling the OOM killer on containers without setting a '-m/--memory' limit may be dangerous."
)
_DRIVER_IGNORED = (
    "`--volume-driver` is ignored for volumes specified via `--mount`. "
    "Use `--mount type=volume,volume-driver=...` instead."
)
_DEVICES = (
    "blkio_weight_device device_read_bps device_read_iops device_write_bps device_write_iops"
).split()


def limits_of(options: Mapping[str, Any]) -> Limits:
    """Return what the options of `update` ask for."""
    given = _said(options, _PLAIN)
    if given.get("pids_limit") == 0:  # docker's client takes it for not given
        del given["pids_limit"]
    return Limits(**given)


def says_nothing(options: Mapping[str, Any]) -> bool:
    """Tell whether no limit was given, not even its zero."""
    return not _said(options, (*_PLAIN, "kernel_memory"))


def _said(options: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: options[name] for name in names if options[name] is not None}


def limit_fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a ContainerConfig that the options of `run` and `create` fill.

    Raises UsageError.
    """
    swappiness = options["memory_swappiness"]
    if swappiness != -1 and not 0 <= swappiness <= 100:
        raise UsageError(f"invalid value: {swappiness}. Valid memory swappiness range is 0-100")
    named = _said(options, (*_PLAIN, *_DEVICES))
    limits = Limits(
        **named,
        memory_swappiness=None if swappiness == -1 else swappiness,
        oom_kill_disable=options["oom_kill_disable"] or None,
    )
    ulimits: dict[str, Ulimit] = {limit.name: limit for limit in options["ulimit"]}
    return {
        "limits": limits,
        "ulimits": tuple(ulimits[name] for name in sorted(ulimits)),
        "oom_score_adj": options["oom_score_adj"],
        "cgroup_parent": options["cgroup_parent"],
    }


def client_warnings(config: ContainerConfig) -> tuple[str, ...]:
    """Return what docker's client warns of before it asks the daemon."""
    dangerous = config.limits.oom_kill_disable and not config.limits.memory
    ignored = config.volume_driver and any(mount.origin == "--mount" for mount in config.mounts)
    return (
        *((_DRIVER_IGNORED,) if ignored else ()),
        *((_DANGEROUS,) if dangerous else ()),
        *dns_warnings(config.dns),
    )
