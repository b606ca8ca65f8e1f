"""What a tree comes to: its bytes, each inode once, and its names."""

from __future__ import annotations

import os
from pathlib import Path

from ipycontainer.storage.sizes import tree_files, tree_size


def test_bytes_are_counted_once_and_names_each(tmp_path: Path) -> None:
    """A second name of a file has no bytes of its own; links count, directories do not."""
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(b"x" * 1000)
    os.link(deep / "file", tmp_path / "again")
    (tmp_path / "link").symlink_to("nowhere")
    assert tree_size(tmp_path) == 1000 + len("nowhere")
    assert tree_files(tmp_path) == 3
    assert (tree_size(tmp_path / "none"), tree_files(tmp_path / "none")) == (0, 0)
