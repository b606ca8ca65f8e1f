"""Who talks with a monitor: accepts clients, takes their messages, sends answers.

A client that leaves, does not read or breaks the protocol is dropped; it never holds the monitor
up. What a message means is the monitor's business.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ipycontainer.errors import EngineError, ProtocolError, ResourceError
from ipycontainer.supervise.loop import READ, Loop
from ipycontainer.supervise.protocol import Channel, Message, check_peer, listen

__all__ = ["Clients"]


class Clients:
    """The clients of one monitor. `do` is called with each message and may raise EngineError."""

    def __init__(self, loop: Loop, path: Path, do: Callable[[Channel, Message], None]) -> None:
        self._loop = loop
        self._path = path
        self._do = do
        self._channels: dict[int, Channel] = {}
        self._departures: dict[int, Callable[[], None]] = {}
        self._socket: socket.socket | None = None

    def listen(self) -> None:
        """Let everybody of our user connect, from now on."""
        if self._socket is not None:
            return
        self._socket = listen(str(self._path))
        self._loop.watch(self._socket.fileno(), READ, self._accept)

    def join(self, channel: Channel) -> None:
        """Listen to a client until it leaves."""
        channel.socket.setblocking(False)
        self._channels[channel.fileno()] = channel
        self._loop.watch(channel.fileno(), READ, lambda: self._answer(channel))

    def when_gone(self, channel: Channel, do: Callable[[], None]) -> None:
        """Call `do` once when a client has left, whether it said so or was killed."""
        self._departures[channel.fileno()] = do

    def tell(self, channel: Channel, body: Mapping[str, Any]) -> None:
        """Send, or drop a client that has left or does not read."""
        try:
            channel.send(body)
        except OSError:
            self._leave(channel)

    def tell_all(self, body: Mapping[str, Any]) -> None:
        """Send to every client."""
        for channel in list(self._channels.values()):
            self.tell(channel, body)

    def drop(self) -> None:
        """Let go of all clients, who see an end, and wait for new ones."""
        for channel in list(self._channels.values()):
            self._leave(channel)

    def hide(self) -> None:
        """Take the socket's name away: nobody new can connect.

        Under the container's lock: without it, the name may be that of the next monitor's socket.
        """
        if self._socket is not None:
            with suppress(FileNotFoundError):
                os.unlink(self._path)

    def close(self) -> None:
        """Let the clients see that all is done."""
        if self._socket is not None:
            self._socket.close()
        for channel in self._channels.values():
            channel.close()

    def _accept(self) -> None:
        assert self._socket is not None
        try:
            sock, _ = self._socket.accept()
        except BlockingIOError:
            return
        try:
            check_peer(sock)
        except ProtocolError as error:
            print(error, file=sys.stderr, flush=True)
            sock.close()
            return
        self.join(Channel(sock))

    def _leave(self, channel: Channel) -> None:
        self._loop.forget(channel.fileno())
        departure = self._departures.pop(channel.fileno(), None)
        if self._channels.pop(channel.fileno(), None) is not None:
            channel.close()
        if departure is not None:
            departure()

    def _answer(self, channel: Channel) -> None:
        try:
            message = channel.receive()
        except BlockingIOError:
            return
        except (ProtocolError, OSError) as error:
            print(error, file=sys.stderr, flush=True)
            message = None
        if message is None:
            self._leave(channel)
            return
        try:
            self._do(channel, message)
        except EngineError as error:
            message.close_fds()
            self.tell(channel, {"event": "failed", "error": error.to_wire()})
        except OSError as error:
            message.close_fds()
            refusal = ResourceError(f"{message.name}: {error.strerror or error}")
            self.tell(channel, {"event": "failed", "error": refusal.to_wire()})
        except (KeyError, TypeError, ValueError) as error:
            message.close_fds()
            broken = ProtocolError(f"{message.name} is not as the protocol says: {error!r}")
            self.tell(channel, {"event": "failed", "error": broken.to_wire()})
