"""Paused containers: they stand still, say so, and go on or end when they are told to."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import Conflict
from ipycontainer.store import events
from ipycontainer.supervise.conversation import ask
from tests.system.engine.processes import eventually, kill, monitor_of, processes_in_cgroups

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]
# The child writes, so that not init alone must stand still.
WRITES = ["sh", "-c", "while :; do echo tick; usleep 2000; done & wait"]


def begin(engine: Engine, *command: str) -> Container:
    """Start a container in the background."""
    container = engine.containers.run("busybox", command, detach=True, network="none", name="still")
    assert isinstance(container, Container)
    return container


def lines(container: Container) -> int:
    """Return how many lines it has printed."""
    log = container.logs()
    assert isinstance(log, bytes)
    return log.count(b"\n")


def stands_still(container: Container) -> bool:
    """Tell whether it prints nothing for 25 times as long as from one line to the next."""
    before = lines(container)
    time.sleep(0.05)
    return lines(container) == before


def test_paused_container_stands_still_and_goes_on(engine: Engine) -> None:
    """Nothing is printed while it is paused, and the same processes go on afterwards."""
    container = begin(engine, *WRITES)
    eventually(lambda: lines(container) > 2)
    container.pause()
    assert container.status == "paused"
    eventually(lambda: stands_still(container))  # but for what stood in the pipe
    between = lines(container)
    time.sleep(0.1)
    assert lines(container) == between
    container.unpause()
    assert container.status == "running"
    eventually(lambda: lines(container) > between + 2)
    assert actions(engine, container)[-2:] == ["pause", "unpause"]


def test_what_is_held_for_a_commit_goes_on_without_who_held_it(engine: Engine) -> None:
    """A killed kernel leaves no container that stands still; what somebody else paused stays so."""
    container = begin(engine, *WRITES)
    holder = engine.supervisor.monitor(container.id)
    ask(holder, {"op": "pause", "hold": True})
    assert container.status == "paused"
    holder.close()
    eventually(lambda: container.status == "running")
    holder = engine.supervisor.monitor(container.id)
    ask(holder, {"op": "pause", "hold": True})
    container.unpause()
    container.pause()
    holder.close()
    assert container.commit("made").tags == ["made:latest"]
    assert container.status == "paused"
    container.unpause()
    container.commit("made")
    assert container.status == "running"


def actions(engine: Engine, container: Container) -> list[str]:
    """Return what happened to a container."""
    with engine.store.read() as tx:
        found = events.since(tx, 0)
    return [event.action for event in found if event.actor == container.id]


def cgroups_of(engine: Engine, container: Container) -> list[str]:
    """Return what is left of a container's cgroups."""
    return [path for path in processes_in_cgroups(engine) if container.id in path]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (Container.pause, "Container {id} is already paused"),
        (Container.start, "cannot start a paused container, try unpause instead"),
        (
            lambda container: container.exec(["true"]),
            "Container still is paused, unpause the container before exec",
        ),
        (
            Container.remove,
            'cannot remove container "/still": container is paused and must be unpaused first',
        ),
    ],
)
def test_what_a_paused_container_refuses(
    engine: Engine, act: Callable[[Container], object], message: str
) -> None:
    """Docker's words, and the container stays paused."""
    container = begin(engine, "sleep", "1000")
    container.pause()
    with pytest.raises(Conflict) as refused:
        act(container)
    assert refused.value.message == message.format(id=container.id)
    assert container.status == "paused"


def test_a_running_container_cannot_be_unpaused(engine: Engine) -> None:
    """Docker's words."""
    container = begin(engine, "sleep", "1000")
    with pytest.raises(Conflict, match=f"Container {container.id} is not paused"):
        container.unpause()


@pytest.mark.parametrize("end", [lambda c: c.stop(timeout=0), lambda c: c.kill()])
def test_paused_container_can_be_ended(engine: Engine, end: Callable[[Container], None]) -> None:
    """Both let it go on first, and tell so, as docker does."""
    container = begin(engine, "sleep", "1000")
    container.pause()
    end(container)
    assert (container.status, container.wait()["StatusCode"]) == ("exited", 137)
    told = actions(engine, container)
    assert told.index("pause") < told.index("kill") < told.index("unpause")


def test_a_signal_that_is_not_for_the_end_wakes_nobody(engine: Engine) -> None:
    """With a stop signal of its own another signal waits until the container goes on."""
    script = "trap 'echo caught' HUP; echo ready; while :; do usleep 1000; done"
    container = engine.containers.run(
        "busybox", ["sh", "-c", script], detach=True, network="none", stop_signal="TERM"
    )
    assert isinstance(container, Container)
    eventually(lambda: lines(container) == 1)
    container.pause()
    container.kill("HUP")
    assert container.status == "paused"
    container.unpause()
    eventually(lambda: lines(container) == 2)


def test_paused_container_can_be_removed_by_force(engine: Engine) -> None:
    """Nothing of it is left."""
    container = begin(engine, *WRITES)
    container.pause()
    container.remove(force=True)
    assert engine.containers.list(all=True) == []
    assert cgroups_of(engine, container) == []


def test_paused_container_that_loses_its_monitor_ends(engine: Engine) -> None:
    """What is frozen cannot die of its parent's death: repair lets it go on to its end."""
    container = begin(engine, "sleep", "1000")
    container.pause()
    kill(monitor_of(engine, container.id))
    eventually(lambda: container.status == "exited")
    assert cgroups_of(engine, container) == []
    container.start()
    assert container.status == "running"


def test_usage_is_read_while_it_runs(engine: Engine) -> None:
    """Cpu time grows with work, memory and processes are counted; one that ended has used 0."""
    container = begin(engine, "sh", "-c", "sleep 1000 & while :; do :; done")
    eventually(lambda: container.usage().cpu.total_ns > 50_000_000)
    first = container.usage()
    eventually(lambda: container.usage().cpu.total_ns > first.cpu.total_ns + 20_000_000)
    assert first.pids == 2
    assert 10_000 < first.memory.used < 50_000_000
    assert first.memory.limit > 50_000_000
    assert [each.name for each in first.network] == ["lo"]
    container.stop(timeout=0)
    assert container.usage().cpu.total_ns == 0


def test_samples_tell_who_works_and_who_sleeps(engine: Engine) -> None:
    """A spinning container has a processor, a sleeping one nothing; both APIs say the same."""
    begin(engine, "sh", "-c", "while :; do :; done")
    sleeps = engine.containers.run("busybox", ["sleep", "1000"], detach=True, network="none")
    assert isinstance(sleeps, Container)
    samples = engine.samples()
    next(samples)
    found = {sample.name: sample for sample in next(samples)}
    assert found["still"].cpu_percent > 20 > found[sleeps.name].cpu_percent
    assert {sample.pids for sample in found.values()} == {1}
    assert all(0 < sample.memory_percent < 50 for sample in found.values())
    raw = sleeps.stats(stream=False)
    assert isinstance(raw, dict)
    assert raw["pids_stats"]["current"] == 1
    assert raw["cpu_stats"]["system_cpu_usage"] > raw["precpu_stats"]["system_cpu_usage"] > 0
    sleeps.stop(timeout=0)
    (ended,) = next(engine.samples([sleeps.name]))
    assert (ended.container, ended.pids, ended.memory_limit) == (sleeps.name, 0, 0)
