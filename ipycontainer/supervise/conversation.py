"""What an engine says to a monitor or worker, and what it makes of the answer.

A request is answered by one message, or by the error that came instead. The request for a monitor
has one answer more: that it was taken. Who dies before that has done nothing, and another one can
be asked; who dies later may have started the program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ipycontainer.errors import ContainerNotRunning, MonitorLeft, ProtocolError, from_wire
from ipycontainer.supervise.protocol import Channel, Message

__all__ = ["NotTaken", "ask", "begin", "expect"]


class NotTaken(Exception):
    """Nobody has taken the request, and nothing was done: it can be asked again."""


def ask(channel: Channel, body: Mapping[str, Any], fds: Sequence[int] = ()) -> Message:
    """Send a request and return the answer, `done` or `started`; raises the error that came.

    ContainerNotRunning when the monitor has left before it answered: its container has ended.
    """
    try:
        channel.send(body, fds)
        return expect(channel, "done", "started")
    except (ConnectionError, MonitorLeft):
        raise ContainerNotRunning("the container has ended") from None


def begin(channel: Channel, body: Mapping[str, Any], fds: Sequence[int]) -> Message:
    """Ask for a monitor, and return its `started`; raises the error that came, or NotTaken."""
    taken = False
    try:
        channel.send(body, fds)
        while (answer := expect(channel, "started", "taken", "reserved")).name != "started":
            taken = taken or answer.name == "taken"
    except (ConnectionError, MonitorLeft):
        if taken:
            raise
        raise NotTaken from None
    return answer


def expect(channel: Channel, *events: str) -> Message:
    """Return the next message, which must tell one of `events`; raises the error that came.

    ContainerNotRunning when the program's end has crossed the request, MonitorLeft when the other
    process died: the state in the store says more.
    """
    message = channel.receive()
    if message is None:
        raise MonitorLeft("the container's monitor died before it answered")
    if message.name == "failed":
        raise from_wire(dict(message.body["error"]))
    if message.name not in events:
        message.close_fds()
        if message.name == "exited":
            raise ContainerNotRunning("the container has ended")
        raise ProtocolError(f"{message.name!r} came where {events} was expected")
    return message
