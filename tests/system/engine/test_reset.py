"""A home that is reset, or whose database is destroyed: what runs is ended, and the next begins."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from glob import glob
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.engine import doctor
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import HomeDamaged
from tests.conftest import Shell
from tests.system.engine.processes import eventually

pytestmark = pytest.mark.usefixtures("busybox_image")


def _ended(container: Container) -> bool:
    return not Path(f"/proc/{container.record.state.pid}").exists()


def _overwrite(database: Path) -> None:
    database.with_name("state.db-wal").unlink(missing_ok=True)
    database.write_bytes(b"no database" * 1000)


def _cut(database: Path) -> None:
    database.with_name("state.db-wal").unlink(missing_ok=True)
    database.write_bytes(database.read_bytes()[:5000])


def _delete(database: Path) -> None:
    for path in database.parent.glob("state.db*"):
        path.unlink()


@pytest.mark.parametrize("destroy", [_overwrite, _cut, _delete])
def test_containers_of_a_home_without_its_database_are_ended(
    engine: Engine, shell: Shell, destroy: Callable[[Path], None]
) -> None:
    """Doctor names the way, other verbs say one line, and a reset leaves nothing running."""
    container = engine.containers.run("busybox", ["sleep", "1000"], detach=True)
    container.reload()
    engine.close()
    destroy(engine.home.database)
    (said,) = [check for check in doctor.checks(str(engine.home.root)) if check.name == "home"]
    assert said.remedy == "ipycontainer system reset --force"
    if destroy is not _delete:  # which is an empty home to all others
        told = shell("ps")
        assert told.returncode != 0
        assert "state.db" in told.stderr
        assert "ipycontainer doctor" in told.stderr
        assert len(told.stderr.splitlines()) <= 2
    assert not _ended(container)
    done = shell("system", "reset", "--force")
    assert (done.returncode, done.stderr) == (0, "")
    eventually(lambda: _ended(container))
    assert not engine.home.root.exists()
    assert glob(f"/sys/fs/cgroup/**/ipyc-{engine.home.hash8}/*/", recursive=True) == []
    begun = shell("ps", "-aq")
    assert (begun.returncode, begun.stdout) == (0, "")


def test_an_engine_of_a_home_that_was_reset_says_so(engine: Engine, home: Path) -> None:
    """In one line, and the next engine begins anew; so does one that was there beside."""
    with ipycontainer.connect(home) as beside:
        beside.containers.list()
        assert beside.is_current
        engine.reset()
        for old in (engine, beside):
            assert not old.is_current
            with pytest.raises(HomeDamaged, match="was removed") as caught:
                old.containers.list()
            assert "connect" in caught.value.hint
    with ipycontainer.connect(home) as fresh:
        assert fresh.is_current
        assert fresh.containers.list(all=True) == []


def test_a_reset_beside_a_living_process(engine: Engine) -> None:
    """Another process resets the home: this one sees that it is another home."""
    program = "import sys, ipycontainer; ipycontainer.connect(sys.argv[1]).reset()"
    package = str(Path(ipycontainer.__file__).parents[1])
    subprocess.run(
        [sys.executable, "-c", program, str(engine.home.root)],
        check=True,
        timeout=60,
        cwd="/",
        env={"PYTHONPATH": package, "PATH": "/usr/bin:/bin", "HOME": "/"},
    )
    assert not engine.is_current
