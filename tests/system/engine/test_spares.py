"""Monitors that serve one container after another, and what is left of the one before: nothing."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import ipycontainer
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.linux import procfs
from tests.system.engine.look import assert_true
from tests.system.engine.processes import alive, eventually, kill, monitor_of, zygotes

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]

RUNS = 200
SLEEP = ["sleep", "1000"]
# All that a program has from whoever started it.
LOOK = (
    "env | sort; pwd; umask; ulimit -a; cat /proc/self/oom_score_adj; hostname; id;"
    " ls /proc/self/fd;"
    " grep -E 'SigBlk|SigIgn|SigCgt|Cap|Seccomp:|NoNew' /proc/self/status; cat /proc/self/cgroup;"
    " cut -d' ' -f5,6 /proc/self/mountinfo; cat /etc/hosts; ls /; a=$(ps); echo \"$a\" | wc -l;"
    " readlink /proc/self/fd/2 | cut -d: -f1; sleep 0.3"  # for its monitor to be looked up
)
PARTICULAR = {
    "environment": {"OF_THE_FIRST": "1"},
    "working_dir": "/tmp",
    "ulimits": [{"Name": "nofile", "Soft": 99, "Hard": 99}],
    "oom_score_adj": 500,
    "hostname": "first",
    "user": "1234:1234",
    "cap_drop": ["ALL"],
    "tmpfs": {"/of-the-first": ""},
    "security_opt": ["no-new-privileges"],
}


def run(engine: Engine) -> None:
    """Run something that ends at once."""
    result = engine.run("busybox", ["true"], network="none", remove=True)
    assert result.exit_code == 0, result.stderr


def begin(engine: Engine, *command: str, **options: Any) -> tuple[Container, int]:
    """Start something by a spare monitor, and return it with that monitor."""
    (zygote,) = zygotes(engine) or (engine.supervisor.zygote(),)
    options = {"network": "none", **options}
    for _ in range(10):
        eventually(lambda: somebody_waits(zygote))
        there = waiting(zygote)
        made = engine.containers.run("busybox", list(command) or SLEEP, detach=True, **options)
        with suppress(AssertionError):  # it may have ended already
            if (monitor := monitor_of(engine, made.id)) in there:
                return made, monitor
        made.remove(force=True)
    raise AssertionError("no spare monitor is ever taken")


def waiting(zygote: int) -> list[int]:
    """Return the spare monitors that say that they wait."""
    return [pid for pid in procfs.children(zygote) if comm(pid) == "ipyc-spare"]


def somebody_waits(zygote: int) -> bool:
    """Tell whether there is one."""
    return waiting(zygote) != []


def comm(pid: int) -> str:
    """Return what a process calls itself, "" where it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def assert_cleared(engine: Engine) -> None:
    """Let an engine begin, which clears up what killed spare monitors had ready, and look."""
    with ipycontainer.connect(engine.home.root) as other:
        other.containers.list()
        assert_true(other)


