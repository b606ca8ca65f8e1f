"""Files of a cell that nobody needs any more: large ones go at once, and nothing else does."""

from __future__ import annotations

from pathlib import Path

from kernel_ext.spent_files import SpentFiles

LARGE = bytes(1 << 20)


def test_large_files_are_gone_when_all_is_done(tmp_path: Path) -> None:
    """By directory and by name; a missing one is no error, a small one goes with its directory."""
    (tmp_path / "in").mkdir()
    for name in ("in/0", "in/1", "result"):
        (tmp_path / name).write_bytes(LARGE)
    (tmp_path / "in" / "manifest.json").write_bytes(b"{}")

    with SpentFiles() as spent:
        for name in ("in", "result", "nothing"):
            spent.add(tmp_path / name)

    assert [path.name for path in tmp_path.rglob("*")] == ["in", "manifest.json"]


def test_a_link_is_deleted_never_what_it_leads_to(tmp_path: Path) -> None:
    """What a container has put in the place of its result changes nothing elsewhere."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_bytes(LARGE)
    (tmp_path / "directory").symlink_to(tmp_path / "kept")
    (tmp_path / "file").symlink_to(tmp_path / "kept" / "file")

    with SpentFiles() as spent:
        spent.add(tmp_path / "directory")
        spent.add(tmp_path / "file")

    assert (tmp_path / "kept" / "file").read_bytes() == LARGE
