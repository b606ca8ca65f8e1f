"""What lives on and what is told when a process of the engine is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.engine.images import Image
from tests.system.engine.processes import (
    alive,
    eventually,
    kill,
    monitor_of,
    processes_in_cgroups,
    zygotes,
)

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]
SLEEP = ["sleep", "1000"]
# A program that changes its uid loses the signal that comes with its parent's death.
CHANGED_UID = ["sh", "-c", "exec su -s /bin/sh postgres -c 'exec sleep 1000'"]
TEN = 10


def ten(engine: Engine) -> list[Container]:
    """Start ten containers, one of them with a program that has changed its uid."""
    commands = [SLEEP] * (TEN - 1) + [CHANGED_UID]
    return [
        engine.containers.run("busybox", command, detach=True, network="none", name=f"c{number}")
        for number, command in enumerate(commands)
    ]


def remove_all(engine: Engine, containers: list[Container]) -> None:
    """Remove by force, and see that nothing is left of any."""
    pids = [container.record.state.pid for container in containers]
    for container in containers:
        container.remove(force=True)
    assert engine.containers.list(all=True) == []
    assert os.listdir(engine.home.containers) == []
    eventually(lambda: not any(alive(pid) for pid in pids if pid))
    assert processes_in_cgroups(engine) == []


def test_a_killed_zygote_takes_nobody_along(engine: Engine) -> None:
    """After the zygote's death all ten run on, exec works, and a new container can be run."""
    containers = ten(engine)
    (zygote,) = zygotes(engine)
    kill(zygote)
    assert [container.status for container in containers] == ["running"] * TEN
    for container in containers:
        assert container.exec_run(["echo", "here"]).output == b"here\n"
    assert engine.run("busybox", ["echo", "new"], network="none", remove=True).stdout == b"new\n"
    assert not Path(f"/proc/{zygote}").exists()  # no zombie: it would keep one of the user's keys
    remove_all(engine, containers)


def test_a_zygote_whose_starter_was_killed_is_waited_for(engine: Engine) -> None:
    """It has its lock before it listens: who comes then neither fails nor starts a second."""
    assert engine.run("busybox", ["true"], network="none", remove=True).exit_code == 0
    (lock,) = engine.home.runtime.glob("z-*.s.l")
    engine.supervisor.quit()
    program = (
        "import sys, time; from pathlib import Path; from ipycontainer.store import liveness; "
        "lock = liveness.hold(Path(sys.argv[1])); print(flush=True); time.sleep(1)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, lock],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(ipycontainer.__file__).parents[1])},
        cwd="/",
    )
    with other:
        assert other.stdout is not None
        other.stdout.readline()
        assert engine.run("busybox", ["true"], network="none", remove=True).exit_code == 0
    assert len(zygotes(engine)) == 1


@pytest.mark.parametrize("victim", [0, TEN - 1], ids=["same-uid", "changed-uid"])
def test_a_killed_monitor_takes_its_own_container_only(engine: Engine, victim: int) -> None:
    """The killed monitor's container ends at once with the reason, the nine others run on."""
    containers = ten(engine)
    for container in containers:
        container.reload()
    lost = containers[victim]
    init = lost.record.state.pid
    kill(monitor_of(engine, lost.id))
    eventually(lambda: not alive(init))  # at once: this engine watches
    eventually(lambda: lost.status == "exited")
    lost.reload()
    assert lost.record.state.exit_code in (137, 255)
    assert "monitor died" in lost.record.state.error
    others = [container for container in containers if container is not lost]
    assert [container.status for container in others] == ["running"] * (TEN - 1)
    assert others[0].exec_run(["echo", "here"]).output == b"here\n"
    assert engine.run("busybox", ["true"], network="none", remove=True).exit_code == 0
    lost.start()
    assert lost.status == "running"
    remove_all(engine, containers)


def test_a_monitor_that_nobody_watches_is_told_at_the_next_command(engine: Engine) -> None:
    """Without a live engine the next one that looks repairs, and says why the container ended."""
    container = engine.containers.run("busybox", CHANGED_UID, detach=True, network="none")
    assert isinstance(container, Container)
    engine.close()  # watches no longer
    container.reload()
    init = container.record.state.pid
    kill(monitor_of(engine, container.id))
    with ipycontainer.connect(engine.home.root) as other:
        (found,) = other.containers.list(all=True)
        assert found.record.state.status == "exited"
        assert "monitor died" in found.record.state.error
        assert not alive(init)


def test_a_killed_kernel_leaves_its_containers_running(engine: Engine) -> None:
    """Ten containers of a killed process run on; their logs and ends are there for the next."""
    program = textwrap.dedent(
        """
        import os, signal, sys, ipycontainer
        engine = ipycontainer.connect(sys.argv[1])
        for number in range(10):
            engine.containers.run(
                "busybox", ["sh", "-c", "echo begun; sleep 2; exit 3"] if number == 0
                else ["sleep", "1000"], detach=True, network="none", name=f"k{number}"
            )
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    package = Path(ipycontainer.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(package)}
    killed = subprocess.run(
        [sys.executable, "-c", program, str(engine.home.root)],
        check=False,
        env=environment,
        timeout=60,
        cwd="/",
    )
    assert killed.returncode == -9
    first = engine.containers.get("k0")  # it may have ended by now
    running = {each.name for each in engine.containers.list()} - {"k0"}
    assert running == {f"k{number}" for number in range(1, TEN)}
    assert first.wait()["StatusCode"] == 3
    assert first.logs() == b"begun\n"
    assert engine.containers.get("k1").exec_run(["echo", "here"]).output == b"here\n"
    remove_all(engine, engine.containers.list(all=True))


def test_everything_killed_at_once(engine: Engine, busybox_image: Image) -> None:
    """With zygote and all monitors gone, the state tells the truth and a new container runs."""
    containers = ten(engine)
    engine.close()
    for pid in [*zygotes(engine), *(monitor_of(engine, c.id) for c in containers)]:
        kill(pid)
    with ipycontainer.connect(engine.home.root) as other:
        assert other.containers.list() == []
        assert [c.status for c in other.containers.list(all=True)] == ["exited"] * TEN
        assert other.run("busybox", ["echo", "x"], network="none", remove=True).stdout == b"x\n"
        remove_all(other, other.containers.list(all=True))
