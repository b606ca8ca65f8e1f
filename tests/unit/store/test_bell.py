"""The bell."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ipycontainer.store.bell import Bell, ring


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A bell's file."""
    made = tmp_path / "bell"
    made.touch()
    return made


def test_a_ring_wakes_a_waiter(path: Path) -> None:
    """Across threads as across processes."""
    with Bell(path) as bell:
        threading.Timer(0.05, ring, [path]).start()

        assert bell.wait(30)


def test_a_ring_before_the_wait_is_not_lost(path: Path) -> None:
    """And several count as one."""
    with Bell(path) as bell:
        ring(path)
        ring(path)

        assert bell.wait(0)
        assert not bell.wait(0)


def test_no_ring_ends_in_the_time_given(path: Path) -> None:
    """False, and no error; a negative rest of a deadline is none."""
    with Bell(path) as bell:
        assert not bell.wait(0.01)
        assert not bell.wait(-1)


def test_a_bell_that_was_made_anew_still_wakes(path: Path) -> None:
    """The runtime directory was lost and made again."""
    with Bell(path) as bell:
        path.unlink()
        path.touch()
        assert bell.wait(0)
        ring(path)

        assert bell.wait(0)


def test_a_home_that_is_gone_ends_the_wait(path: Path) -> None:
    """The waiter learns it, and ringing there is no error."""
    with Bell(path) as bell:
        path.unlink()
        ring(path)

        with pytest.raises(FileNotFoundError):
            bell.wait(0)


def test_a_missing_bell_leaves_no_descriptor(tmp_path: Path) -> None:
    """The error names what failed."""
    with pytest.raises(FileNotFoundError, match="inotify_add_watch"):
        Bell(tmp_path / "none")
