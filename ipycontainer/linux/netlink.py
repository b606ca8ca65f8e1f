"""Netlink: how the kernel is asked about networks, in messages that are sent and acknowledged.

Our own small encoder, since it stands on the way of a start: a library for all of netlink takes
80 ms to import, these few calls one millisecond to make (measured). `rtnetlink` and `nftables` put
their messages together from what is here. Formats: linux/netlink.h, netlink(7).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

__all__ = [
    "ACK",
    "CREATE",
    "DUMP",
    "EXCL",
    "REQUEST",
    "Netlink",
    "Packet",
    "attribute",
    "attributes",
    "nest",
    "number",
    "text",
]

REQUEST, ACK, EXCL, CREATE = 0x1, 0x4, 0x200, 0x400  # linux/netlink.h, NLM_F_*
DUMP = 0x300
NESTED = 0x8000  # NLA_F_NESTED
_TYPE_MASK = 0x3FFF
_ERROR, _DONE = 2, 3  # NLMSG_ERROR, NLMSG_DONE
_SOL_NETLINK, _CAP_ACK, _EXT_ACK = 270, 10, 11  # linux/socket.h, NETLINK_CAP_ACK, NETLINK_EXT_ACK
_ACK_TLVS, _CAPPED = 0x200, 0x100  # NLM_F_ACK_TLVS, NLM_F_CAPPED
_HEADER = struct.Struct("=IHHII")
_BUFFER_BYTES = 1 << 16
_VALUE_BYTES = (1 << 16) - 1 - 4
# The kernel answers within the send(2); only a kernel without the family stays silent.
_PATIENCE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Packet:
    """One message: its kind, its flags besides REQUEST, its body; `what` names it in errors."""

    kind: int
    flags: int
    body: bytes
    what: str = ""


class Netlink:
    """A netlink socket. It belongs for ever to the network namespace that it was made in."""

    def __init__(self, protocol: int, fd: int | None = None) -> None:
        """Open a socket of a protocol (NETLINK_ROUTE 0, NETLINK_NETFILTER 12), or take `fd`."""
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
        if fd is None:
            self._socket = socket.socket(socket.AF_NETLINK, kind, protocol)
            self._socket.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
            self._socket.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
        else:
            self._socket = socket.socket(socket.AF_NETLINK, kind, protocol, fileno=fd)
        self._socket.settimeout(_PATIENCE_SECONDS)
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._socket.fileno()

    def send(self, packets: Sequence[Packet]) -> None:
        """Send several messages in one call, and wait until each has been carried out.

        They are carried out one after the other. Raises OSError for the first that failed, with
        what it was to do as the file name; for a batch of nf_tables none was carried out then.
        """
        first = self._sequence + 1
        waiting: dict[int, Packet] = {}
        data = bytearray()
        for packet in packets:
            self._sequence += 1
            data += _HEADER.pack(
                _HEADER.size + len(packet.body),
                packet.kind,
                packet.flags | REQUEST,
                self._sequence,
                0,
            )
            data += packet.body
            if packet.flags & ACK:
                waiting[self._sequence] = packet
        self._socket.send(data)
        failed: OSError | None = None
        while waiting:
            for kind, flags, sequence, body in self._receive():
                if sequence < first or kind != _ERROR:
                    continue
                done = waiting.pop(sequence, None)
                (code,) = struct.unpack_from("=i", body)
                if code == 0:
                    continue
                if failed is None:
                    what = done.what if done is not None else packets[sequence - first].what
                    failed = _error(-code, what, body if flags & _ACK_TLVS else b"")
                if done is None:  # the batch's own frame: nothing of it will be answered
                    waiting.clear()
        if failed is not None:
            raise failed

    def dump(self, packet: Packet) -> list[tuple[int, bytes]]:
        """Return kind and body of each answer to a question about many things."""
        self._sequence += 1
        header = _HEADER.pack(
            _HEADER.size + len(packet.body), packet.kind, DUMP | REQUEST, self._sequence, 0
        )
        self._socket.send(header + packet.body)
        found: list[tuple[int, bytes]] = []
        while True:
            for kind, flags, sequence, body in self._receive():
                if sequence != self._sequence:
                    continue
                if kind in (_ERROR, _DONE):
                    code = struct.unpack_from("=i", body)[0] if len(body) >= 4 else 0
                    if code < 0:
                        raise _error(-code, packet.what, body if flags & _ACK_TLVS else b"")
                    return found
                found.append((kind, body))

    def ask(self, packet: Packet) -> bytes:
        """Return the body of the one answer to a question. Raises OSError (ENODEV, ENOENT)."""
        self._sequence += 1
        header = _HEADER.pack(
            _HEADER.size + len(packet.body), packet.kind, packet.flags | REQUEST, self._sequence, 0
        )
        self._socket.send(header + packet.body)
        while True:
            for kind, flags, sequence, body in self._receive():
                if sequence != self._sequence:
                    continue
                if kind == _ERROR:
                    (code,) = struct.unpack_from("=i", body)
                    raise _error(-code, packet.what, body if flags & _ACK_TLVS else b"")
                return body

    def _receive(self) -> Iterator[tuple[int, int, int, bytes]]:
        """Yield kind, flags, sequence number and body of the messages of one datagram."""
        data = self._socket.recv(_BUFFER_BYTES)
        at = 0
        while at + _HEADER.size <= len(data):
            length, kind, flags, sequence, _ = _HEADER.unpack_from(data, at)
            if length < _HEADER.size:
                return
            yield kind, flags, sequence, data[at + _HEADER.size : at + length]
            at += (length + 3) & ~3


def _error(number: int, what: str, acknowledgement: bytes) -> OSError:
    """Return the kernel's refusal, with its own words where it has some."""
    said = ""
    if acknowledgement:
        # struct nlmsgerr: the code and the header of what was sent, whose body is left out (CAP)
        for kind, value in attributes(acknowledgement[20:]).items():
            if kind == 1:  # NLMSGERR_ATTR_MSG
                said = value.rstrip(b"\0").decode(errors="replace")
    text_ = os.strerror(number) + (f" ({said})" if said else "")
    return OSError(number, text_, what) if what else OSError(number, text_)


# ── attributes ───────────────────────────────────────────────────────────────────────────────────


def attribute(kind: int, value: bytes) -> bytes:
    """Return an attribute: length, kind, value, padded to four bytes.

    Raises OSError (EMSGSIZE) for what its 16 bits of length cannot say: cut to them, the rest of
    the value would be read as attributes that nobody asked for (CVE-2021-43784).
    """
    if len(value) > _VALUE_BYTES:
        raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def text(kind: int, value: str) -> bytes:
    """Return an attribute that holds a C string."""
    return attribute(kind, value.encode() + b"\0")


def number(kind: int, value: int) -> bytes:
    """Return an attribute that holds 32 bits in this machine's order."""
    return attribute(kind, struct.pack("=I", value))


def nest(kind: int, *parts: bytes) -> bytes:
    """Return an attribute that holds attributes."""
    return attribute(kind | NESTED, b"".join(parts))


def attributes(data: bytes) -> Mapping[int, bytes]:
    """Return the attributes that these bytes hold by kind; of several of one kind the last."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            break
        found[kind & _TYPE_MASK] = data[at + 4 : at + length]
        at += (length + 3) & ~3
    return found
