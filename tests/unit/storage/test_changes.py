"""What changed, from upper directories made by hand."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model.state import Overlay
from ipycontainer.storage.changes import Change, changes
from ipycontainer.storage.trees import remove


class Trees:
    """Two lower directories and an upper one, filled by path."""

    def __init__(self, base: Path) -> None:
        self.base = base
        for name in ("upper", "middle", "bottom"):
            (base / name).mkdir()

    def write(self, where: str, path: str, content: str = "", time: int = 1) -> None:
        target = self.base / where / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        os.utime(target, (time, time))

    def directory(self, where: str, path: str, opaque: bool = False, mode: int = 0o755) -> None:
        target = self.base / where / path
        target.mkdir(parents=True, exist_ok=True)
        target.chmod(mode)
        if opaque:
            os.setxattr(target, "user.overlay.opaque", b"y")

    def whiteout(self, where: str, path: str) -> None:
        target = self.base / where / path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.mknod(target, stat.S_IFCHR, os.makedev(0, 0))

    def overlay(self, target: str = "/", *lowers: str) -> Overlay:
        return Overlay(
            target,
            tuple(str(self.base / name) for name in lowers or ("middle", "bottom")),
            str(self.base / "upper"),
            str(self.base / "work"),
        )

    def told(self, target: str = "/", *others: Overlay, points: tuple[str, ...] = ()) -> list[str]:
        return shown(changes((self.overlay(target), *others), True, points))


def shown(found: list[Change]) -> list[str]:
    """Return changes as `diff` prints them."""
    return [f"{change.kind} {change.path}" for change in found]


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    """Empty trees."""
    return Trees(tmp_path)


def test_nothing_changed(trees: Trees) -> None:
    """Files of the layers are no changes."""
    trees.write("bottom", "etc/passwd")

    assert trees.told() == []


def test_a_new_file_in_the_root_is_told_alone(trees: Trees) -> None:
    """`touch /test` gives A /test and no C /."""
    trees.write("upper", "test")

    assert trees.told() == ["A /test"]


def test_directories_on_the_way_to_a_change_are_told(trees: Trees) -> None:
    """As C where they were there, as A where they are new; names in byte order."""
    trees.directory("bottom", "etc/deep")
    trees.write("bottom", "etc/passwd", "old")
    trees.write("upper", "etc/passwd", "new!")
    trees.write("upper", "etc/deep/x")
    trees.write("upper", "d/f")
    trees.write("upper", "d-")

    assert trees.told() == [
        "A /d",
        "A /d/f",
        "A /d-",
        "C /etc",
        "C /etc/deep",
        "A /etc/deep/x",
        "C /etc/passwd",
    ]


def test_a_file_counts_as_changed_by_size_time_mode_or_kind(trees: Trees) -> None:
    """One that was copied up and is as it was does not."""
    for name in ("same", "size", "time", "mode", "kind"):
        trees.write("bottom", name, "1")
        trees.write("upper", name, "1")
    trees.write("upper", "size", "12")
    trees.write("upper", "time", "1", time=2)
    (trees.base / "upper/mode").chmod(0o600)
    (trees.base / "upper/kind").unlink()
    (trees.base / "upper/kind").symlink_to("x")

    assert trees.told() == ["C /kind", "C /mode", "C /size", "C /time"]


def test_a_directory_counts_as_changed_by_its_mode_alone(trees: Trees) -> None:
    """Its time changes with everything that is made and removed in it."""
    trees.directory("bottom", "same")
    trees.directory("upper", "same")
    trees.directory("bottom", "mode")
    trees.directory("upper", "mode", mode=0o700)

    assert trees.told() == ["C /mode"]


def test_a_deleted_tree_is_told_by_its_top(trees: Trees) -> None:
    """A whiteout over nothing is no deletion."""
    trees.write("bottom", "var/lib/x", "123")
    trees.whiteout("upper", "var")
    trees.whiteout("upper", "never")

    found = changes((trees.overlay(),), True)

    assert shown(found) == ["D /var"]
    assert found[0].type == "dir"


def test_a_directory_made_anew_shows_what_it_lost(trees: Trees) -> None:
    """What both had is compared as ever."""
    trees.write("bottom", "var/gone")
    trees.write("middle", "var/gone-too")
    trees.write("bottom", "var/lib/inner")
    trees.write("bottom", "var/kept", "1")
    trees.directory("upper", "var", opaque=True)
    trees.directory("upper", "var/lib", opaque=True)
    trees.write("upper", "var/kept", "1")
    trees.write("upper", "var/new")

    assert trees.told() == [
        "C /var",
        "D /var/gone",
        "D /var/gone-too",
        "C /var/lib",
        "D /var/lib/inner",
        "A /var/new",
    ]


def test_what_lies_in_a_directory_made_anew_hides_the_layers_too(trees: Trees) -> None:
    """An overlay marks only the topmost: below it nothing else can be seen."""
    trees.write("bottom", "var/lib/kept")
    trees.write("bottom", "var/lib/gone")
    trees.directory("upper", "var", opaque=True)
    trees.write("upper", "var/lib/kept")

    assert trees.told() == ["C /var", "C /var/lib", "D /var/lib/gone"]


def test_a_file_in_place_of_a_directory_and_the_other_way(trees: Trees) -> None:
    """Both are changes; what the directory held is not told apart."""
    trees.write("bottom", "dir/x")
    trees.write("upper", "dir", "a file")
    trees.write("bottom", "file")
    trees.write("upper", "file/x")

    assert trees.told() == ["C /dir", "C /file", "A /file/x"]


def test_layers_hide_one_another(trees: Trees) -> None:
    """What an upper layer deleted is new when it comes back."""
    trees.write("bottom", "a/one")
    trees.whiteout("middle", "a")
    trees.write("upper", "a/one")
    trees.write("bottom", "b/two")
    trees.directory("middle", "b", opaque=True)
    trees.write("upper", "b/two")

    assert trees.told() == ["A /a", "A /a/one", "C /b", "A /b/two"]


def test_sizes_are_told_with_what_they_gained(trees: Trees) -> None:
    """In bytes; what is deleted loses all it had."""
    trees.write("bottom", "gone", "12345")
    trees.whiteout("upper", "gone")
    trees.write("bottom", "more", "1")
    trees.write("upper", "more", "1234")
    trees.write("upper", "new", "12")

    found = {change.path: change for change in changes((trees.overlay(),), True)}

    assert (found["/gone"].size, found["/gone"].size_delta) == (5, -5)
    assert (found["/more"].size, found["/more"].size_delta) == (4, 3)
    assert (found["/new"].size, found["/new"].size_delta) == (2, 2)
    assert (found["/new"].type, found["/new"].mode, found["/new"].uid) == (
        "file",
        0o644,
        os.geteuid(),
    )


def test_the_engines_mount_points_are_not_told(trees: Trees) -> None:
    """Nor a directory that was made, or copied up, only to hold them."""
    trees.directory("bottom", "etc")
    for path in ("etc/hosts", "etc/hostname", "etc/resolv.conf", "dev/console", "run/secrets/x"):
        trees.write("upper", path)
    trees.directory("upper", "proc")
    trees.directory("upper", "sys")

    assert trees.told(points=("/run/secrets/x",)) == []


def test_what_a_container_wrote_beside_a_mount_point_is_told(trees: Trees) -> None:
    """With the directory that holds both."""
    trees.write("upper", "etc/hosts")
    trees.write("upper", "etc/mine")

    assert trees.told() == ["A /etc", "A /etc/mine"]


def test_an_overlay_is_told_below_its_target(trees: Trees, tmp_path: Path) -> None:
    """The directories of its mount point in the root's overlay are not."""
    for name in ("root-upper", "root"):
        (tmp_path / name).mkdir()
    (tmp_path / "root-upper/usr/lib/python").mkdir(parents=True)
    (tmp_path / "root-upper/own").touch()
    root = Overlay("/", (str(tmp_path / "root"),), str(tmp_path / "root-upper"), "")
    trees.write("upper", "site/x")

    found = changes((root, trees.overlay("/usr/lib/python")), True)

    assert shown(found) == ["A /own", "A /usr/lib/python/site", "A /usr/lib/python/site/x"]


