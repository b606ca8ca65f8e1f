"""One direction of a connection that a proxy carries: what the target cannot take stays queued.

What comes is looked at in the source's queue first, and dropped from it as far as it was handed on:
a connection that waits has nothing here. How it is handed on is each protocol's.
"""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

__all__ = ["Ancillary", "ByteWay", "Way"]

ANCILLARY_BYTES = 128

Ancillary = tuple[int, int, bytes]


@dataclass(slots=True)
class Way(ABC):
    """A source and a target, both of which do not block."""

    source: socket.socket
    target: socket.socket
    readable: bool = True  # for all we know: no call of this way was refused since it last was
    writable: bool = True
    done: bool = False

    def move(self, room: memoryview) -> bool:
        """Move what can be moved; return whether anything was. Raises OSError when it is over."""
        if self.done or not (self.readable and self.writable):
            return False
        try:
            size, told, flags, _ = self.source.recvmsg_into(
                [room], ANCILLARY_BYTES, socket.MSG_PEEK
            )
        except BlockingIOError:
            self.readable = False
            return False
        if not size:
            self.done = True
            with suppress(OSError):
                self.target.shutdown(socket.SHUT_WR)
            return True
        return self.hand_on(room[:size], told, flags)

    @abstractmethod
    def hand_on(self, data: memoryview, told: Sequence[Ancillary], flags: int) -> bool:
        """Hand on what stands first in the queue, and drop it there; return whether anything was.

        With what was told of it, and recvmsg(2)'s flags. `data` may be written to afterwards. Where
        the target takes no more, `writable` is off.
        """


@dataclass(slots=True)
class ByteWay(Way):
    """Bytes without bounds, as TCP has them."""

    def hand_on(self, data: memoryview, told: Sequence[Ancillary], flags: int) -> bool:
        """Hand on as many bytes as the target takes."""
        try:
            sent = self.target.send(data)
        except BlockingIOError:
            sent = 0
        self.writable = sent == len(data)
        if sent:
            self.source.recv_into(data, sent, socket.MSG_TRUNC)  # dropped, not copied (tcp(7))
        return sent > 0
