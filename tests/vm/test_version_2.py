"""What is only so under cgroup version 2: where a container stands, and what it sees of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine

pytestmark = pytest.mark.usefixtures("busybox_image")


def test_a_container_is_the_root_of_what_it_sees(engine: Engine) -> None:
    """It has a cgroup of its own, sees itself as its root, and may write nothing there."""
    script = "cat /proc/self/cgroup; cat /sys/fs/cgroup/pids.max; mkdir /sys/fs/cgroup/x"
    result = engine.run("busybox", ["sh", "-c", script], network="none", pids_limit=77)
    assert result.stdout.split() == [b"0::/", b"77"]
    assert b"Read-only file system" in result.stderr


def test_every_limit_of_version_2_is_written(engine: Engine) -> None:
    """Docker's options in version 2's files, seen from outside."""
    container = engine.containers.run(
        "busybox",
        ["sleep", "1000"],
        detach=True,
        network="none",
        mem_limit="64m",
        memswap_limit="80m",
        mem_reservation="32m",
        cpu_shares=1024,
        nano_cpus=500_000_000,
        cpuset_cpus="0",
        pids_limit=9,
    )
    assert isinstance(container, Container)
    container.reload()
    path = Path(f"/proc/{container.record.state.pid}/cgroup").read_text().strip()
    place = Path(f"/sys/fs/cgroup{path.removeprefix('0::')}")
    files = {
        "memory.max": str(64 << 20),
        "memory.swap.max": str(16 << 20),
        "memory.low": str(32 << 20),
        "cpu.weight": "100",
        "cpu.max": "50000 100000",
        "cpuset.cpus": "0",
        "pids.max": "9",
    }
    assert {name: (place / name).read_text().strip() for name in files} == files
    assert path.endswith(f"/{container.id}")


def test_switches_of_version_1_are_dropped_with_a_word(engine: Engine) -> None:
    """In docker's words; what runs, runs."""
    container = engine.containers.create(
        "busybox", ["true"], network="none", mem_swappiness=5, oom_kill_disable=True
    )
    dropped = [text for text in container.warnings if "discarded" in text]
    assert [text.rpartition(". ")[2] for text in dropped] == [
        "Memory swappiness discarded.",
        "OomKillDisable discarded.",
    ]
    container.start()
    assert container.wait()["StatusCode"] == 0


def test_zygote_has_left_the_cgroup_of_who_started_it(engine: Engine) -> None:
    """A server's end takes its cgroup along: the engine's processes are elsewhere by then."""
    engine.run("busybox", ["true"], network="none")
    own = Path("/proc/self/cgroup").read_text()
    places = {
        (entry / "cgroup").read_text()
        for entry in Path("/proc").glob("[0-9]*")
        if str(engine.home.root) in _command_line(entry)
    }
    assert places
    assert own not in places


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
