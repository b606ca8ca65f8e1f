"""Limits measured from inside and outside, wherever this user has cgroups.

An ordinary user without a delegated cgroup gets WARNINGs instead: that is the other half. tests/vm
runs this file under version 2 as well.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ipycontainer.engine import capacity
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import InvalidArgument, ResourceError, StepFailed
from ipycontainer.linux import cgroups
from ipycontainer.linux.limits import weight_of_shares
from ipycontainer.linux.usage import cpu_percent
from ipycontainer.model.limits import NO_CGROUP
from ipycontainer.store import events
from ipycontainer.supervise.supervisor import Work
from tests.system.engine.processes import eventually, kill, monitor_of, processes_in_cgroups

pytestmark = pytest.mark.usefixtures("busybox_image")
SPIN = ["sh", "-c", "while :; do :; done"]
MIB = 1 << 20
MEASURE_SECONDS = 1.0


@pytest.fixture
def able(engine: Engine) -> capacity.Capacity:
    """What this user can limit here; without cgroups the test has nothing to measure."""
    found = capacity.of(engine)
    if not found.able:
        pytest.skip("this user may make no cgroup here")
    return found


def begin(engine: Engine, *command: str, **options: Any) -> Container:
    """Start a container in the background."""
    container = engine.containers.run(
        "busybox", list(command), detach=True, network="none", **options
    )
    assert isinstance(container, Container)
    return container


def actions(engine: Engine, container: Container) -> Iterator[str]:
    """Yield what happened to a container."""
    with engine.store.read() as tx:
        found = events.since(tx, 0)
    return (event.action for event in found if event.actor == container.id)


def busy(*containers: Container) -> list[float]:
    """Return how many processors each container uses in a while.

    Each has a clock of its own: on a slow machine the readings lie apart.
    """

    def reading() -> list[tuple[float, int]]:
        return [(time.monotonic(), each.usage().cpu.total_ns) for each in containers]

    before = reading()
    time.sleep(MEASURE_SECONDS)
    return [
        (late - early) / 1e9 / (then - now)
        for (now, early), (then, late) in zip(before, reading(), strict=True)
    ]


def test_without_cgroups_limits_are_dropped_with_a_warning(engine: Engine) -> None:
    """An ordinary user without delegation runs the container, and is told what it will not have."""
    if capacity.of(engine).able:
        pytest.skip("this user can limit containers here")
    container = engine.containers.create(
        "busybox", ["true"], network="none", mem_limit="64m", cpu_shares=512, pids_limit=7
    )
    assert [text for text in container.warnings if "cgroup" in text] == [NO_CGROUP]
    assert not any("Your kernel" in text for text in container.warnings)
    container.start()
    assert container.wait()["StatusCode"] == 0
    assert container.attrs["HostConfig"]["Memory"] == 0


def test_two_on_one_processor_share_it_as_told(engine: Engine, able: capacity.Capacity) -> None:
    """What the shares say is what each gets, when both always want the processor.

    Three times the shares are three times as much under version 1; version 2's weights stand closer
    together (linux.limits).
    """
    if "cpuset" not in able:
        pytest.skip("cpuset is not delegated to this user")
    cpu = able.cpus.partition(",")[0].partition("-")[0]
    pair = [begin(engine, *SPIN, cpu_shares=shares, cpuset_cpus=cpu) for shares in (3 * 1024, 1024)]
    eventually(lambda: all(each.usage().cpu.total_ns > 10_000_000 for each in pair))
    expected = weight_of_shares(3 * 1024) / weight_of_shares(1024) if able.version == "v2" else 3.0

    def fair() -> bool:
        more, less = busy(*pair)
        return 0.75 * expected < more / less < 1.3 * expected

    eventually(fair)  # a machine that stands still between two readings shows anything


def test_quota_bounds_the_processor(engine: Engine, able: capacity.Capacity) -> None:
    """A quarter of a processor is a quarter of the wall clock, and the throttling is counted."""
    del able
    container = begin(engine, *SPIN, nano_cpus=250_000_000)
    eventually(lambda: container.usage().cpu.throttled_periods > 0)
    (processors,) = busy(container)
    assert 0.15 < processors < 0.35
    first = container.usage().cpu
    time.sleep(0.3)
    assert 5 < cpu_percent(first, container.usage().cpu) < 50


def test_who_takes_too_much_memory_is_killed(engine: Engine, able: capacity.Capacity) -> None:
    """Exit 137, the flag, docker's event; and the next start begins with a clean slate."""
    del able
    container = begin(engine, "tail", "/dev/zero", mem_limit="16m", memswap_limit="16m")
    assert container.wait()["StatusCode"] == 137
    assert container.attrs["State"]["OOMKilled"] is True
    assert [each for each in actions(engine, container) if each in ("oom", "die")] == ["oom", "die"]


