"""What a container uses: cpu, memory, block devices, network and processes, on both versions.

The files are read as docker's daemon reads them; the formulas on the numbers are the reader's own
(`Memory.used`, and `cpu_percent` for two readings). Where a container has no cgroup, the processes'
own numbers stand in: what has ended unseen is missing then, and nobody counts block devices.

Sources: moby daemon/stats_unix.go and docker/cli container/stats_helpers.go; cgroup-v1/*.rst and
cgroup-v2.rst of the kernel's documentation; proc_stat(5), proc_pid_stat(5).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ipycontainer.linux.cgroups import Cgroup

__all__ = ["Cpu", "Io", "Memory", "Network", "Usage", "cpu_percent", "read", "read_processes"]

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
UNLIMITED_V1 = 1 << 62  # memory.limit_in_bytes without a limit is 2**63 less a page


@dataclass(frozen=True, slots=True)
class Cpu:
    """Processor time in nanoseconds; `system_ns` is the whole machine's, `online` its processors.

    Throttling: how many periods there were, in how many the quota was used up, and for how long.
    """

    total_ns: int = 0
    user_ns: int = 0
    kernel_ns: int = 0
    system_ns: int = 0
    online: int = 1
    periods: int = 0
    throttled_periods: int = 0
    throttled_ns: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory in bytes: `usage` with the page cache, `limit` the container's or the machine's.

    `stats` is the kernel's memory.stat; its names differ between the versions.
    """

    usage: int = 0
    limit: int = 0
    peak: int = 0
    failures: int = 0
    stats: Mapping[str, int] = field(default_factory=dict)

    @property
    def used(self) -> int:
        """Return the usage less the cache that could be dropped at once, as docker shows it."""
        cache = self.stats.get("total_inactive_file", self.stats.get("inactive_file", 0))
        return self.usage - cache if cache < self.usage else self.usage


@dataclass(frozen=True, slots=True)
class Io:
    """What went over one block device, in bytes and requests."""

    major: int
    minor: int
    read_bytes: int = 0
    write_bytes: int = 0
    reads: int = 0
    writes: int = 0


@dataclass(frozen=True, slots=True)
class Network:
    """What an interface of the container has received and sent."""

    name: str
    rx_bytes: int
    rx_packets: int
    rx_errors: int
    rx_dropped: int
    tx_bytes: int
    tx_packets: int
    tx_errors: int
    tx_dropped: int


@dataclass(frozen=True, slots=True)
class Usage:
    """One reading, at `time_ns` since the epoch; `pids` counts threads, its limit 0 for none."""

    time_ns: int = 0
    cpu: Cpu = field(default_factory=Cpu)
    memory: Memory = field(default_factory=Memory)
    io: tuple[Io, ...] = ()
    network: tuple[Network, ...] = ()
    pids: int = 0
    pids_limit: int = 0

    @property
    def read_bytes(self) -> int:
        """Return what was read from all block devices."""
        return sum(each.read_bytes for each in self.io)

    @property
    def write_bytes(self) -> int:
        """Return what was written to all block devices."""
        return sum(each.write_bytes for each in self.io)

    @property
    def rx_bytes(self) -> int:
        """Return what all interfaces but lo have received."""
        return sum(each.rx_bytes for each in self.network if each.name != "lo")

    @property
    def tx_bytes(self) -> int:
        """Return what all interfaces but lo have sent."""
        return sum(each.tx_bytes for each in self.network if each.name != "lo")


def cpu_percent(before: Cpu, now: Cpu) -> float:
    """Return the processor's share between two readings by docker's formula; one whole is 100."""
    own, system = now.total_ns - before.total_ns, now.system_ns - before.system_ns
    return own / system * now.online * 100.0 if own > 0 and system > 0 else 0.0


def read(cgroup: Cgroup, init: int) -> Usage:
    """Return what a container uses; `init` leads to its network. What nobody counts is 0."""
    system_ns, online = _machine_cpu()
    reading = _read_v2 if cgroup.is_v2 else _read_v1
    cpu, memory, io, pids, pids_limit = reading(cgroup, system_ns, online)
    return Usage(time.time_ns(), cpu, memory, io, _network(init), pids, pids_limit)


def read_processes(pids: Iterable[int], init: int) -> Usage:
    """Return what these processes use, added up: for a container without a cgroup of its own."""
    user = kernel = threads = resident = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                stat = file.read()
            with open(f"/proc/{pid}/statm", "rb") as file:
                pages = file.read().split()
        except OSError:  # it has just ended
            continue
        fields = stat[stat.rindex(b")") + 2 :].split()
        # utime, stime, cutime, cstime and num_threads: fields 14 to 17 and 20
        user += int(fields[11]) + int(fields[13])
        kernel += int(fields[12]) + int(fields[14])
        threads += int(fields[17])
        resident += max(0, int(pages[1]) - _file_pages(pid, int(pages[2])))
    system_ns, online = _machine_cpu()
    total = (user + kernel) * _TICK_NS
    cpu = Cpu(total, user * _TICK_NS, kernel * _TICK_NS, system_ns, online)
    memory = Memory(resident * _PAGE_BYTES, _machine_memory())
    return Usage(time.time_ns(), cpu, memory, (), _network(init), threads)


