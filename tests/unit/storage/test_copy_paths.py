"""Paths of `cp` on this machine's side."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from ipycontainer.engine import output_file
from ipycontainer.errors import InvalidArgument
from ipycontainer.storage import copy_paths
from ipycontainer.storage.copy_paths import PathInfo


def test_the_first_part_that_is_missing_is_named(tmp_path: Path) -> None:
    """With its directories resolved, as Go's EvalSymlinks does; docker adds a slash to the root."""
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to("in")
    assert copy_paths.first_missing(f"{tmp_path}/link/gone") == f"{tmp_path}/in/gone"
    assert copy_paths.first_missing(f"{tmp_path}/gone/further/x") == f"{tmp_path}/gone"
    assert copy_paths.first_missing("/no-such-entry-of-a-root") == "//no-such-entry-of-a-root"


@pytest.mark.parametrize("source", ["/from", "/from/."])
def test_the_content_of_a_directory_that_is_not_there(source: str) -> None:
    """A directory becomes a path that is missing, but not one that ends in /.: that has to be."""
    directory = PathInfo(source, True, stat.S_IFDIR | 0o755)
    missing = PathInfo("/etc/new", exists=False)
    assert copy_paths.rename_for(directory, missing)[0] == "/etc"
    inside = replace(missing, path="/etc/new/.")
    assert copy_paths.rename_for(directory, inside) == ("/etc/new", None)
    with pytest.raises(InvalidArgument, match="no such directory"):
        copy_paths.rename_for(replace(directory, mode=stat.S_IFREG), inside)


def test_a_place_on_this_machine_whose_directory_is_missing(tmp_path: Path) -> None:
    """It is said of the directory, without what follows it."""
    with pytest.raises(InvalidArgument) as error:
        output_file.check(f"{tmp_path}/new/.")
    assert error.value.message == f"stat {tmp_path}/new: no such file or directory"
    output_file.check(f"{tmp_path}/new")
    output_file.check(f"{tmp_path}/.")
