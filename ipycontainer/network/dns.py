"""DNS messages, as far as a resolver of names of containers reads and writes them (RFC 1035).

What comes from a container may be anything: reading never loops, never looks beyond the message,
and raises ValueError for what is no plain question. Pure.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "AAAA",
    "MX",
    "OURS",
    "PTR",
    "SRV",
    "A",
    "Answer",
    "Query",
    "answer",
    "failure",
    "pointer_address",
    "question_of",
    "read",
    "truncated",
]

A, PTR, MX, AAAA, SRV, OPT = 1, 12, 15, 28, 33, 41  # RFC 1035, 2782, 3596, 6891
OURS = (A, AAAA, PTR, MX, SRV)  # what names of containers are asked for; MX and SRV have nothing
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
TTL_SECONDS = 600  # docker's
PLAIN_BYTES = 512  # what a client can take over UDP without saying so (RFC 1035, 4.2.1)
_HEADER = struct.Struct(">HHHHHH")
_RESPONSE, _AUTHORITATIVE, _CUT = 0x8000, 0x0400, 0x0200
_RECURSION_WANTED, _RECURSION_HERE = 0x0100, 0x0080
_OPCODE = 0x7800
_IN = 1
_NAME_BYTES = 255


@dataclass(frozen=True, slots=True)
class Query:
    """A question: `name` in lower case without the last dot, `space` the bytes of an answer."""

    id: int
    flags: int
    name: str
    type: int
    question: bytes
    space: int = PLAIN_BYTES


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a name: addresses, or for PTR names."""

    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def read(message: bytes) -> Query:
    """Return the one question of a message. Raises ValueError for anything else."""
    if len(message) < _HEADER.size:
        raise ValueError("too short")
    identity, flags, questions, answers, authorities, additional = _HEADER.unpack_from(message)
    if flags & _RESPONSE or flags & _OPCODE or questions != 1 or answers or authorities:
        raise ValueError("not a plain question")
    name, end = _name(message, _HEADER.size)
    if end + 4 > len(message):
        raise ValueError("cut")
    kind, family = struct.unpack_from(">HH", message, end)
    if family != _IN:
        raise ValueError("not of the Internet")
    space = _space(message, end + 4) if additional == 1 else PLAIN_BYTES
    return Query(identity, flags, name, kind, message[_HEADER.size : end + 4], space)


def question_of(message: bytes) -> bytes:
    """Return the bytes of an answer's question, to compare; ValueError where there is none."""
    if len(message) < _HEADER.size or _HEADER.unpack_from(message)[2] != 1:
        raise ValueError("no question")
    _, end = _name(message, _HEADER.size)
    if end + 4 > len(message):
        raise ValueError("cut")
    return message[_HEADER.size : end + 4]


def _name(message: bytes, at: int) -> tuple[str, int]:
    """Return a name and where it ends. Pointers have no place in a question."""
    labels: list[str] = []
    start = at
    while True:
        if at >= len(message):
            raise ValueError("cut")
        length = message[at]
        at += 1
        if length == 0:
            return ".".join(labels).lower(), at
        if length > 63 or at + length > len(message) or at + length - start > _NAME_BYTES:
            raise ValueError("broken name")
        labels.append(message[at : at + length].decode("latin-1"))
        at += length


def _space(message: bytes, at: int) -> int:
    """Return how much a client takes over UDP, from its OPT record (RFC 6891, 6.1.2)."""
    if at + 11 > len(message) or message[at] != 0:
        return PLAIN_BYTES
    kind, size = struct.unpack_from(">HH", message, at + 1)
    return max(size, PLAIN_BYTES) if kind == OPT else PLAIN_BYTES


def answer(query: Query, found: Answer) -> bytes:
    """Return what is known, of the type that was asked for; a known name without one is empty."""
    records = []
    for text in found.addresses:
        address = ipaddress.ip_address(text)
        kind = A if address.version == 4 else AAAA
        if query.type == kind:
            records.append(_record(kind, address.packed))
    if query.type == PTR:
        records += (_record(PTR, _packed(name)) for name in found.names)
    return _head(query, NOERROR, len(records)) + query.question + b"".join(records)


def failure(query: Query, code: int = SERVFAIL) -> bytes:
    """Return that there is no answer."""
    return _head(query, code, 0) + query.question


def truncated(query: Query, message: bytes) -> bytes:
    """Return an answer as it fits a datagram: too long a one says only to come back by TCP."""
    if len(message) <= query.space:
        return message
    identity, flags, *_ = _HEADER.unpack_from(message)
    return _HEADER.pack(identity, flags | _CUT, 1, 0, 0, 0) + query.question


def pointer_address(name: str) -> str:
    """Return the address that a PTR question asks for, "" for another name."""
    labels = name.split(".")
    try:
        if name.endswith(".in-addr.arpa"):
            return str(ipaddress.IPv4Address(".".join(reversed(labels[:-2]))))
        if name.endswith(".ip6.arpa"):
            digits = "".join(reversed(labels[:-2]))
            return str(ipaddress.IPv6Address(bytes.fromhex(digits)))
    except ValueError:
        pass
    return ""


def _head(query: Query, code: int, answers: int) -> bytes:
    flags = _RESPONSE | _RECURSION_HERE | query.flags & _RECURSION_WANTED | code
    return _HEADER.pack(query.id, flags, 1, answers, 0, 0)


def _record(kind: int, data: bytes) -> bytes:
    # 0xC00C: the name of the question, which begins behind the header (RFC 1035, 4.1.4)
    return struct.pack(">HHHIH", 0xC00C, kind, _IN, TTL_SECONDS, len(data)) + data


def _packed(name: str) -> bytes:
    labels: Sequence[bytes] = [label.encode("latin-1")[:63] for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
