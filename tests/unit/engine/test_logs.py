"""Following a log, beside monitors that are sockets of the test's."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ipycontainer.engine import logs
from ipycontainer.model.log_range import WHOLE_LOG
from ipycontainer.supervise.log import LogWriter
from ipycontainer.supervise.protocol import Channel


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    """Two ends of a connection: the follower's and the monitor's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    yield Channel(ours), Channel(theirs)
    ours.close()
    theirs.close()


def follower(tmp_path: Path, channel: Channel) -> Any:
    """Return a reader of the log in `tmp_path`, whose monitor answers on `channel`."""
    engine = SimpleNamespace(
        home=SimpleNamespace(container=lambda _: tmp_path),
        supervisor=SimpleNamespace(monitor=lambda _: channel),
    )
    return SimpleNamespace(id="c", engine=engine)


def test_monitor_that_has_just_left_is_the_end_of_the_log(
    tmp_path: Path, ends: tuple[Channel, Channel]
) -> None:
    """A follower that asks too late gets the last lines, not a broken pipe."""
    ours, theirs = ends
    log = LogWriter(str(tmp_path / "log"))
    log.write(b"stdout", b"last\n")
    log.close()
    theirs.close()
    lines = logs.chunks(follower(tmp_path, ours), WHOLE_LOG, follow=True)
    assert [entry.text for entry in lines] == [b"last\n"]
