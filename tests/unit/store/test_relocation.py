"""A home knows its place, and what a copy of it is told."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ipycontainer.storage import snapshots, trash
from ipycontainer.store import relocation
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home, open_home

OVERLAYS = '[{"target":"/","lowers":["%s/layers/a","/usr"],"upper":"%s/containers/c/upper0"}]'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with a container that is said to run."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    made = open_home(tmp_path / "home")
    with Store(made).write() as tx:
        tx.execute(
            "INSERT INTO containers (id, name, image_id, config, overlays, created_ns, status,"
            " boot_id) VALUES ('c', 'n', 'i', '{}', ?, 0, 'running', 'now')",
            (OVERLAYS.replace("%s", str(made.root)),),
        )
    return made


def row(root: Path) -> tuple[str, str]:
    """Return overlays and boot of the container."""
    with closing(sqlite3.connect(root / "state.db")) as rows:
        found: tuple[str, str] = rows.execute("SELECT overlays, boot_id FROM containers").fetchone()
    return found


def test_a_copy_names_its_own_directories_and_nobodys_processes(home: Home) -> None:
    """The original's sockets are not its own, and the original keeps what it has."""
    place = home.root.with_name("copy")
    shutil.copytree(home.root, place, symlinks=True)
    copy = open_home(place)
    assert copy.runtime != home.runtime
    assert row(place) == (OVERLAYS.replace("%s", str(place)), relocation.ELSEWHERE)
    assert row(home.root) == (OVERLAYS.replace("%s", str(home.root)), "now")
    assert open_home(home.root) == home
    assert open_home(place) == copy


def test_nothing_in_a_copy_is_in_the_making(home: Home) -> None:
    """Who makes something in the original lives, and is not at work here."""
    with Store(home).write() as tx:
        tx.execute("DELETE FROM containers")
    snapshots.make(home, home.container("d" * 64), ())
    trash.place(home).mkdir()
    place = home.root.with_name("copy")
    shutil.copytree(home.root, place, symlinks=True)
    copy = open_home(place)
    store = Store(copy)
    assert snapshots.orphans(copy, store) == ["d" * 64]
    assert len(trash.unowned(copy)) == 1
    assert trash.unowned(home) == snapshots.orphans(home, Store(home)) == []


def test_a_home_that_was_moved_keeps_what_it_says_of_processes(home: Home) -> None:
    """They are still its own, to be ended."""
    place = home.root.with_name("moved")
    home.root.rename(place)
    assert open_home(place).runtime != home.runtime
    assert row(place) == (OVERLAYS.replace("%s", str(place)), "now")


def test_a_second_way_to_a_home_is_no_copy(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bind mount leads to the same file; nothing changes by it."""
    before = os.readlink(home.root / "place")
    elsewhere = home.root.with_name("other")
    elsewhere.mkdir()
    for name in ("state.db", "setup.lock"):
        os.link(home.root / name, elsewhere / name)
    (elsewhere / "place").symlink_to(before)
    relocation.settle(elsewhere)
    assert os.readlink(elsewhere / "place") == before
    assert row(home.root) == (OVERLAYS.replace("%s", str(home.root)), "now")
