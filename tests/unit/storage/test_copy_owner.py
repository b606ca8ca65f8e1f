"""Whose files `cp -a` makes, by what a container's tree says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipycontainer.errors import ResourceError
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.storage.copy_owner import owner_for


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with a user and no getent."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("web:x:33:44:web:/srv:/bin/sh\n")
    return tmp_path


def owner(tree: Path, user: str) -> tuple[int, int] | None:
    """Return whose the files become."""
    with DirFd.open(tree) as root:
        return owner_for(root, user)


def test_the_user_by_name(tree: Path) -> None:
    """Nobody where none was named."""
    assert owner(tree, "web") == (33, 44)
    assert owner(tree, "") is None


@pytest.mark.parametrize("user", ["33", "web:44", "nope"])
def test_who_is_no_name_is_asked_of_getent(tree: Path, user: str) -> None:
    """Docker's words where there is none to ask."""
    with pytest.raises(ResourceError, match="unable to find getent command: "):
        owner(tree, user)


def test_getent_knows_numbers(tree: Path) -> None:
    """It is not run, but looked for."""
    (tree / "usr" / "bin").mkdir(parents=True)
    (tree / "usr" / "bin" / "getent").touch()

    assert owner(tree, "33") == (33, 44)
    with pytest.raises(ResourceError, match='unable to find entry "34" in passwd database'):
        owner(tree, "34")


def test_a_pipe_for_passwd_does_not_hang(tree: Path) -> None:
    """An image may hold anything."""
    (tree / "etc" / "passwd").unlink()
    os.mkfifo(tree / "etc" / "passwd")

    with pytest.raises(ResourceError, match="getent"):
        owner(tree, "web")
