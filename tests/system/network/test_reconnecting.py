"""Containers that come to a network and leave it again and again, in several processes at once."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.engine.engine import Engine

pytestmark = pytest.mark.usefixtures("busybox_image")
PROCESSES = 4

# Each round has an engine of its own, whose first command sweeps up what others have left.
WORKER = textwrap.dedent(
    """
    import sys, ipycontainer
    home, me, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    engine = ipycontainer.connect(home)
    engine.networks.create(f"attic{me}")
    container = engine.containers.run(
        "busybox", ["sleep", "1000"], name=f"thief{me}", network=f"attic{me}", detach=True
    )
    for number in range(rounds):
        with ipycontainer.connect(home) as other:
            network = other.networks.get(f"attic{me}")
            network.disconnect(f"thief{me}")
            network.connect(f"thief{me}", aliases=[f"name{number}"])
    said = container.exec_run(["nslookup", "-type=a", f"name{rounds - 1}"])
    assert said.exit_code == 0, said
    rules = container.exec_run(["sh", "-c", "cat /proc/net/udp | wc -l"]).output
    print(int(rules) - 1)
    container.remove(force=True)
    engine.networks.get(f"attic{me}").remove()
    """
)


@pytest.mark.parametrize(
    "rounds", [10, pytest.param(125, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])]
)
def test_a_network_is_left_and_come_back_to(engine: Engine, rounds: int) -> None:
    """Each time it works, names are answered, and no second resolver is opened beside the first."""
    environment = {**os.environ, "PYTHONPATH": str(Path(ipycontainer.__file__).parents[1])}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(engine.home.root), str(number), str(rounds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd="/",
        )
        for number in range(PROCESSES)
    ]
    said = [worker.communicate(timeout=1200)[0].decode() for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * PROCESSES, "\n".join(said)
    assert said == ["1\n"] * PROCESSES  # sockets of UDP inside: the resolver's
