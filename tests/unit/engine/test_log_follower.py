"""Following a log without blocking: nothing is left out unless somebody asks for that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ipycontainer.engine.log_follower import LogFollower
from ipycontainer.errors import ContainerNotRunning
from ipycontainer.model.log_range import LogRange
from ipycontainer.supervise.log import LogWriter

LINES = 60_000  # of 100 bytes


@pytest.fixture
def follow(tmp_path: Path) -> Callable[..., LogFollower]:
    """Follow the log of a container that has ended."""

    def monitor(_: str) -> None:
        raise ContainerNotRunning("it has ended")

    engine = SimpleNamespace(
        home=SimpleNamespace(container=lambda _: tmp_path),
        supervisor=SimpleNamespace(monitor=monitor),
    )
    container: Any = SimpleNamespace(id="0" * 64, name="box", engine=engine)
    return lambda **wanted: LogFollower(container, LogRange(**wanted))


def written(tmp_path: Path, *, close: bool = True) -> bytes:
    """Write some megabytes, a chunk at a time, whose last line has no end; return them."""
    log = LogWriter(str(tmp_path / "log"))
    text = b"".join(b"%099d\n" % number for number in range(LINES)) + b"end"
    for at in range(0, len(text), 60_000):
        log.write(b"stdout", text[at : at + 60_000])
    if close:
        log.close()
    return text


def all_of(follower: LogFollower) -> list[Any]:
    """Read until there is nothing."""
    found: list[Any] = []
    while entries := follower.read():
        found += entries
    return found


def test_a_long_log_is_read_from_its_beginning(
    tmp_path: Path, follow: Callable[..., LogFollower]
) -> None:
    """Every line comes, one by one, the last without its end."""
    text = written(tmp_path)
    found = all_of(follow())
    assert len(found) == LINES + 1
    assert b"".join(entry.text for entry in found) == text


def test_lines_that_are_not_wanted_do_not_end_it(
    tmp_path: Path, follow: Callable[..., LogFollower]
) -> None:
    """However many come before the first that is."""
    text = written(tmp_path)
    times = [entry.time_ns for entry in all_of(follow())]
    since_ns = times[-1]
    found = all_of(follow(since_ns=since_ns))
    assert 0 < len(found) == sum(time_ns >= since_ns for time_ns in times)
    assert text.endswith(b"".join(entry.text for entry in found))


@pytest.mark.parametrize("closed", [True, False], ids=["ended", "killed"])
@pytest.mark.parametrize("tail", [1, 3, 50_000])
def test_the_last_lines_are_as_many_as_were_asked_for(
    tmp_path: Path, follow: Callable[..., LogFollower], tail: int, closed: bool
) -> None:
    """Among them the one without an end, whether the log says that it ended there or not."""
    text = written(tmp_path, close=closed)
    found = all_of(follow(tail=tail))
    assert b"".join(entry.text for entry in found) == b"".join(text.splitlines(True)[-tail:])
