"""The lowest layer of a `host` container, written into a temporary directory."""

from __future__ import annotations

import stat
from pathlib import Path

from ipycontainer.images import skeleton


def test_skeleton_has_the_modes_it_was_asked_for(tmp_path: Path) -> None:
    """Modes hold whatever the umask is, also those that forbid further entries."""
    root = skeleton.make(
        tmp_path, {"/a": 0o555, "/a/b": 0o1777}, {"/a/l": "b"}, {"/a/b/f": b"text"}
    )
    assert stat.S_IMODE((root / "a").stat().st_mode) == 0o555
    assert stat.S_IMODE((root / "a/b").stat().st_mode) == 0o1777
    assert (root / "a/l/f").read_bytes() == b"text"


def test_same_content_is_made_once(tmp_path: Path) -> None:
    """Containers of one environment share a skeleton, those of another do not."""
    first = skeleton.make(tmp_path, {"/a": 0o755}, {}, {})
    assert skeleton.make(tmp_path, {"/a": 0o755}, {}, {}) == first
    assert skeleton.make(tmp_path, {"/a": 0o700}, {}, {}) != first
    assert len(list(tmp_path.iterdir())) == 2
