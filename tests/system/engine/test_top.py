"""`top` and `container prune` on real containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipycontainer.engine.engine import Engine
from ipycontainer.errors import ContainerNotRunning
from tests.conftest import Shell

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]


def test_processes_by_both_pids(shell: Shell, engine: Engine) -> None:
    """What was executed is there, too; each process has its pid here and inside."""
    line = ("run", "-d", "--network", "none", "--name", "box", "busybox")
    assert shell(*line, "sh", "-c", "sleep 1001 & sleep 1002 & wait").returncode == 0
    assert shell("exec", "-d", "box", "sleep", "1003").returncode == 0
    box = engine.containers.get("box")
    found = box.processes(["-o", "pid,args"])
    assert found.titles == ("PID", "COMMAND")
    assert sorted(row[1] for row in found.rows)[-3:] == ["sleep 1001", "sleep 1002", "sleep 1003"]
    assert 1 in found.inside
    for (pid, _), inside in zip(found.rows, found.inside, strict=True):
        status = Path(f"/proc/{pid}/status").read_text()
        assert status.partition("NSpid:")[2].partition("\n")[0].split()[-1] == str(inside)
    text = shell("top", "box").stdout.splitlines()
    assert text[0].split() == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert len(text) == 1 + len(found.rows)
    box.kill()
    with pytest.raises(ContainerNotRunning, match=f"container {box.id} is not running"):
        box.processes()


def test_prune_leaves_what_runs(shell: Shell, engine: Engine) -> None:
    """Ended and never started ones go, by label or all, with the space that they took."""
    for name, label in (("one", "a=1"), ("two", "b=2")):
        line = ("create", "--network", "none", "--name", name, "-l", label, "busybox", "true")
        assert shell(*line).returncode == 0
    write = ("sh", "-c", "head -c 5000 /dev/zero > /file")
    shell("run", "--network", "none", "--name", "big", "busybox", *write)
    shell("run", "-d", "--network", "none", "--name", "runs", "busybox", "sleep", "100")
    asked = shell("container", "prune", stdin="n\n")
    assert asked.stdout.endswith("Are you sure you want to continue? [y/N] ")
    first = shell("container", "prune", "-f", "--filter", "label=a")
    assert first.stdout.splitlines()[-1] == "Total reclaimed space: 0B"
    assert {each.name for each in engine.containers.list(all=True)} == {"two", "big", "runs"}
    rest = shell("container", "prune", stdin="y\n")
    assert rest.stdout.splitlines()[-1] == "Total reclaimed space: 5kB"
    assert [each.name for each in engine.containers.list(all=True)] == ["runs"]
