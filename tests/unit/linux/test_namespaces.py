"""Subordinate ids and id maps."""

from __future__ import annotations

from pathlib import Path

from ipycontainer.linux import namespaces
from ipycontainer.linux.namespaces import SubIds


def test_ranges_are_read_by_number_and_skip_nonsense(tmp_path: Path) -> None:
    """Only whole lines of this user count."""
    file = tmp_path / "subuid"
    file.write_text("4242:100000:65536\nother:1:2\n4242:x:3\n4242:9\n\n4242:200000:10\n")
    found = namespaces.read_subids(4242, subuid=str(file), subgid=str(tmp_path / "none"))

    assert found == SubIds(uids=((100000, 65536), (200000, 10)), gids=())


def test_own_id_comes_first_and_ranges_follow() -> None:
    """Inside, the own id is 0 and subordinate ones begin at 1 without a hole."""
    lines = namespaces._line_up(1000, ((100000, 65536), (200000, 10)))

    assert lines == ((0, 1000, 1), (1, 100000, 65536), (65537, 200000, 10))


def test_flags_are_those_of_the_kernel() -> None:
    """Each of OCI's namespaces has a bit of its own."""
    flags = namespaces.FLAGS.values()

    assert len(set(flags)) == len(flags) == 8
    assert all(flag & (flag - 1) == 0 for flag in flags)
