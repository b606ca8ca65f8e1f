"""Many at once on one home."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.engine.engine import Engine
from tests.system.engine.processes import processes_in_cgroups

pytestmark = pytest.mark.usefixtures("busybox_image")
EACH = 25

STEPS = textwrap.dedent(
    """
    import sys, ipycontainer
    engine = ipycontainer.connect(sys.argv[1])
    for number in range(int(sys.argv[3])):
        name = f"p{sys.argv[2]}-{number}"
        container = engine.containers.create("busybox", ["echo", name], name=name, network="none")
        container.start()
        assert container.wait(timeout=60)["StatusCode"] == 0
        assert container.logs().decode() == name + "\\n", container.logs()
        assert engine.containers.get(name).id == container.id
        container.remove()
    """
)


RUNS = textwrap.dedent(
    """
    import sys, ipycontainer
    engine = ipycontainer.connect(sys.argv[1])
    for number in range(int(sys.argv[3])):
        word = f"{sys.argv[2]}-{number}"
        result = engine.run("busybox", ["echo", word], network="none", remove=True)
        assert (result.exit_code, result.stdout.decode()) == (0, word + "\\n"), result
    """
)


@pytest.mark.parametrize(("processes", "program"), [(8, STEPS), (4, RUNS)], ids=["steps", "runs"])
def test_processes_with_25_containers_each(engine: Engine, processes: int, program: str) -> None:
    """8 processes creating, running and removing 25 containers each: no error, nothing left.

    So do 4 of them with `run --rm`.
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(ipycontainer.__file__).parents[1])}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(engine.home.root), str(number), str(EACH)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd="/",
        )
        for number in range(processes)
    ]
    said = [worker.communicate(timeout=240)[0].decode() for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * processes, "\n".join(said)
    assert engine.containers.list(all=True) == []
    assert os.listdir(engine.home.containers) == []
    assert processes_in_cgroups(engine) == []
