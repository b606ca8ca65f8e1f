"""Deleting trees that do not want to go."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipycontainer.storage import trees


@pytest.fixture
def here(tmp_path: Path) -> Iterator[int]:
    """An fd of a directory, beside which nothing may change."""
    (tmp_path / "here").mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("kept")
    fd = os.open(tmp_path / "here", os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)
    assert (tmp_path / "kept" / "file").read_text() == "kept"


def test_links_are_removed_and_not_followed(tmp_path: Path, here: int) -> None:
    """Those in the tree and the tree itself."""
    tree = tmp_path / "here" / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "here" / "itself").symlink_to(tmp_path / "kept")

    trees.remove(here, "tree")
    trees.remove(here, "itself")
    trees.remove(here, "missing")

    assert os.listdir(here) == []


def test_directories_without_any_permission_go(tmp_path: Path, here: int) -> None:
    """The work directory of an overlay has one of mode 000."""
    tree = tmp_path / "here" / "tree"
    (tree / "work" / "inner").mkdir(parents=True)
    (tree / "work" / "inner" / "file").touch()
    for path in (tree / "work" / "inner" / "file", tree / "work" / "inner", tree / "work", tree):
        path.chmod(0)

    trees.remove(here, "tree")

    assert os.listdir(here) == []


def test_any_depth_goes_with_few_descriptors(tmp_path: Path, here: int) -> None:
    """A container may nest deeper than a path can be long, or than a process may hold open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.mkdir("deep", dir_fd=here)
    fd = os.open("deep", os.O_RDONLY, dir_fd=here)
    for _ in range(3000):
        os.mkdir("down", dir_fd=fd)
        below = os.open("down", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    resource.setrlimit(resource.RLIMIT_NOFILE, (os.dup(here) + 8, hard))
    try:
        trees.remove(here, "deep")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert os.listdir(here) == []


def test_emptying_leaves_the_directory(tmp_path: Path, here: int) -> None:
    """Whatever is in it."""
    (tmp_path / "here" / "a" / "b").mkdir(parents=True)
    (tmp_path / "here" / "f").touch()
    os.mkfifo(tmp_path / "here" / "p")

    trees.empty(here)

    assert os.listdir(here) == []


def test_what_somebody_writes_meanwhile_goes_too(tmp_path: Path, here: int) -> None:
    """A process that was about to write into a tree may do so after it was read."""
    tree = tmp_path / "here" / "tree"
    tree.mkdir()
    writes = iter(("first", "second"))
    rmdir = os.rmdir

    def late(name: str, *, dir_fd: int) -> None:
        for word in writes:
            (tree / word).mkdir()
            break
        rmdir(name, dir_fd=dir_fd)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "rmdir", late)
        trees.remove(here, "tree")

    assert os.listdir(here) == []
    assert next(writes, "all written") == "all written"
