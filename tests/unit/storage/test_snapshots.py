"""A container's writable directories."""

from __future__ import annotations

import os
import stat

import pytest

from ipycontainer.model.state import Overlay
from ipycontainer.storage import snapshots, trash, trees
from ipycontainer.store import containers, images
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from tests import rows

ID = "c" * 64


def layer(home: Home, digit: str, mode: int = 0o755) -> str:
    """Make the directory of an unpacked layer, and return its chain id."""
    path = home.layer("sha256:" + digit * 64)
    path.mkdir()
    path.chmod(mode)
    return "sha256:" + digit * 64


def test_layers_come_topmost_first(bare_home: Home) -> None:
    """As overlayfs wants them, the engine's own first; each container has its own directories."""
    chain = (layer(bare_home, "1"), layer(bare_home, "2"))

    (overlay,) = snapshots.prepare(bare_home, ID, chain)

    assert overlay == Overlay(
        "/",
        (
            str(bare_home.cache / "mountpoints" / ("2" * 64)),
            str(bare_home.layer(chain[1])),
            str(bare_home.layer(chain[0])),
        ),
        str(bare_home.container(ID) / "upper0"),
        str(bare_home.container(ID) / "work0"),
    )
    assert stat.S_IMODE(os.stat(bare_home.container(ID)).st_mode) == 0o700
    assert os.listdir(overlay.upper) == []


def test_the_upper_directory_looks_like_its_topmost_layer(bare_home: Home) -> None:
    """It is what the container sees as its root."""
    (overlay,) = snapshots.prepare(bare_home, ID, (layer(bare_home, "1", 0o1777),))

    assert stat.S_IMODE(os.stat(overlay.upper).st_mode) == 0o1777


def test_an_image_without_layers_stands_on_an_empty_directory(bare_home: Home) -> None:
    """An overlay needs at least one."""
    (overlay,) = snapshots.prepare(bare_home, ID)

    assert overlay.lowers == (str(bare_home.empty_dir),)


def test_shown_trees_get_one_overlay_each(bare_home: Home) -> None:
    """In mount order; one of them may be the root itself."""
    shown = (("/", ["/skeleton"]), ("/usr", ["/usr"]))

    root, usr = snapshots.prepare(bare_home, ID, (), shown)

    assert (root.target, root.lowers) == ("/", ("/skeleton",))
    assert (usr.target, usr.lowers) == ("/usr", ("/usr",))
    assert len({root.upper, root.work, usr.upper, usr.work}) == 4


def test_a_discarded_container_leaves_nothing(bare_home: Home) -> None:
    """Socket and lock of a killed monitor included; a second time is no error."""
    (overlay,) = snapshots.prepare(bare_home, ID)
    os.mkdir(f"{overlay.work}/work", 0)
    bare_home.socket(ID).touch()
    bare_home.lock(ID).touch()

    snapshots.discard(bare_home, ID)
    snapshots.discard(bare_home, ID)

    assert os.listdir(bare_home.containers) == os.listdir(bare_home.trash) == []
    assert os.listdir(bare_home.runtime) == ["bell"]


def test_what_a_killed_process_left_in_the_trash_is_swept(
    bare_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the rename on it is nobody's."""
    snapshots.prepare(bare_home, ID)
    monkeypatch.setattr(trees, "remove", lambda *_: None)
    snapshots.discard(bare_home, ID)
    assert not bare_home.container(ID).exists()
    (left,) = bare_home.trash.iterdir()
    monkeypatch.undo()

    trash.empty(bare_home)
    assert left.exists()  # we live, and may be about it
    left.rename(bare_home.trash / left.name.replace(f"{os.getpid()}-", "4194305-"))
    trash.empty(bare_home)

    assert os.listdir(bare_home.trash) == []


def test_a_directory_whose_maker_died_before_the_row_is_an_orphan(
    bare_home: Home, store: Store
) -> None:
    """One in the making stays, and so does one that has a row."""
    record = rows.container("web", id="a" * 64)
    with store.write() as tx:
        images.add(tx, rows.image())
        containers.add(tx, record)
    for container_id in (record.id, "b" * 64, "c" * 64):
        snapshots.prepare(bare_home, container_id)
    for dead in (record.id, "b" * 64):
        maker = bare_home.container(dead) / "maker"
        pid, _, ticks = os.readlink(maker).partition(":")
        maker.unlink()
        maker.symlink_to(f"{pid}:{int(ticks) - 1}")  # the same pid, another process

    assert snapshots.orphans(bare_home, store) == ["b" * 64]