def test_a_link_in_the_upper_directory_is_not_followed(trees: Trees, tmp_path: Path) -> None:
    """It is told as what it is."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x").touch()
    (tmp_path / "upper/link").symlink_to(tmp_path / "outside")

    (found,) = changes((trees.overlay(),), True)

    assert (found.kind, found.path, found.type) == ("A", "/link", "symlink")


def test_many_levels_are_walked_without_recursion(trees: Trees) -> None:
    """How deep a tree is, is the container's to say."""
    path = str(trees.base / "upper")
    for _ in range(1500):
        path += "/d"
        os.mkdir(path)

    assert len(trees.told()) == 1500
    with DirFd.open(trees.base) as base:  # pytest's own cleaning recurses
        remove(base.fd, "upper")


def test_places_that_a_layer_has_are_compared(trees: Trees) -> None:
    """What `cp` has put below /dev or over a place of the engine's is told, as docker tells it."""
    for path in ("dev/shm", "proc"):
        trees.directory("middle", path)
        trees.directory("upper", path)
    trees.write("middle", "etc/hosts")
    trees.write("upper", "etc/hosts", "mine")
    trees.write("upper", "dev/shm/x")

    assert trees.told() == ["C /dev", "C /dev/shm", "A /dev/shm/x", "C /etc", "C /etc/hosts"]


def test_places_that_a_start_had_to_make_are_not_told(trees: Trees) -> None:
    """Where an image's own /etc could not be had again there is no such layer."""
    trees.directory("upper", "dev")
    trees.write("upper", "etc/hosts")

    assert trees.told() == []
