"""The layer with the engine's own mount points."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipycontainer.storage import mountpoints
from ipycontainer.store.home import Home


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """Return the topmost of an image's layers, with an /etc of its own."""
    directory = tmp_path / "0123abcd"
    (directory / "etc").mkdir(parents=True)
    return directory


def _tree(root: str | None) -> set[str]:
    assert root is not None
    return {str(path.relative_to(root)) for path in Path(root).rglob("*")}


def test_what_the_image_lacks_is_made(bare_home: Home, top: Path, tmp_path: Path) -> None:
    """What a lower layer has stays as it is; the image's /etc is what is seen of ours."""
    base = tmp_path / "base"
    (base / "proc").mkdir(parents=True)
    (base / "etc").mkdir()
    (base / "etc" / "hosts").write_text("127.0.0.1 kept\n")
    (top / "etc").chmod(0o2711)
    os.utime(top / "etc", ns=(1, 2))

    made = mountpoints.layer(bare_home, [str(top), str(base)])

    assert _tree(made) == {
        ".dockerenv",
        "dev",
        "dev/console",
        "dev/pts",
        "dev/shm",
        "etc",
        "etc/hostname",
        "etc/mtab",
        "etc/resolv.conf",
        "sys",
    }
    assert os.readlink(Path(made or "") / "etc" / "mtab") == "/proc/mounts"
    found = (Path(made or "") / "etc").stat()
    assert (found.st_mode & 0o7777, found.st_mtime_ns) == (0o2711, 2)


def test_it_is_made_once(bare_home: Home, top: Path) -> None:
    """All containers on an image share it."""
    first = mountpoints.layer(bare_home, [str(top)])
    (top / "etc").rmdir()

    assert mountpoints.layer(bare_home, [str(top)]) == first
    assert len(list((bare_home.cache / "mountpoints").iterdir())) == 1


def test_a_link_for_etc_leaves_it_to_the_start(bare_home: Home, top: Path) -> None:
    """A directory of ours would hide what the link leads to."""
    (top / "etc").rmdir()
    (top / "etc").symlink_to("usr/etc")

    assert mountpoints.layer(bare_home, [str(top)]) is None
    assert mountpoints.layer(bare_home, [str(top)]) is None


def test_a_whiteout_hides_the_layers_below(bare_home: Home, top: Path, tmp_path: Path) -> None:
    """What an upper layer has deleted is missing."""
    (tmp_path / "base" / "etc").mkdir(parents=True)
    (tmp_path / "base" / "etc" / "hosts").touch()
    os.mknod(top / "etc" / "hosts", 0o20000, 0)  # any user may, since Linux 5.8

    made = mountpoints.layer(bare_home, [str(top), str(tmp_path / "base")])

    assert "etc/hosts" in _tree(made)


def test_it_goes_with_its_image(bare_home: Home, top: Path) -> None:
    """The sweep removes what stands on a layer that is gone."""
    mountpoints.layer(bare_home, [str(top)])
    mountpoints.sweep(bare_home, {top.name})
    assert (bare_home.cache / "mountpoints" / top.name).is_dir()

    mountpoints.sweep(bare_home, ())
    assert not list((bare_home.cache / "mountpoints").iterdir())


def test_the_devices_directory_is_the_images_with_what_it_lacks(bare_home: Home, top: Path) -> None:
    """`export` has the same entries of /dev as docker's, and what the image has there stays."""
    (top / "dev" / "shm").mkdir(parents=True)
    (top / "dev" / "shm").chmod(0o700)
    (top / "dev").chmod(0o711)

    made = Path(mountpoints.layer(bare_home, [str(top)]) or "")

    found = {path.name: path.stat().st_mode for path in (made / "dev").iterdir()}
    assert found == {"pts": 0o040755, "console": 0o100755}
    assert (made / "dev").stat().st_mode == 0o040711


def test_a_link_for_dev_stays_a_link(bare_home: Home, top: Path) -> None:
    """Only the rest of the layer is made."""
    (top / "dev").symlink_to("usr/dev")

    made = mountpoints.layer(bare_home, [str(top)])

    assert _tree(made) >= {"etc/hosts", "proc"}
    assert "dev" not in _tree(made)
