"""What is only so under cgroup version 2: where a container stands, and what it sees of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipycontainer.engine import system
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import InvalidArgument

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
    place = _place(container)
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
    assert place.name == container.id


def test_info_tells_which_limits_can_be_had(engine: Engine) -> None:
    """Not which controllers have hierarchies of their own: version 2 has none of those."""
    told = system.info(engine)
    names = ("MemoryLimit", "SwapLimit", "CpuCfsPeriod", "CpuCfsQuota", "CPUShares", "PidsLimit")
    assert [told[name] for name in names] == [True] * len(names)
    assert not told["OomKillDisable"]


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
    shown = container.attrs["HostConfig"]
    assert (shown["MemorySwappiness"], shown["OomKillDisable"]) == (None, False)
    container.start()
    assert container.wait()["StatusCode"] == 0
    container.reload()
    assert container.attrs["HostConfig"]["OomKillDisable"] is None  # docker's, after any start


def test_a_weight_of_block_devices_is_written(engine: Engine) -> None:
    """In the file that this kernel's schedulers read; an update reaches what runs."""
    container = engine.containers.run(
        "busybox", ["sleep", "1000"], detach=True, network="none", blkio_weight=300
    )
    assert isinstance(container, Container)
    assert container.warnings == ()
    place = _place(container)
    by_bfq = (place / "io.bfq.weight").exists()
    file = place / ("io.bfq.weight" if by_bfq else "io.weight")
    # runc's line from 10..1000 to 1..10000 (opencontainers/cgroups, utils.go)
    assert file.read_text().split() == ["default", "300" if by_bfq else "2930"]
    container.update(blkio_weight=1000)
    assert file.read_text().split() == ["default", "1000" if by_bfq else "10000"]
    for wrong in (9, 1001):
        with pytest.raises(InvalidArgument, match="Range of blkio weight is from 10 to 1000"):
            container.update(blkio_weight=wrong)
    assert container.attrs["HostConfig"]["BlkioWeight"] == 1000


def test_real_time_is_refused_in_dockers_words(engine: Engine) -> None:
    """Version 2 has no real-time budgets: docker makes no such container, and changes none."""
    words = "Your kernel does not support CPU real-time scheduler"
    for asked in ({"cpu_rt_runtime": 1000}, {"cpu_rt_period": 1_000_000}):
        with pytest.raises(InvalidArgument, match=words):
            engine.containers.create("busybox", ["true"], network="none", **asked)
    assert engine.containers.list(all=True) == []
    container = engine.containers.run("busybox", ["sleep", "1000"], detach=True, network="none")
    assert isinstance(container, Container)
    with pytest.raises(InvalidArgument, match=words):
        container.update(cpu_rt_runtime=1000)
    assert container.attrs["HostConfig"]["CpuRealtimeRuntime"] == 0


def test_a_parent_cgroup_holds_its_containers_together(engine: Engine) -> None:
    """They lie below it with their own limits, and what is written there holds for all of them."""
    parent = "held-together/further"
    first, second = (
        engine.containers.run(
            "busybox",
            ["sleep", "1000"],
            detach=True,
            network="none",
            cgroup_parent=parent,
            mem_limit="64m",
        )
        for _ in range(2)
    )
    assert isinstance(first, Container)
    assert isinstance(second, Container)
    places = [_place(first), _place(second)]
    above = places[0].parent
    assert [place.parent for place in places] == [above, above]
    assert str(above).endswith(f"/{parent}")
    assert [(place / "memory.max").read_text().strip() for place in places] == [str(64 << 20)] * 2
    many = ["sh", "-c", "for n in 1 2 3 4 5 6; do sleep 1 & done; wait"]
    assert first.exec_run(many).exit_code == 0
    (above / "pids.max").write_text("6")
    result = second.exec_run(many)
    assert result.exit_code != 0
    assert isinstance(result.output, bytes)
    assert b"can't fork: Resource temporarily unavailable" in result.output
    (above / "pids.max").write_text("max")


def test_who_fills_a_delegated_cgroup_stands_in_a_leaf_of_it(engine: Engine) -> None:
    """Else nothing could be counted below it (guest.sh starts all there); root's is free for it."""
    engine.run("busybox", ["true"], network="none", mem_limit="64m")
    own = Path("/proc/self/cgroup").read_text().strip()
    if not engine.home.rootless:
        assert own == "0::/"
        assert not Path("/sys/fs/cgroup/init").exists()
        return
    assert own == "0::/delegated/init"
    given = Path("/sys/fs/cgroup/delegated")
    assert (given / "cgroup.procs").read_text() == ""
    assert len((given / "init/cgroup.procs").read_text().split()) >= 3  # the shell and its sleep
    assert {"cpu", "memory", "pids"} <= {*(given / "cgroup.subtree_control").read_text().split()}


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


def _place(container: Container) -> Path:
    container.reload()
    path = Path(f"/proc/{container.record.state.pid}/cgroup").read_text().strip()
    return Path(f"/sys/fs/cgroup{path.removeprefix('0::')}")
