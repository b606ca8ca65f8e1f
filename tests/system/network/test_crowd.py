"""Many containers on one network, started by several processes at once."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.engine.engine import Engine
from tests.system.engine.processes import eventually, kill, monitor_of
from tests.system.network.bridged import address, ports, says, start

pytestmark = pytest.mark.usefixtures("busybox_image")
PROCESSES, EACH = 4, 25

WORKER = textwrap.dedent(
    """
    import sys, ipycontainer
    engine = ipycontainer.connect(sys.argv[1])
    for number in range(int(sys.argv[3])):
        name = f"p{sys.argv[2]}-{number}"
        engine.containers.run("busybox", ["sleep", "1000"], name=name, network="crowd", detach=True)
    """
)


@pytest.fixture
def crowd(engine: Engine) -> list[str]:
    """The names of a hundred containers on one network, started by four processes."""
    engine.networks.create("crowd")
    environment = {**os.environ, "PYTHONPATH": str(Path(ipycontainer.__file__).parents[1])}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(engine.home.root), str(number), str(EACH)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd="/",
        )
        for number in range(PROCESSES)
    ]
    said = [worker.communicate(timeout=240)[0].decode() for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * PROCESSES, "\n".join(said)
    return [f"p{worker}-{number}" for worker in range(PROCESSES) for number in range(EACH)]


def test_a_hundred_have_each_its_own_address_and_name(engine: Engine, crowd: list[str]) -> None:
    """Addresses are unique, every name leads to its own, and nothing is left at the end."""
    found = {name: address(engine.containers.get(name), "crowd") for name in crowd}
    assert len(set(found.values())) == len(crowd)
    assert all(found.values())
    assert len(ports(engine)) == len(crowd)
    script = "; ".join(f"nslookup -type=a {name} | tail -n 2 | head -n 1" for name in crowd)
    code, text = says(engine.containers.get(crowd[0]), "sh", "-c", script)
    assert code == 0
    assert [line.split()[-1] for line in text.split("\n") if line] == list(found.values())
    kill(monitor_of(engine, engine.containers.get(crowd[7]).id))
    for name in crowd:
        engine.containers.get(name).remove(force=True)
    eventually(lambda: ports(engine) == [])
    assert engine.networks.get("crowd").attrs["Containers"] == {}
    engine.networks.get("crowd").remove()


def test_what_is_killed_all_at_once_is_swept_up(engine: Engine) -> None:
    """Monitors, resolvers and inits killed: the next engine finds no address and no interface."""
    engine.networks.create("crowd")
    containers = [start(engine, network="crowd") for _ in range(5)]
    monitors = [monitor_of(engine, container.id) for container in containers]
    for pid in monitors:
        kill(pid)
    with ipycontainer.connect(engine.home.root) as other:
        assert [each.status for each in other.containers.list(all=True)] == ["exited"] * 5
        assert other.networks.get("crowd").attrs["Containers"] == {}
        eventually(lambda: ports(other) == [])
