"""The room that a home keeps aside for the day on which its disk is full."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from ipycontainer.errors import ResourceError
from ipycontainer.store import disk_reserve
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home, open_home

SetFree = Callable[[int], None]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home of the test's own."""
    return open_home(tmp_path / "home")


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> SetFree:
    """Let the file system say how many bytes are free."""

    def say(number: int) -> None:
        status = SimpleNamespace(f_bavail=number, f_bsize=1)
        monkeypatch.setattr(os, "statvfs", lambda _: status)

    return say


def test_it_is_kept_where_there_is_plenty(home: Home, free: SetFree) -> None:
    """Its blocks are taken, not a hole; where there is little, nothing is."""
    free(1 << 20)
    disk_reserve.keep(home)
    assert not (home.root / "reserve").exists()
    free(1 << 30)
    disk_reserve.keep(home)
    disk_reserve.keep(home)
    status = (home.root / "reserve").stat()
    assert (status.st_size, status.st_blocks * 512 >= 1 << 20) == (1 << 20, True)


def test_a_transaction_gets_it_where_the_disk_is_full(home: Home, free: SetFree) -> None:
    """And leaves it alone while there is room."""
    free(1 << 30)
    disk_reserve.keep(home)
    with closing(Store(home)) as store:
        with store.write():
            assert (home.root / "reserve").exists()
        free(0)
        with store.write():
            assert not (home.root / "reserve").exists()


def test_a_transaction_that_had_no_room_leaves_it_to_the_next(home: Home, free: SetFree) -> None:
    """The error is docker's words for a full disk, and says what gives room back."""
    free(1 << 30)
    disk_reserve.keep(home)
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    with (
        pytest.raises(ResourceError, match="no space left on device") as caught,
        closing(Store(home)) as store,
        store.write(),
    ):
        raise error
    assert "rm of a container" in caught.value.hint
    assert not (home.root / "reserve").exists()
