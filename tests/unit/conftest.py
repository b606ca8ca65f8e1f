"""Fixtures of the unit tests: a home without an engine, and its store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipycontainer.store.database import Store
from ipycontainer.store.home import Home, open_home


@pytest.fixture
def bare_home(tmp_path: Path) -> Iterator[Home]:
    """A home that no process serves."""
    home = open_home(tmp_path / "home")
    yield home
    shutil.rmtree(home.runtime)


@pytest.fixture
def store(bare_home: Home) -> Iterator[Store]:
    """The store of that home, with this thread's connection closed at the end."""
    store = Store(bare_home)
    yield store
    store.close()


@pytest.fixture
def as_root() -> bool:
    """Whether root runs the tests."""
    return os.geteuid() == 0
