"""Fixtures for storage beside the kernel: a home without an engine, and mounted overlays."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ipycontainer.model.state import Overlay
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home, open_home

Inside = Callable[[Overlay, str], None]


@pytest.fixture
def bare_home(tmp_path: Path) -> Iterator[Home]:
    """A home that no process serves."""
    home = open_home(tmp_path / "home")
    yield home
    shutil.rmtree(home.runtime)


@pytest.fixture
def store(bare_home: Home) -> Iterator[Store]:
    """The store of that home, with this thread's connection closed at the end."""
    store = Store(bare_home)
    yield store
    store.close()


@pytest.fixture
def inside(tmp_path: Path, bare_home: Home) -> Inside:
    """Run a shell script in an overlay mounted in a namespace of its own."""
    merged = tmp_path / "merged"
    merged.mkdir()
    ordinary = os.geteuid() != 0

    def run(overlay: Overlay, script: str) -> None:
        # mount(8) gives each option to fsconfig(2), which takes 255 bytes: so by short paths.
        lowers = ":".join(os.path.relpath(lower, bare_home.root) for lower in overlay.lowers)
        options = f"lowerdir={lowers},upperdir={overlay.upper},workdir={overlay.work}" + (
            ",userxattr" if ordinary else ""
        )
        mount = f"mount -t overlay overlay -o {options} {merged} && cd {merged} && ( {script} )"
        flags = ["--user", "--map-root-user"] if ordinary else []
        subprocess.run(
            ["unshare", *flags, "--mount", "sh", "-ec", mount], check=True, cwd=bare_home.root
        )

    return run
