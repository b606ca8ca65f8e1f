"""Paths below a directory, as an image might twist them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.linux.dirfd import DirFd


def test_absolute_links_are_followed_inside(tmp_path: Path) -> None:
    """`/etc/passwd` behind a link is the tree's own, never the host's."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("inside")
    (tmp_path / "link").symlink_to("/etc/passwd")
    with DirFd.open(tmp_path) as root:
        fd = root.openat("link", os.O_RDONLY)

    with open(fd, encoding="utf-8") as file:
        assert file.read() == "inside"


def test_dots_end_at_the_root(tmp_path: Path) -> None:
    """`..` above the root stays at the root."""
    (tmp_path / "here").touch()
    with DirFd.open(tmp_path) as root:
        os.close(root.openat("../../../here", os.O_PATH))


def test_magic_links_are_refused() -> None:
    """/proc/self/root and its kin lead nowhere (ELOOP)."""
    with DirFd.open("/") as root, pytest.raises(OSError, match="Too many levels"):
        root.sub("/proc/self/root")


def test_directories_are_made_through_links_inside(tmp_path: Path) -> None:
    """Parents behind a link of the tree are made where the link leads within the tree."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("/real")
    with DirFd.open(tmp_path) as root:
        root.mkdirs("/link/a/b", 0o700).close()

    assert (tmp_path / "real/a/b").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/a/b", "/a/b"),
        ("a//./b/", "/a/b"),
        ("/out/x", "/nowhere/y/x"),
        ("/up", "/tmp"),
        ("/chain/f", "/nowhere/y/f"),
        ("/here/in", "/real/in"),
        ("/here/../x", "/x"),
        ("/../../x", "/x"),
    ],
)
def test_a_path_beyond_its_links(tmp_path: Path, path: str, wanted: str) -> None:
    """Links are followed below the root, there or not, and none leads above it."""
    (tmp_path / "real").mkdir()
    for name, target in {
        "out": "/nowhere/y",
        "up": "../../../tmp",
        "chain": "out",
        "here": "./real",
    }.items():
        (tmp_path / name).symlink_to(target)

    with DirFd.open(tmp_path) as root:
        assert root.beyond_links(path) == wanted


def test_a_circle_of_links_has_no_beyond(tmp_path: Path) -> None:
    """It ends as the kernel ends it."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")

    with DirFd.open(tmp_path) as root, pytest.raises(OSError, match=str(errno.ELOOP)):
        root.beyond_links("/a/x")


def test_what_a_dangling_link_points_to_is_not_made(tmp_path: Path) -> None:
    """ENOENT, and nothing appears, neither inside nor on the host."""
    (tmp_path / "link").symlink_to("/gone")
    with DirFd.open(tmp_path) as root, pytest.raises(FileNotFoundError):
        root.mkdirs("link/a")

    assert os.listdir(tmp_path) == ["link"]


def test_a_file_is_made_once_with_its_parents(tmp_path: Path) -> None:
    """A second call opens what the first has made, and an existing file keeps its content."""
    with DirFd.open(tmp_path) as root:
        os.close(root.create_file("a/b/file", 0o600))
        (tmp_path / "a/b/file").write_text("kept")
        os.close(root.create_file("a/b/file"))

    assert (tmp_path / "a/b/file").read_text() == "kept"


def test_fds_are_close_on_exec(tmp_path: Path) -> None:
    """Nothing that is opened here reaches a program by accident."""
    with DirFd.open(tmp_path) as root, root.mkdirs("x") as inner:
        assert not os.get_inheritable(root.fd)
        assert not os.get_inheritable(inner.fd)


@given(st.lists(st.sampled_from(["a", "..", ".", "", "up", "abs", "b"]), max_size=8))
def test_no_path_leads_out(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    """Whatever is asked for, in a tree of links up and away, lies below the root."""
    tree = tmp_path_factory.mktemp("tree")
    (tree / "a/b").mkdir(parents=True)
    (tree / "a/up").symlink_to("../../../..")
    (tree / "a/abs").symlink_to("/")
    (tree / "up").symlink_to("../..")
    (tree / "abs").symlink_to("/a")
    with DirFd.open(tree) as root:
        try:
            fd = root.openat("/".join(parts), os.O_PATH)
        except OSError:
            return
        found = os.readlink(f"/proc/self/fd/{fd}")
        os.close(fd)

    assert found == str(tree) or found.startswith(f"{tree}/")
