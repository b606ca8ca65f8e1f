"""Trees are parted around mount points, whatever lies where."""

from __future__ import annotations

import os
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.images.machine import Entry
from ipycontainer.images.parting import part
from ipycontainer.model.paths import is_inside, is_inside_any, parents

NAMES = st.sampled_from("abc")
FILES = st.lists(st.lists(NAMES, min_size=2, max_size=5).map("/".join), min_size=1, max_size=30)


@given(FILES, st.data())
def test_all_beside_mount_points_is_shown_once_and_no_tree_holds_one(
    names: list[str], data: st.DataObject
) -> None:
    """Each file lies in one tree or is bound, but for what hides below a mount point."""
    files = {f"/t/{name}/file" for name in names}
    directories = {parent for path in files for parent in parents(path)} | {"/t"}
    points = data.draw(st.sets(st.sampled_from(sorted(directories - {"/t"} | files))))

    def look(directory: str) -> Iterable[Entry]:
        for path in sorted(directories | files):
            if os.path.dirname(path) == directory:
                yield Entry(path, path in directories)

    found = part(("/t",), points, look)
    assert not any(is_inside(point, tree) for point in points for tree in found.trees)
    shown = {path for path in files if path not in points and not is_inside_any(path, points)}
    for path in shown:
        trees = [tree for tree in found.trees if is_inside(path, tree)]
        assert len(trees) + (path in found.files) == 1
    assert found.whole == ()
