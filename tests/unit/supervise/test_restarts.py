"""Docker's restart policies, without a container."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipycontainer.supervise.restarts import STOPPED_MARK, Restarts


def policy(directory: Path, name: str, limit: int = 0) -> Restarts:
    """Return the restarts of a container whose directory this is."""
    return Restarts({"restart": name, "restart_limit": limit}, directory)


def test_pauses_double_up_to_a_minute(tmp_path: Path) -> None:
    """A tenth of a second at first, and at first again after a run of ten seconds."""
    restarts = policy(tmp_path, "always")
    pauses = [restarts.pause_before_next(1, 0.5) for _ in range(12)]
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert pauses[-1] == 60.0
    assert restarts.pause_before_next(1, 10.0) == 0.1


@pytest.mark.parametrize(
    ("name", "limit", "codes", "again"),
    [
        ("no", 0, [1], [False]),
        ("always", 0, [0, 1], [True, True]),
        ("unless-stopped", 0, [0, 137], [True, True]),
        ("on-failure", 0, [1, 1, 0], [True, True, False]),
        ("on-failure", 2, [1, 1, 1], [True, True, False]),
    ],
)
def test_who_begins_again(
    tmp_path: Path, name: str, limit: int, codes: list[int], again: list[bool]
) -> None:
    """By policy, code and count."""
    restarts = policy(tmp_path, name, limit)
    assert [restarts.pause_before_next(code, 1) is not None for code in codes] == again


@pytest.mark.parametrize(("name", "again"), [("always", True), ("unless-stopped", False)])
def test_a_signal_that_is_no_stop(tmp_path: Path, name: str, again: bool) -> None:
    """A program that a HUP ends begins again, unless the policy minds every hand."""
    restarts = policy(tmp_path, name)
    restarts.stopped_by_hand(for_good=False)
    assert (restarts.pause_before_next(129, 1) is not None) is again


def test_a_stop_is_remembered_until_the_next_start(tmp_path: Path) -> None:
    """For a reboot, which must not take up what somebody had stopped."""
    restarts = policy(tmp_path, "unless-stopped")
    restarts.stopped_by_hand()
    assert restarts.pause_before_next(0, 1) is None
    assert (tmp_path / STOPPED_MARK).exists()
    policy(tmp_path, "unless-stopped")
    assert not (tmp_path / STOPPED_MARK).exists()