def _file_pages(pid: int, shared: int) -> int:
    """Return how many of a process's shared pages belong to files, whose cache is nobody's own."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            for line in file:
                if line.startswith(b"RssFile:"):
                    return int(line.split()[1]) * 1024 // _PAGE_BYTES
    except OSError:
        pass
    return shared


# ── version 2 ────────────────────────────────────────────────────────────────────────────────────

_Parts = tuple[Cpu, Memory, tuple[Io, ...], int, int]


def _read_v2(cgroup: Cgroup, system_ns: int, online: int) -> _Parts:
    directory = cgroup.directories[""]
    stat = _pairs(f"{directory}/cpu.stat")
    cpu = Cpu(
        stat.get("usage_usec", 0) * 1000,
        stat.get("user_usec", 0) * 1000,
        stat.get("system_usec", 0) * 1000,
        system_ns,
        online,
        stat.get("nr_periods", 0),
        stat.get("nr_throttled", 0),
        stat.get("throttled_usec", 0) * 1000,
    )
    limit = _number(f"{directory}/memory.max")
    memory = Memory(
        _number(f"{directory}/memory.current"),
        _at_most_machine(limit),
        _number(f"{directory}/memory.peak"),
        _pairs(f"{directory}/memory.events").get("max", 0),
        _pairs(f"{directory}/memory.stat"),
    )
    io = []
    for line in _lines(f"{directory}/io.stat"):
        device, *words = line.split()
        major, _, minor = device.partition(":")
        values = {name: int(value) for name, _, value in (word.partition("=") for word in words)}
        io.append(
            Io(
                int(major),
                int(minor),
                *(values.get(name, 0) for name in ("rbytes", "wbytes", "rios", "wios")),
            )
        )
    pids = _number(f"{directory}/pids.current"), _number(f"{directory}/pids.max")
    return cpu, memory, tuple(io), *pids


# ── version 1 ────────────────────────────────────────────────────────────────────────────────────


def _read_v1(cgroup: Cgroup, system_ns: int, online: int) -> _Parts:
    places = cgroup.directories
    throttled = _pairs(f"{places.get('cpu', '')}/cpu.stat")
    account = places.get("cpuacct", "")
    cpu = Cpu(
        _number(f"{account}/cpuacct.usage"),
        _number(f"{account}/cpuacct.usage_user"),
        _number(f"{account}/cpuacct.usage_sys"),
        system_ns,
        online,
        throttled.get("nr_periods", 0),
        throttled.get("nr_throttled", 0),
        throttled.get("throttled_time", 0),
    )
    directory = places.get("memory", "")
    limit = _number(f"{directory}/memory.limit_in_bytes")
    memory = Memory(
        _number(f"{directory}/memory.usage_in_bytes"),
        _at_most_machine(0 if limit >= UNLIMITED_V1 else limit),
        _number(f"{directory}/memory.max_usage_in_bytes"),
        _number(f"{directory}/memory.failcnt"),
        _pairs(f"{directory}/memory.stat"),
    )
    directory = places.get("pids", "")
    pids = _number(f"{directory}/pids.current"), _number(f"{directory}/pids.max")
    return cpu, memory, _io_v1(places.get("blkio", "")), *pids


def _io_v1(directory: str) -> tuple[Io, ...]:
    found: dict[str, dict[str, int]] = {}
    for file, kind in (("io_service_bytes", "bytes"), ("io_serviced", "requests")):
        for line in _lines(f"{directory}/blkio.throttle.{file}_recursive"):
            words = line.split()  # `253:0 Read 4096`, and at the end `Total 4096`
            if len(words) == 3:
                found.setdefault(words[0], {})[f"{words[1]} {kind}"] = int(words[2])
    return tuple(
        Io(
            int(device.partition(":")[0]),
            int(device.partition(":")[2]),
            values.get("Read bytes", 0),
            values.get("Write bytes", 0),
            values.get("Read requests", 0),
            values.get("Write requests", 0),
        )
        for device, values in found.items()
    )


# ── the machine, the network ─────────────────────────────────────────────────────────────────────


def _machine_cpu() -> tuple[int, int]:
    """Return the machine's processor time and how many processors it has.

    The time is the first seven numbers of /proc/stat: steal and guest time are left out.
    """
    lines = _lines("/proc/stat")
    online = sum(line.startswith("cpu") for line in lines) - 1
    ticks = sum(int(word) for word in lines[0].split()[1:8]) if lines else 0
    return ticks * _TICK_NS, max(1, online)


def _machine_memory() -> int:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return 0


def _at_most_machine(limit: int) -> int:
    machine = _machine_memory()
    return min(limit, machine) if limit and machine else machine


def _network(init: int) -> tuple[Network, ...]:
    """Return the interfaces in the network namespace of a process; none when it is gone."""
    found = []
    for line in _lines(f"/proc/{init}/net/dev")[2:]:
        name, _, numbers = line.partition(":")
        counts = [int(word) for word in numbers.split()]
        # received: bytes packets errs drop fifo frame compressed multicast; then the same of sent
        if len(counts) >= 12:
            found.append(Network(name.strip(), *counts[:4], *counts[8:12]))
    return tuple(found)


def _lines(path: str) -> list[str]:
    """Return a file's lines; none where it is not there, or may not be read."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []


def _pairs(path: str) -> dict[str, int]:
    found = {}
    for line in _lines(path):
        name, _, value = line.partition(" ")
        if value.isdecimal():
            found[name] = int(value)
    return found


def _number(path: str) -> int:
    """Return a file's one number; 0 where it is not there, or says `max`."""
    text = "".join(_lines(path)).strip()
    return int(text) if text.isdecimal() else 0