def test_child_that_is_killed_leaves_the_container(engine: Engine, able: capacity.Capacity) -> None:
    """The flag and the event come while it runs on, and its own exit code counts."""
    del able
    script = "tail /dev/zero; sleep 0.3; exit 5"
    container = begin(engine, "sh", "-c", script, mem_limit="16m", memswap_limit="16m")
    eventually(lambda: "oom" in actions(engine, container))
    assert container.wait()["StatusCode"] == 5
    assert container.attrs["State"]["OOMKilled"] is True
    assert list(actions(engine, container)).count("oom") == 1


def test_killed_by_hand_is_not_out_of_memory(engine: Engine, able: capacity.Capacity) -> None:
    """137 alone says nothing of memory."""
    del able
    container = begin(engine, "sleep", "1000", mem_limit="16m")
    container.kill()
    assert container.attrs["State"]["OOMKilled"] is False


def test_number_of_processes(engine: Engine, able: capacity.Capacity) -> None:
    """No more can be forked than allowed, threads and exec'd programs included."""
    del able
    # a shell that waits also reaps orphans
    container = begin(engine, "sh", "-c", "sleep 1000 & wait", pids_limit=6)
    assert container.usage().pids_limit == 6
    refused = container.exec_run(["sh", "-c", "for i in 1 2 3 4 5 6; do sleep 0.1 & done; wait"])
    assert b"can't fork" in refused.output
    eventually(lambda: container.usage().pids == 2)
    assert container.exec_run(["true"]).exit_code == 0


def test_processors_are_chosen(engine: Engine, able: capacity.Capacity) -> None:
    """Inside, only the given processor may be used."""
    if "cpuset" not in able:
        pytest.skip("cpuset is not delegated to this user")
    cpu = able.cpus.rpartition(",")[2].rpartition("-")[2]
    result = engine.run(
        "busybox",
        ["grep", "Cpus_allowed_list", "/proc/self/status"],
        network="none",
        cpuset_cpus=cpu,
    )
    assert result.stdout.split() == [b"Cpus_allowed_list:", cpu.encode()]


def test_update_reaches_what_runs(engine: Engine, able: capacity.Capacity) -> None:
    """Changed limits hold at once, stay for the next start, and are shown."""
    container = begin(engine, "sleep", "1000")
    container.update(mem_limit="64m", memswap_limit="128m", pids_limit=5, cpu_quota=50_000)
    found = container.usage()
    assert (found.memory.limit, found.pids_limit) == (64 * MIB, 5)
    if "cpuset" in able:
        cpu = able.cpus.rpartition(",")[2].rpartition("-")[2]
        container.update(cpuset_cpus=cpu)
        status = Path(f"/proc/{container.record.state.pid}/status").read_text()
        assert f"Cpus_allowed_list:\t{cpu}\n" in status
    container.update(mem_limit="32m", memswap_limit="32m")
    assert container.usage().memory.limit == 32 * MIB
    shown = container.attrs["HostConfig"]
    assert (shown["Memory"], shown["MemorySwap"], shown["PidsLimit"]) == (32 * MIB, 32 * MIB, 5)
    container.restart(timeout=0)
    found = container.usage()
    assert (found.memory.limit, found.pids_limit) == (32 * MIB, 5)
    assert list(actions(engine, container)).count("update") >= 2


def test_memory_that_runs_out_after_an_update(engine: Engine, able: capacity.Capacity) -> None:
    """A limit that comes later is watched as one that was there from the start."""
    del able
    hog = "until [ -e /go ]; do sleep 0.1; done; tail /dev/zero; sleep 1000"
    container = begin(engine, "sh", "-c", hog)
    container.update(mem_limit="16m", memswap_limit="16m")
    assert container.exec_run(["touch", "/go"]).exit_code == 0
    eventually(lambda: "oom" in actions(engine, container))
    assert container.attrs["State"]["OOMKilled"] is True
    assert container.status == "running"


def test_refused_update_keeps_what_was(engine: Engine, able: capacity.Capacity) -> None:
    """What docker refuses is not kept, and changes nothing."""
    del able
    container = begin(engine, "sleep", "1000", mem_limit="64m")
    with pytest.raises(InvalidArgument, match="Minimum memory limit allowed is 6MB"):
        container.update(mem_limit="1m")
    assert container.attrs["HostConfig"]["Memory"] == 64 * MIB
    assert container.usage().memory.limit == 64 * MIB


