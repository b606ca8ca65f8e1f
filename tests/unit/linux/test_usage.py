"""What a container uses, read from files as both versions write them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from ipycontainer.linux import usage
from ipycontainer.linux.cgroups import Cgroup
from ipycontainer.linux.usage import Cpu, Io, Memory

V2 = {
    "cpu.stat": "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_periods 4\n"
    "nr_throttled 2\nthrottled_usec 7\n",
    "memory.current": "1000000\n",
    "memory.max": "2000000\n",
    "memory.peak": "1100000\n",
    "memory.stat": "anon 100\ninactive_file 400000\nfile 5\n",
    "memory.events": "low 0\nmax 3\noom_kill 1\n",
    "io.stat": "253:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n"
    "8:16 rbytes=10 wbytes=20 rios=1 wios=2\n",
    "pids.current": "3\n",
    "pids.max": "max\n",
}
V1 = {
    "cpuacct.usage": "1500000\n",
    "cpuacct.usage_user": "1000000\n",
    "cpuacct.usage_sys": "500000\n",
    "cpu.stat": "nr_periods 4\nnr_throttled 2\nthrottled_time 7000\n",
    "memory.usage_in_bytes": "1000000\n",
    "memory.limit_in_bytes": "2000000\n",
    "memory.max_usage_in_bytes": "1100000\n",
    "memory.failcnt": "3\n",
    "memory.stat": "inactive_file 5\ntotal_inactive_file 400000\n",
    "blkio.throttle.io_service_bytes_recursive": "253:0 Read 4096\n253:0 Write 0\n"
    "8:16 Read 10\n8:16 Write 20\n8:16 Total 30\nTotal 4126\n",
    "blkio.throttle.io_serviced_recursive": "253:0 Read 1\n8:16 Read 1\n8:16 Write 2\nTotal 4\n",
    "pids.current": "3\n",
    "pids.max": "max\n",
}


def _cgroup(directory: Path, files: Mapping[str, str]) -> Cgroup:
    for name, text in files.items():
        (directory / name).write_text(text)
    if files is V2:
        return Cgroup({"": str(directory)})
    names = ("cpu", "cpuacct", "memory", "blkio", "pids")
    return Cgroup(dict.fromkeys(names, str(directory)))


@pytest.mark.parametrize("files", [V1, V2], ids=["version 1", "version 2"])
def test_both_versions_say_the_same(tmp_path: Path, files: Mapping[str, str]) -> None:
    """The same state of a container gives the same numbers, whichever version wrote them."""
    found = usage.read(_cgroup(tmp_path, files), os.getpid())
    cpu = found.cpu
    assert (cpu.total_ns, cpu.user_ns, cpu.kernel_ns) == (1_500_000, 1_000_000, 500_000)
    assert (cpu.periods, cpu.throttled_periods, cpu.throttled_ns) == (4, 2, 7000)
    assert cpu.online == os.sysconf("SC_NPROCESSORS_ONLN")
    memory = found.memory
    assert (memory.usage, memory.used, memory.limit) == (1_000_000, 600_000, 2_000_000)
    assert (memory.peak, memory.failures) == (1_100_000, 3)
    assert found.io == (Io(253, 0, 4096, 0, 1, 0), Io(8, 16, 10, 20, 1, 2))
    assert (found.read_bytes, found.write_bytes) == (4106, 20)
    assert (found.pids, found.pids_limit) == (3, 0)
    assert "lo" in {each.name for each in found.network}


@pytest.mark.parametrize("version", ["", "memory"])
def test_what_nobody_counts_is_zero(tmp_path: Path, version: str) -> None:
    """A cgroup without a controller's files gives zeros, and the machine's memory as limit."""
    found = usage.read(Cgroup({version: str(tmp_path)}), os.getpid())
    assert (found.cpu.total_ns, found.pids, found.io) == (0, 0, ())
    assert found.memory.limit == usage.read_processes((), 0).memory.limit > 0


def test_an_unlimited_container_has_the_machines_memory(tmp_path: Path) -> None:
    """Version 1's huge number and version 2's `max` both mean no limit."""
    machine = usage.read_processes((), 0).memory.limit
    for files in (
        V1 | {"memory.limit_in_bytes": "9223372036854771712"},
        V2 | {"memory.max": "max"},
    ):
        place = tmp_path / str(len(files))
        place.mkdir()
        cgroup = _cgroup(place, files)
        if "cpuacct.usage" not in files:
            cgroup = Cgroup({"": str(place)})
        assert usage.read(cgroup, os.getpid()).memory.limit == machine


def test_a_cache_larger_than_the_usage_is_not_taken_off() -> None:
    """As docker's client: a negative size would be nonsense."""
    assert Memory(100, stats={"inactive_file": 200}).used == 100


def test_percent_of_a_processor() -> None:
    """Docker's formula: a container that used one of two processors whole has 100."""
    before, now = Cpu(0, system_ns=0, online=2), Cpu(1000, system_ns=2000, online=2)
    assert usage.cpu_percent(before, now) == 100.0
    assert usage.cpu_percent(now, now) == 0.0
    assert usage.cpu_percent(now, before) == 0.0


def test_processes_add_up() -> None:
    """Without a cgroup the processes' own numbers stand in."""
    found = usage.read_processes((os.getpid(),), os.getpid())
    assert found.pids >= 1
    assert 1_000_000 < found.memory.used < found.memory.limit
    assert found.cpu.total_ns == found.cpu.user_ns + found.cpu.kernel_ns > 0
