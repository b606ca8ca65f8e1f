"""What containers use, as the engine reads it: from the cgroup of init, wherever that was made.

The kernel's own files, world-readable: neither monitor nor zygote is asked. In docker's API shape
for docker-py's `stats`, and typed (`linux.usage`) for everybody else.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from ipycontainer.errors import NoSuchContainer
from ipycontainer.linux import cgroups, processes, usage
from ipycontainer.linux.cgroups import Cgroup, Hierarchies
from ipycontainer.linux.processes import Table
from ipycontainer.linux.usage import Cpu, Io, Network, Usage, cpu_percent
from ipycontainer.model.sample import Sample
from ipycontainer.model.state import ContainerRecord
from ipycontainer.model.units import rfc3339nano

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container
    from ipycontainer.engine.engine import Engine

__all__ = ["Sampler", "api_readings", "api_stats", "own_cgroup", "samples", "usage_of"]

# Between the first two readings: the kernel counts the machine's time in steps of 10 ms.
FIRST_SECONDS = 0.25
NEXT_SECONDS = 1.0


def usage_of(record: ContainerRecord, machine: Callable[[], Table] = processes.table) -> Usage:
    """Return what a container uses now; zeros for one that does not run.

    `machine` tells of all processes, where those of the container have to be looked for.
    """
    pid = record.state.pid
    if not record.state.status.alive or not pid:
        return Usage()
    try:
        cgroup = own_cgroup(record)
    except ProcessLookupError:  # it has just ended
        return Usage()
    if cgroup is None:
        return usage.read_processes(processes.members(pid, machine()), pid)
    return usage.read(cgroup, pid)


def own_cgroup(record: ContainerRecord) -> Cgroup | None:
    """Return a running container's own cgroup; None where it could have none.

    Raises ProcessLookupError when it has just ended.
    """
    found = cgroups.of_process(_hierarchies(), record.state.pid)
    if found is None:
        return None
    own = {
        name: directory
        for name, directory in found.directories.items()
        if posixpath.basename(directory) == record.id
    }
    return Cgroup(own) if own else None


class Sampler:
    """Reads what containers use, again and again, and what of it is since the last reading.

    Those that `refs` name, else the running ones, or with `everything` all of them. Who comes and
    goes is seen by `refresh`; between two of them a reading asks the kernel only. Raises
    NoSuchContainer for a name.
    """

    def __init__(self, engine: Engine, refs: Sequence[str] = (), everything: bool = False) -> None:
        self._engine = engine
        self._named = {engine.containers.get(ref).id: ref for ref in refs}
        self._everything = everything
        self._found: list[tuple[ContainerRecord, str]] = []
        self._before: dict[str, Cpu] = {}
        self.refresh()
        self.rows()

    def refresh(self) -> bool:
        """Look who is there; False when none of the named is left."""
        self._found = _wanted(self._engine, self._named, self._everything)
        return bool(self._found) or not self._named

    def rows(self) -> tuple[Sample, ...]:
        """Read: a row for each container."""
        machine = cache(processes.table)  # at most once a reading
        now = {record.id: usage_of(record, machine) for record, _ in self._found}
        rows = tuple(
            _sample(record, word, self._before.get(record.id), now[record.id])
            for record, word in self._found
        )
        self._before = {each: reading.cpu for each, reading in now.items()}
        return rows


def samples(
    engine: Engine, refs: Sequence[str] = (), everything: bool = False
) -> Iterator[tuple[Sample, ...]]:
    """Yield what containers use, first after a quarter of a second, then each second.

    Ends when none of the named is left. Raises NoSuchContainer at the first step.
    """
    sampler = Sampler(engine, refs, everything)
    pause = FIRST_SECONDS
    while True:
        time.sleep(pause)
        pause = NEXT_SECONDS
        if not sampler.refresh():
            return
        yield sampler.rows()


def _wanted(
    engine: Engine, named: dict[str, str], everything: bool
) -> list[tuple[ContainerRecord, str]]:
    if not named:
        containers = engine.containers.list(all=everything)
        return [(container.record, container.short_id) for container in containers]
    found = []
    for container_id, word in named.items():
        try:
            found.append((engine.containers.get(container_id).record, word))
        except NoSuchContainer:
            continue
    return found


def _sample(record: ContainerRecord, word: str, before: Cpu | None, now: Usage) -> Sample:
    percent = 0.0 if before is None else cpu_percent(before, now.cpu)
    return Sample(
        record.id,
        record.name,
        word,
        percent,
        now.memory.used,
        now.memory.limit,
        now.rx_bytes,
        now.tx_bytes,
        now.read_bytes,
        now.write_bytes,
        now.pids,
    )


def api_readings(container: Container) -> Iterator[dict[str, Any]]:
    """Yield docker's API objects of a container: first soon, then each second, until it is gone."""
    before, pause = container.usage(), FIRST_SECONDS
    while True:
        time.sleep(pause)
        pause = NEXT_SECONDS
        try:
            now = container.usage()
        except NoSuchContainer:
            return
        yield api_stats(container.record, before, now)
        before = now


def api_stats(record: ContainerRecord, before: Usage | None, now: Usage) -> dict[str, Any]:
    """Return docker's API object of one reading; `before` is what its client subtracts."""
    old = before or Usage()
    return {
        "read": rfc3339nano(now.time_ns),
        "preread": rfc3339nano(old.time_ns),
        "pids_stats": {"current": now.pids, "limit": now.pids_limit or (1 << 64) - 1},
        "blkio_stats": {
            "io_service_bytes_recursive": _io(now.io, "read_bytes", "write_bytes"),
            "io_serviced_recursive": _io(now.io, "reads", "writes"),
        },
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": _cpu(now.cpu),
        "precpu_stats": _cpu(old.cpu),
        "memory_stats": {
            "usage": now.memory.usage,
            "max_usage": now.memory.peak,
            "failcnt": now.memory.failures,
            "limit": now.memory.limit,
            "stats": dict(now.memory.stats),
        },
        "name": f"/{record.name}",
        "id": record.id,
        "networks": {each.name: _network(each) for each in now.network if each.name != "lo"},
    }


def _cpu(cpu: Cpu) -> dict[str, Any]:
    return {
        "cpu_usage": {
            "total_usage": cpu.total_ns,
            "usage_in_kernelmode": cpu.kernel_ns,
            "usage_in_usermode": cpu.user_ns,
        },
        "system_cpu_usage": cpu.system_ns,
        "online_cpus": cpu.online,
        "throttling_data": {
            "periods": cpu.periods,
            "throttled_periods": cpu.throttled_periods,
            "throttled_time": cpu.throttled_ns,
        },
    }


def _io(devices: Sequence[Io], read: str, write: str) -> list[dict[str, Any]]:
    return [
        {"major": each.major, "minor": each.minor, "op": op, "value": getattr(each, name)}
        for each in devices
        for op, name in (("read", read), ("write", write))
    ]


def _network(each: Network) -> dict[str, int]:
    names = "rx_bytes rx_packets rx_errors rx_dropped tx_bytes tx_packets tx_errors tx_dropped"
    return {name: getattr(each, name) for name in names.split()}


@cache
def _hierarchies() -> Hierarchies:
    return cgroups.detect()
