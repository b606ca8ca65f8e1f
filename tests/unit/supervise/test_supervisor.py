"""What a client of a monitor makes of an answer that crossed with something else."""

from __future__ import annotations

import socket

import pytest

from ipycontainer.errors import (
    ContainerNotRunning,
    EngineError,
    NoSuchContainer,
    ProtocolError,
)
from ipycontainer.supervise.conversation import ask
from ipycontainer.supervise.protocol import Channel


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"event": "exited", "code": 0}, ContainerNotRunning),
        ({"event": "failed", "error": NoSuchContainer("gone").to_wire()}, NoSuchContainer),
        ({"event": "stat"}, ProtocolError),
        (None, EngineError),
    ],
)
def test_an_answer_that_is_none(answer: dict[str, object] | None, error: type[Exception]) -> None:
    """A program that ends in the moment of a request is not running; that breaks no rule."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        if answer is not None:
            Channel(theirs).send(answer)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(error):
            ask(Channel(ours), {"op": "stop"})
