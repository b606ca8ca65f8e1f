"""A home on a file system of 24 MB, as root and as an ordinary user.

Only root of the machine can mount one that all of the engine's processes see: as an ordinary user
the tests use the one that `$IPYCONTAINER_SMALL_DISK` names (scripts/test makes it), one by one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.engine.engine import Engine
from ipycontainer.linux import mounts, syscalls

__all__ = ["VARIABLE", "in_a_shell", "small"]

SIZE_BYTES = 24 << 20
VARIABLE = "IPYCONTAINER_SMALL_DISK"


@pytest.fixture
def small(tmp_path: Path, busybox_tar: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine whose home is all that a small file system holds, with the small image."""
    with _mounted(tmp_path) if os.geteuid() == 0 else _given() as place:
        monkeypatch.setenv("IPYCONTAINER_HOME", str(place / "home"))
        with ipycontainer.connect(place / "home") as engine:
            engine.images.import_(busybox_tar, repository="busybox", tag="latest")
            engine.run("busybox", ["true"], network="none", remove=True)
            yield engine
            engine.reset()


def in_a_shell(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line on the test's home, as in a new shell."""
    return subprocess.run(
        [sys.executable, "-m", "ipycontainer", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


@contextmanager
def _mounted(above: Path) -> Iterator[Path]:
    place = above / "small"
    place.mkdir()
    syscalls.mount("tmpfs", str(place), "tmpfs", 0, f"size={SIZE_BYTES}")
    try:
        yield place
    finally:
        syscalls.umount(str(place), mounts.MNT_DETACH)


@contextmanager
def _given() -> Iterator[Path]:
    """Give the small file system that root has made, empty, to one test at a time."""
    if VARIABLE not in os.environ:
        pytest.skip(f"${VARIABLE} names no small file system: scripts/test, as root, mounts one")
    place = Path(os.environ[VARIABLE])
    assert os.path.ismount(place)
    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        assert os.listdir(place) == []
        yield place
        for each in place.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    finally:
        os.close(fd)
