"""SCTP for the proxy: from one association to another, message by message.

A message has bounds, a stream, a number that tells what is in it, and may be out of order: all of
that goes on (RFC 6458, 5.3.4 and 5.3.5), where docker's proxy hands on the bytes alone.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ipycontainer.network.ways import Ancillary, Way

__all__ = ["PROTOCOL", "MessageWay", "Parts", "offer_streams", "prepare"]

PROTOCOL = socket.IPPROTO_SCTP
PARTS_BYTES = 8 << 20  # of all messages that are here in part
MESSAGE_BYTES = 1 << 20
STREAMS = 1024
# linux/sctp.h: options, kinds of ancillary data, a flag of a message.
_INITMSG, _STATUS, _RECVRCVINFO = 2, 14, 32
_SNDINFO, _RCVINFO = 2, 3
_UNORDERED = 1
_STATUS_BYTES, _STREAMS_AT = 176, 16  # struct sctp_status: streams in, and out
_LEAVING = (errno.EPIPE, errno.ESHUTDOWN)

Parts = dict[int, bytearray]  # by the descriptor from which they came


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
class MessageWay(Way):
    """One direction of an association.

    A message that is longer than the queue comes in parts, and waits in `parts` for its end: what
    is sent is a message. All ways of a proxy share them.
    """

    parts: Parts = field(default_factory=dict)

    def hand_on(self, data: memoryview, told: Sequence[Ancillary], flags: int) -> bool:
        """Hand on a message whose end is there, and keep a part of one."""
        if not flags & socket.MSG_EOR:
            self._keep(data)
        elif not self._send(data, told):
            return False
        self.source.recv_into(data)
        return True

    def _keep(self, part: memoryview) -> None:
        if sum(map(len, self.parts.values())) + len(part) > PARTS_BYTES:
            raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
        self.parts.setdefault(self.source.fileno(), bytearray()).extend(part)

    def _send(self, rest: memoryview, told: Iterable[Ancillary]) -> bool:
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


def _onwards(told: Iterable[Ancillary]) -> Iterable[Ancillary]:
    """Yield what has a message leave as it came, from what was told of it."""
    for level, kind, data in told:
        if (level, kind) == (PROTOCOL, _RCVINFO):
            stream, flags, payload = struct.unpack_from("=H2xH2xI", data)
            sent = struct.pack("=HHIIi", stream, flags & _UNORDERED, payload, 0, 0)
            yield PROTOCOL, _SNDINFO, sent
