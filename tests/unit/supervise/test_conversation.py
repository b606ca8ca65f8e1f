"""Whether a request for a monitor was taken by somebody, who may have begun."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from ipycontainer.errors import MonitorLeft, NoSuchContainer
from ipycontainer.supervise import conversation
from ipycontainer.supervise.conversation import NotTaken
from ipycontainer.supervise.protocol import Channel


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ((), NotTaken),
        (("reserved",), NotTaken),
        (("reserved", "taken"), MonitorLeft),
        (("taken",), MonitorLeft),
        (("failed",), NoSuchContainer),
    ],
)
def test_who_died_before_it_answered(answers: Sequence[str], error: type[Exception]) -> None:
    """Only who has not taken the request has surely done nothing."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        for event in answers:
            Channel(theirs).send({"event": event, "error": NoSuchContainer("gone").to_wire()})
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(error):
            conversation.begin(Channel(ours), {"op": "monitor"}, ())


def test_who_died_before_it_was_asked() -> None:
    """There is nobody to send to."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.close()
    with ours, pytest.raises(NotTaken):
        conversation.begin(Channel(ours), {"op": "monitor"}, ())


def test_who_began() -> None:
    """What comes before is not the answer."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        for event in ("reserved", "taken", "started"):
            Channel(theirs).send({"event": event, "pid": 7})
        assert conversation.begin(Channel(ours), {"op": "monitor"}, ()).body["pid"] == 7
