"""SCTP for the proxy: from one association to another, message by message.

A message has bounds, a stream, a number that tells what is in it, and may be out of order: all of
that goes on (RFC 6458, 5.3.4 and 5.3.5), where docker's proxy hands on the bytes alone.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

__all__ = ["PROTOCOL", "Parts", "Way", "offer_streams", "prepare"]

PROTOCOL = socket.IPPROTO_SCTP
PARTS_BYTES = 8 << 20  # of all messages that are here in part
MESSAGE_BYTES = 1 << 20
ANCILLARY_BYTES = 128
STREAMS = 1024
# linux/sctp.h: options, kinds of ancillary data, a flag of a message.
_INITMSG, _STATUS, _RECVRCVINFO = 2, 14, 32
_SNDINFO, _RCVINFO = 2, 3
_UNORDERED = 1
_STATUS_BYTES, _STREAMS_AT = 176, 16  # struct sctp_status: streams in, and out
_LEAVING = (errno.EPIPE, errno.ESHUTDOWN)

Parts = dict[int, bytearray]  # by the descriptor from which they came
_Ancillary = tuple[int, int, bytes]


def offer_streams(listening: socket.socket) -> None:
    """Have clients get as many streams as they take, up to a bound.

    The kernel offers 10, before anybody knows how many the server inside has; each costs memory.
    """
    listening.setsockopt(PROTOCOL, _INITMSG, struct.pack("=HHHH", STREAMS, STREAMS, 0, 0))


def prepare(outer: socket.socket, inner: socket.socket) -> None:
    """Have `inner` ask for as many streams as `outer` has, and both tell of their messages."""
    status = outer.getsockopt(PROTOCOL, _STATUS, _STATUS_BYTES)
    incoming, outgoing = struct.unpack_from("=HH", status, _STREAMS_AT)
    inner.setsockopt(PROTOCOL, _INITMSG, struct.pack("=HHHH", incoming, outgoing, 0, 0))
    for sock in (outer, inner):
        sock.setsockopt(PROTOCOL, _RECVRCVINFO, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MESSAGE_BYTES)


@dataclass(slots=True)
class Way:
    """One direction of an association: what the target cannot take stays in the source's queue.

    A message that is longer than that queue comes in parts, and waits in `parts` for its end: what
    is sent is a message. All ways of a proxy share them.
    """

    source: socket.socket
    target: socket.socket
    parts: Parts
    readable: bool = True  # for all we know: no call of this way was refused since it last was
    writable: bool = True
    done: bool = False

    def move(self, room: memoryview) -> bool:
        """Move a message, or a part; return whether one was. Raises OSError when it is over."""
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
        if not flags & socket.MSG_EOR:
            self._keep(room[:size])
        elif not self._send(room[:size], told):
            return False
        self.source.recv_into(room)
        return True

    def _keep(self, part: memoryview) -> None:
        if sum(map(len, self.parts.values())) + len(part) > PARTS_BYTES:
            raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
        self.parts.setdefault(self.source.fileno(), bytearray()).extend(part)

    def _send(self, rest: memoryview, told: Iterable[_Ancillary]) -> bool:
        """Send a message whose last part this is; False where there is no room for it yet.

        Who has begun to leave takes nothing more, but is still to be heard (RFC 9260, 9.2).
        """
        number = self.source.fileno()
        try:
            self.target.sendmsg([self.parts.get(number, b""), rest], list(_onwards(told)))
        except BlockingIOError:
            self.writable = False
            return False
        except OSError as error:
            if error.errno not in _LEAVING:
                raise
        self.parts.pop(number, None)
        return True


def _onwards(told: Iterable[_Ancillary]) -> Iterable[_Ancillary]:
    """Yield what has a message leave as it came, from what was told of it."""
    for level, kind, data in told:
        if (level, kind) == (PROTOCOL, _RCVINFO):
            stream, flags, payload = struct.unpack_from("=H2xH2xI", data)
            sent = struct.pack("=HHIIi", stream, flags & _UNORDERED, payload, 0, 0)
            yield PROTOCOL, _SNDINFO, sent