def test_cgroup_of_a_refused_update_goes_with_the_container(
    engine: Engine, able: capacity.Capacity
) -> None:
    """A controller that came by the update stays with what runs, though a limit was refused.

    The kernel itself refuses: no cgroup may have more of the processor than the one above it.
    """
    if "cpuset" not in able:
        pytest.skip("cpuset is not delegated to this user")
    hierarchies = cgroups.detect()
    if not hierarchies.is_v1:
        pytest.skip("one cgroup for all controllers, and no quota is too large")
    parent = f"ipyc-{engine.home.hash8}/bounded"
    container = begin(engine, "sleep", "1000", cgroup_parent=parent)
    above = Path(hierarchies.controllers["cpu"], parent)
    (above / "cpu.cfs_quota_us").write_text("20000")
    with pytest.raises(ResourceError, match="cfs_quota_us"):
        container.update(cpuset_cpus="0", cpu_quota=50_000)
    place = Path(hierarchies.controllers["cpuset"], parent, container.id)
    assert place.is_dir()
    assert container.exec_run(["true"]).exit_code == 0
    container.remove(force=True)
    assert not place.exists()


def test_a_limited_start_asks_nobody_more_than_another(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can be limited is read, not asked of a worker: a fork would cost what a start may not.

    Where limits are dropped with a WARNING, that is no slower either.
    """
    begin(engine, "true").wait()
    asked: list[str] = []
    begun = engine.supervisor.begin

    def begin_noted(job: str, *rest: Any) -> Work:
        asked.append(job)
        return begun(job, *rest)

    monkeypatch.setattr(engine.supervisor, "begin", begin_noted)
    for limits in ({}, {"mem_limit": "64m", "nano_cpus": 500_000_000, "pids_limit": 50}):
        container = begin(engine, "true", **limits)
        assert container.wait()["StatusCode"] == 0
        assert asked == []
        container.remove()
        asked.clear()


def test_ulimits_and_oom_score(engine: Engine) -> None:
    """Limits of each process are set inside; a raise that the kernel refuses ends the start."""
    script = "ulimit -Sn; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj"
    result = engine.run(
        "busybox",
        ["sh", "-c", script],
        network="none",
        ulimits=[{"Name": "nofile", "Soft": 100, "Hard": 200}, {"Name": "core", "Soft": 0}],
        oom_score_adj=500,
    )
    assert result.stdout.split() == [b"100", b"200", b"0", b"500"]
    too_many = {"Name": "nofile", "Soft": 1 << 30, "Hard": 1 << 30}
    with pytest.raises(StepFailed, match="error setting rlimit type 7: operation not permitted"):
        engine.run("busybox", ["true"], network="none", ulimits=[too_many])


def test_parent_cgroup(engine: Engine, able: capacity.Capacity) -> None:
    """The container's cgroup lies below the given one, and goes with it, also when repaired."""
    del able
    parent = f"ipyc-{engine.home.hash8}/further"
    container = begin(engine, "sleep", "1000", cgroup_parent=parent)
    place = Path(f"/proc/{container.record.state.pid}/cgroup")
    container.reload()
    place = Path(f"/proc/{container.record.state.pid}/cgroup")
    assert f"/{parent}/{container.id}" in place.read_text()
    kill(monitor_of(engine, container.id))
    eventually(lambda: container.status == "exited")
    left = [path for path in processes_in_cgroups(engine) if container.id in path]
    assert left == []


def device_of(path: str) -> str:
    """Return the whole block device that a path's file system lies on, `` where there is none."""
    number = os.stat(path).st_dev
    place = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve()
    disk = place.parent.name if (place / "partition").exists() else place.name
    return f"/dev/{disk}" if Path(f"/dev/{disk}").exists() else ""


@pytest.mark.parametrize("way", ["read", "write"])
def test_rate_of_a_device(
    engine: Engine, able: capacity.Capacity, way: str, tmp_path: Path
) -> None:
    """Bytes that go past the cache take the time that the rate says, and are counted."""
    device = device_of(str(tmp_path))
    if f"{way}_bps" not in able or not device:
        pytest.skip("no block device below this directory that could be limited")
    (tmp_path / "data").write_bytes(bytes(4 * MIB))
    os.sync()
    what = (
        "if=/shown/data of=/dev/null iflag=direct"
        if way == "read"
        else "if=/dev/zero of=/shown/new oflag=direct"
    )
    command = f"sleep 0.2; dd {what} bs=1M count=3"
    start = time.monotonic()
    container = begin(
        engine,
        "sh",
        "-c",
        f"{command} && echo copied && sleep 1000",
        volumes={str(tmp_path): {"bind": "/shown", "mode": "rw"}},
        **{f"device_{way}_bps": [{"Path": device, "Rate": 2 * MIB}]},
    )
    eventually(lambda: b"copied" in container.logs())
    assert time.monotonic() - start > 1.0
    found = container.usage()
    assert (found.read_bytes if way == "read" else found.write_bytes) >= 3 * MIB
