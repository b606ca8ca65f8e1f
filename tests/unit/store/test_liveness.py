"""Liveness locks, between real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.store import liveness

HOLD = (
    "import sys; from pathlib import Path; from ipycontainer.store import liveness\n"
    "lock = liveness.hold(Path(sys.argv[1])); print('held', flush=True); sys.stdin.readline()\n"
    "lock.release(); print('free', flush=True); sys.stdin.readline()"
)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock `l`."""
    environment = {**os.environ, "PYTHONPATH": str(Path(ipycontainer.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "l")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        yield child
        child.kill()


def test_a_lock_names_its_holder_as_long_as_it_lives(
    tmp_path: Path, process: subprocess.Popen[str]
) -> None:
    """However the holder ends, the lock is free then."""
    path = tmp_path / "l"

    assert liveness.holder(path) == process.pid
    with pytest.raises(BlockingIOError):
        liveness.hold(path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert liveness.holder(path) is None
    assert path.exists()


def test_a_released_lock_leaves_no_file(tmp_path: Path, process: subprocess.Popen[str]) -> None:
    """And can be taken by the next."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "free\n"

    assert not (tmp_path / "l").exists()
    liveness.hold(tmp_path / "l").release()


def test_a_fork_of_the_holder_does_not_hold(tmp_path: Path) -> None:
    """A record lock belongs to the process that took it, as flock would not."""
    path = tmp_path / "l"
    lock = liveness.hold(path)
    child = os.fork()
    if child == 0:
        held_by = liveness.holder(path)  # closing the file frees nothing of the parent's
        os._exit(0 if held_by == os.getppid() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    lock.release()
    lock.release()


def test_a_lock_that_never_was_is_free(tmp_path: Path) -> None:
    """And asking makes no file."""
    assert liveness.holder(tmp_path / "none") is None
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    """The runtime directory may be in /tmp."""
    (tmp_path / "l").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic links"):
        liveness.hold(tmp_path / "l")
    assert not (tmp_path / "elsewhere").exists()
