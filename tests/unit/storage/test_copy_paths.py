"""Paths of `cp` on this machine's side."""

from __future__ import annotations

from pathlib import Path

from ipycontainer.storage import copy_paths


def test_the_first_part_that_is_missing_is_named(tmp_path: Path) -> None:
    """With its directories resolved, as Go's EvalSymlinks does; docker adds a slash to the root."""
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to("in")
    assert copy_paths.first_missing(f"{tmp_path}/link/gone") == f"{tmp_path}/in/gone"
    assert copy_paths.first_missing(f"{tmp_path}/gone/further/x") == f"{tmp_path}/gone"
    assert copy_paths.first_missing("/no-such-entry-of-a-root") == "//no-such-entry-of-a-root"