def descriptors(pid: int) -> int:
    """Return how many descriptors a process has."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_many_runs_need_few_monitors(engine: Engine) -> None:
    """Two hundred in a row; none leaves a descriptor, cgroup, mount, process or file."""
    run(engine)
    (zygote,) = zygotes(engine)
    eventually(lambda: somebody_waits(zygote))
    had = descriptors(waiting(zygote)[0])
    seen: set[int] = set()
    for _ in range(RUNS):
        run(engine)
        seen |= {*procfs.children(zygote)}
    assert len(seen) < RUNS / 2
    eventually(lambda: waiting(zygote) == [*procfs.children(zygote)])
    # an expected container has a descriptor of the null device more, or its cgroup's
    eventually(lambda: all(descriptors(pid) <= had + 3 for pid in waiting(zygote)))
    assert descriptors(zygote) < 32
    assert_true(engine)


def test_the_next_container_has_nothing_of_the_last(engine: Engine) -> None:
    """As if its monitor had never served another one."""

    def looks(container: Container) -> str:
        container.wait()
        said = container.logs()
        assert isinstance(said, bytes)
        container.remove()
        return said.decode().replace(container.id, "ID").replace(container.short_id, "SHORT")

    plain, _ = begin(engine, "sh", "-c", LOOK)
    expected = looks(plain)
    assert "OF_THE_FIRST" not in expected
    used: set[int] = set()
    for _ in range(20):
        other, monitor = begin(engine, "sh", "-c", LOOK, **PARTICULAR)
        used.add(monitor)
        assert "OF_THE_FIRST" in looks(other)
        plain, monitor = begin(engine, "sh", "-c", LOOK)
        assert looks(plain) == expected
        if monitor in used:
            return
    raise AssertionError(f"none of {used} has served another container")


@pytest.mark.parametrize("used", ["exec", "terminal", "restart", "health", "port"])
def test_who_may_have_traces_does_not_come_back(engine: Engine, used: str) -> None:
    """A fresh one costs a moment; nobody has to know what each of these leaves."""
    options: dict[str, dict[str, Any]] = {
        "terminal": {"tty": True},
        "restart": {"restart_policy": {"Name": "on-failure", "MaximumRetryCount": 1}},
        "health": {"healthcheck": {"test": ["CMD", "true"]}},
        "port": {"network": "bridge", "ports": {"80": None}},
    }
    container, monitor = begin(engine, **options.get(used, {}))
    if used == "exec":
        assert container.exec_run(["true"]).exit_code == 0
    container.remove(force=True)
    eventually(lambda: not alive(monitor))
    run(engine)
    assert_true(engine)


def test_a_killed_monitor_that_waited(engine: Engine) -> None:
    """The next start finds another one, or the zygote."""
    for _ in range(5):
        run(engine)
        (zygote,) = zygotes(engine)
        eventually(partial(somebody_waits, zygote))
        for pid in waiting(zygote):
            os.kill(pid, signal.SIGKILL)
        run(engine)
    assert_cleared(engine)


def test_a_monitor_that_dies_with_a_client(engine: Engine) -> None:
    """Who was reserved and did nothing yet is replaced: the start goes on with another one."""
    run(engine)
    (zygote,) = zygotes(engine)
    eventually(lambda: somebody_waits(zygote))
    os.kill(zygote, signal.SIGSTOP)  # or it would have another one take the place at once
    try:
        engine.supervisor.reserve()
        engine.supervisor.reserved()
        container = engine.containers.create("busybox", ["echo", "on"], network="none")
        for pid in waiting(zygote):
            kill(pid)
    finally:
        os.kill(zygote, signal.SIGCONT)
    container.start()
    assert container.wait()["StatusCode"] == 0
    assert container.logs() == b"on\n"
    container.remove()
    assert_cleared(engine)


def test_who_comes_back_makes_the_next_init_by_a_mould(engine: Engine) -> None:
    """It stays as long as its monitor; one that is killed costs the monitor, and nobody a start."""
    (zygote,) = zygotes(engine) or (engine.supervisor.zygote(),)

    def moulds() -> dict[int, int]:
        found: dict[int, int] = {}
        for each in waiting(zygote):
            with suppress(ProcessLookupError):
                for pid in procfs.children(each):
                    if comm(pid) == "ipyc-mould":
                        found[each] = pid
        return found

    def come_back() -> bool:
        run(engine)
        return moulds() != {}

    eventually(come_back)
    monitor, mould = next(iter(moulds().items()))
    kill(mould)
    for _ in range(10):
        run(engine)
    eventually(lambda: not alive(monitor))
    eventually(come_back)
    assert_true(engine)


@pytest.mark.slow
def test_a_container_that_lasts_keeps_no_mould(engine: Engine) -> None:
    """Its monitor would need twice the memory, for a container that is far away."""
    for _ in range(20):
        run(engine)
    container, monitor = begin(engine)
    eventually(lambda: procfs.children(monitor) == (container.attrs["State"]["Pid"],))
    container.kill()
    container.remove()
    assert_true(engine)


def test_a_killed_monitor_at_work(engine: Engine) -> None:
    """Its container is told of as ended; whoever is started next is none of it."""
    first, _ = begin(engine)
    first.remove(force=True)
    second, monitor = begin(engine)
    kill(monitor)
    third, other = begin(engine)
    assert other != monitor
    second.reload()
    assert second.status == "exited"
    assert second.attrs["State"]["ExitCode"] in (137, 255)  # killed, or said by nobody
    assert third.status == "running"
    for each in (second, third):
        each.remove(force=True)
    run(engine)
    assert_true(engine)


def test_a_monitor_that_is_killed_while_it_comes_back(engine: Engine) -> None:
    """It has let go of its container and waits for the zygote's word."""
    container, monitor = begin(engine)
    (zygote,) = zygotes(engine)
    os.kill(zygote, signal.SIGSTOP)
    try:
        container.kill()
        assert container.wait()["StatusCode"] == 137
        eventually(lambda: comm(monitor) == "ipyc-coming")
        kill(monitor)
    finally:
        os.kill(zygote, signal.SIGCONT)
    run(engine)
    container.remove()
    assert_true(engine)


def test_a_monitor_whose_zygote_is_killed_ends_with_its_container(engine: Engine) -> None:
    """It has nobody to come back to; the container does not notice."""
    container, monitor = begin(
        engine, "sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.1; done"
    )
    (zygote,) = zygotes(engine)
    kill(zygote)
    run(engine)
    assert zygotes(engine) != [zygote]
    assert container.status == "running"
    container.stop(timeout=30)
    assert container.wait()["StatusCode"] == 7
    eventually(lambda: not alive(monitor))
    container.remove()
    assert_true(engine)


def test_who_waits_ends_with_the_zygote(engine: Engine) -> None:
    """And so does what it has made ready, in a row of starts too."""
    for _ in range(6):
        run(engine)
    (zygote,) = zygotes(engine)
    eventually(lambda: somebody_waits(zygote))
    below = procfs.children(zygote)
    kill(zygote)
    eventually(lambda: not any(alive(pid) for pid in below))
    run(engine)
    assert_true(engine)
