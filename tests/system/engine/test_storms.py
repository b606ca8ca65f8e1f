"""Storms: many at once on one container, each ending in a state that docker could have.

No hang is ever right: every thread must come back, with what it wanted or with an error of ours.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.engine.results import ExecResult
from ipycontainer.errors import (
    Conflict,
    ContainerNotRunning,
    ContainerRunning,
    EngineError,
    NoSuchContainer,
    NotFound,
    StepFailed,
)
from ipycontainer.store import liveness
from tests.system.engine.processes import eventually, traces

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]

MANY = 50
PATIENCE_SECONDS = 60
SEED = int(os.environ.get("IPYCONTAINER_SEED") or time.time_ns() % 1_000_000)
ENDLESS = ["sleep", "1000"]
STATES = {"created", "running", "paused", "restarting", "exited"}


def all_at_once(*jobs: Callable[[], Any]) -> list[Any]:
    """Run jobs in threads; return what each gave, or its EngineError; no other error is right."""
    results: list[Any] = [TimeoutError("it hangs")] * len(jobs)
    begin = threading.Barrier(len(jobs))

    def work(number: int) -> None:
        begin.wait()
        try:
            results[number] = jobs[number]()
        except Exception as error:  # noqa: BLE001  it is looked at below
            results[number] = error

    threads = [
        threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(jobs))
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    wrong = [
        each
        for each in results
        if isinstance(each, Exception) and not isinstance(each, EngineError)
    ]
    assert not wrong, wrong
    return results


def running(engine: Engine, command: Sequence[str] = ENDLESS, **options: Any) -> Container:
    """Start a container that nobody watches."""
    container = engine.containers.run(
        "busybox", command, detach=True, network="none", name="box", **options
    )
    assert isinstance(container, Container)
    return container


def kinds(results: Sequence[Any]) -> set[type]:
    """Return the types of the errors."""
    return {type(each) for each in results if isinstance(each, EngineError)}


def is_sound(container: Container) -> None:
    """Hold what is written against what is there, and remove the container."""
    state = container.attrs["State"]
    assert state["Status"] in STATES
    if state["Status"] in ("running", "paused"):
        assert state["Pid"] > 0
        assert os.path.exists(f"/proc/{state['Pid']}")
    elif state["Status"] != "restarting":
        assert (state["Pid"], state["Running"]) == (0, False)
    engine = container.engine
    container.remove(force=True)
    eventually(lambda: traces(engine) == [])


def test_fifty_attached_clients(engine: Engine) -> None:
    """All see every line and the exit code, those that leave in the middle harm nobody."""
    script = "echo ready; while read line; do echo got $line; done; exit 5"
    container = running(engine, ["sh", "-c", script], stdin_open=True)
    clients = [container.attached(stdin=b"" if number else None) for number in range(MANY)]
    for leaving in clients[:10]:
        leaving.detach()
    typing = container.attached(stdin=b"".join(b"%d\n" % number for number in range(300)))
    eventually(lambda: b"got 299\n" in container.logs())
    whole = b"".join(b"got %d\n" % number for number in range(300))

    def watch(client: Any) -> tuple[bytes, int]:
        return b"".join(data for _, data in client.chunks()), client.wait()

    def end() -> None:
        eventually(lambda: b"got 299\n" in container.logs())
        container.kill("KILL")

    *seen, _ = all_at_once(*(lambda c=c: watch(c) for c in (*clients[10:], typing)), end)
    for output, code in seen:
        assert output.replace(b"ready\n", b"") == whole
        assert code == 137
    is_sound(container)


def test_fifty_execs_at_once(engine: Engine) -> None:
    """Each has its own output and its own code."""
    container = running(engine)

    def execute(number: int) -> ExecResult:
        script = f"echo out {number}; echo err {number} >&2; exit {number}"
        return container.exec_run(["sh", "-c", script], demux=True)

    results = all_at_once(*(lambda n=n: execute(n) for n in range(MANY)))
    assert results == [ExecResult(n, (b"out %d\n" % n, b"err %d\n" % n)) for n in range(MANY)]
    assert container.status == "running"
    is_sound(container)


def test_a_container_that_goes_takes_its_execs_along(engine: Engine) -> None:
    """`rm -f` during fifty execs: all come back, killed or refused, and nothing is left."""
    container = running(engine)

    def execute() -> int | None:
        return container.exec_run(ENDLESS).exit_code

    def remove() -> None:
        time.sleep(0.2)
        container.remove(force=True)

    *results, removed = all_at_once(*([execute] * MANY), remove)
    assert removed is None
    codes = {each for each in results if not isinstance(each, EngineError)}
    assert codes <= {137}
    assert kinds(results) <= {ContainerNotRunning, NotFound, Conflict, StepFailed}
    assert engine.containers.list(all=True) == []
    eventually(lambda: traces(engine) == [])


def test_a_storm_of_signals(engine: Engine) -> None:
    """Five hundred signals of four senders leave it running; then the last ones end it, once."""
    script = "trap 'n=$((n+1))' USR1; echo ready; while :; do usleep 20000; done"
    container = running(engine, ["sh", "-c", script])
    eventually(lambda: container.logs() == b"ready\n")

    def storm(number: str) -> None:
        for _ in range(125):
            container.kill(number)

    storms = [lambda: storm("USR1")] * 3 + [lambda: storm("WINCH")]
    assert all_at_once(*storms) == [None] * 4
    assert container.status == "running"
    ends = all_at_once(*[lambda: container.kill("KILL")] * 20)
    assert kinds(ends) <= {Conflict, ContainerNotRunning}
    assert None in ends
    assert container.wait()["StatusCode"] == 137
    is_sound(container)


def test_stop_during_start(engine: Engine) -> None:
    """Whichever comes first, both come back, and it runs or has ended."""
    container = engine.containers.create("busybox", ENDLESS, network="none")
    seen = set()
    for turn in range(12):

        def stop(delay: float = turn * 0.002) -> None:
            time.sleep(delay)
            container.stop(timeout=0)

        assert kinds(all_at_once(container.start, stop)) <= {Conflict, ContainerNotRunning}
        container.reload()
        seen.add(container.status)
        container.stop(timeout=0)
        eventually(lambda: container.status in ("exited", "created"))
    assert seen <= {"created", "running", "exited"}
    container.reload()
    is_sound(container)


def test_pause_during_stop(engine: Engine) -> None:
    """A container that is paused while it is stopped ends all the same."""
    script = "trap '' TERM; echo ready; while :; do usleep 20000; done"
    container = running(engine, ["sh", "-c", script])
    eventually(lambda: container.logs() == b"ready\n")

    def pause() -> None:
        time.sleep(0.3)
        container.pause()

    stopped, paused = all_at_once(lambda: container.stop(timeout=1), pause)
    assert stopped is None
    assert paused is None or isinstance(paused, EngineError)
    assert container.status == "exited"
    assert container.attrs["State"]["ExitCode"] == 137
    is_sound(container)


def test_a_storm_of_restarts(engine: Engine) -> None:
    """Restarts that cross each other leave one program running."""
    container = running(engine)
    for _ in range(3):
        results = all_at_once(*[lambda: container.restart(timeout=0)] * 8)
        # One that a later one's stop has met in the middle says so.
        assert kinds(results) <= {StepFailed}
        assert results.count(None) >= 6
    container.reload()
    assert container.status == "running"
    is_sound(container)


def test_stop_ends_a_program_that_always_comes_back(engine: Engine) -> None:
    """`always` with a program that ends at once: stops, kills and `rm -f` win."""
    container = running(engine, ["true"], restart_policy={"Name": "always"})
    time.sleep(0.3)
    results = all_at_once(*[lambda: container.stop(timeout=0)] * 4)
    assert kinds(results) <= {Conflict, ContainerNotRunning}
    eventually(lambda: container.status == "exited")
    container.start()
    results = all_at_once(*[lambda: container.remove(force=True)] * 4)
    assert kinds(results) <= {NoSuchContainer, NotFound, Conflict}
    assert engine.containers.list(all=True) == []
    eventually(lambda: traces(engine) == [])


def test_a_forced_removal_outlasts_a_start_that_nobody_waits_for(engine: Engine) -> None:
    """Its starter was killed; while it is being started there is no monitor to be told."""
    box = engine.containers.create("busybox", ENDLESS, network="none", name="box")
    lock = liveness.hold(engine.home.lock(box.id))
    begun = threading.Timer(4.5, lock.release)
    begun.start()
    with pytest.raises(ContainerRunning, match="being started"):
        box.remove()
    box.remove(force=True)
    begun.join()
    eventually(lambda: traces(engine) == [])


@pytest.mark.parametrize("seconds", [2, pytest.param(60, marks=pytest.mark.slow)])
def test_anything_at_any_time(engine: Engine, seconds: int) -> None:
    """Six threads do what the seed says to one container: no hang, no crash, a sound state."""
    print(f"IPYCONTAINER_SEED={SEED}")
    running(engine, ["sh", "-c", "trap 'exit 3' TERM; while :; do usleep 9000; done"])
    deeds: list[Callable[[Container], object]] = [
        lambda c: c.start(),
        lambda c: c.stop(timeout=0.2),
        lambda c: c.kill(signal.SIGKILL),
        lambda c: c.kill("USR2"),
        lambda c: c.pause(),
        lambda c: c.unpause(),
        lambda c: c.restart(timeout=0),
        lambda c: c.exec_run(["true"]),
        lambda c: c.logs(tail=1),
        lambda c: c.attrs,
    ]
    end = time.monotonic() + seconds

    def act(number: int) -> None:
        dice = random.Random(f"{SEED} {number}")
        own = engine.containers.get("box")
        while time.monotonic() < end:
            deed = dice.choice(deeds)
            try:
                deed(own)
            except (Conflict, ContainerNotRunning, StepFailed):
                pass  # as docker's daemon refuses it, or its runtime that meets an end
            own.reload()

    results = all_at_once(*(lambda n=n: act(n) for n in range(6)))
    assert results == [None] * 6
    is_sound(engine.containers.get("box"))
