"""A bundle directory of the test's own, beside the small image's tree."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.runtime import bundles, isolated


@pytest.fixture
def bundle(busybox_tree: Path) -> Iterator[str]:
    """A directory for a bundle; files of subordinate ids in it are removed at the end."""
    place = tempfile.mkdtemp(prefix="ipyc-runtime-")
    directory = Path(place, "bundle")
    directory.mkdir()
    os.symlink(busybox_tree, Path(place, "tree"))
    yield str(directory)
    isolated.call(isolated.remove_tree, place)
    bundles.remove_cgroups()
