"""What a proxy hands on from one socket to another: in order, whole, and no more than is taken."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from ipycontainer.network import sctp
from ipycontainer.network.sctp import MessageWay
from ipycontainer.network.ways import ByteWay, Way

ROOM_BYTES = 1 << 16
# linux/sctp.h: kinds of ancillary data, a flag of a message.
SNDINFO, RCVINFO, UNORDERED = 2, 3, 1


class Queue(socket.socket):
    """Packets as messages, of which one that ends with `+` is a part: as an association has them.

    `told` is what is told of each; `sent` keeps what is sent with one, which only SCTP takes.
    """

    told: tuple[tuple[int, int, bytes], ...] = ()
    refusal: OSError | None = None

    def recvmsg_into(self, buffers: Any, *words: Any) -> Any:
        """Say of a packet whether it ends a message."""
        size, _, flags, address = super().recvmsg_into(buffers, *words)
        ends = size and bytes(buffers[0][:size])[-1:] != b"+"
        return size, list(self.told), flags | (socket.MSG_EOR if ends else 0), address

    def sendmsg(self, buffers: Any, ancillary: Any = (), *words: Any) -> int:
        """Keep what is said of a message, and send it, or be refused."""
        if self.refusal is not None:
            raise self.refusal
        self.sent: list[tuple[int, int, bytes]] = list(ancillary)
        return super().sendmsg(buffers, (), *words)


class Ends:
    """A source with its far end, and a target with its own: nobody waits for anybody."""

    def __init__(self, kind: socket.SocketKind) -> None:
        pairs = [socket.socketpair(socket.AF_UNIX, kind) for _ in range(2)]
        (self.client, source), (target, self.server) = pairs
        self.source = Queue(fileno=source.detach())
        self.target = Queue(fileno=target.detach())
        for sock in (self.client, self.source, self.target, self.server):
            sock.setblocking(False)

    def close(self) -> None:
        """Close all four."""
        for sock in (self.client, self.source, self.target, self.server):
            sock.close()


@pytest.fixture
def stream() -> Iterator[Ends]:
    """Two pairs of bytes without bounds."""
    ends = Ends(socket.SOCK_STREAM)
    yield ends
    ends.close()


@pytest.fixture
def packets() -> Iterator[Ends]:
    """Two pairs that keep the bounds of what is sent."""
    ends = Ends(socket.SOCK_SEQPACKET)
    yield ends
    ends.close()


def room() -> memoryview:
    """Return memory for one look."""
    return memoryview(bytearray(ROOM_BYTES))


def read_all(sock: socket.socket) -> bytes:
    """Return what stands in a queue."""
    found = b""
    while True:
        try:
            piece = sock.recv(ROOM_BYTES)
        except BlockingIOError:
            return found
        if not piece:
            return found
        found += piece


def both(stream: Ends, packets: Ends) -> tuple[tuple[Ends, Way], ...]:
    """Return a way of each kind with its ends."""
    return (
        (stream, ByteWay(stream.source, stream.target)),
        (packets, MessageWay(packets.source, packets.target)),
    )


def test_nothing_moves_until_something_comes(stream: Ends, packets: Ends) -> None:
    """A refused call turns the way off; who saw an event turns it on again."""
    for ends, way in both(stream, packets):
        assert not way.move(room())
        assert (way.readable, way.writable, way.done) == (False, True, False)
        ends.client.send(b"hello")
        assert not way.move(room())  # nobody has said so yet
        way.readable = True
        assert way.move(room())
        assert read_all(ends.server) == b"hello"
        assert not way.move(room())


def test_the_end_goes_on_once_all_is_there(stream: Ends, packets: Ends) -> None:
    """What was sent before it comes first; afterwards the way is done for good."""
    for ends, way in both(stream, packets):
        ends.client.send(b"last words")
        ends.client.shutdown(socket.SHUT_WR)
        seen = [(way.move(room()), way.done) for _ in range(2)]
        assert seen == [(True, False), (True, True)]
        assert ends.server.recv(100) == b"last words"
        assert ends.server.recv(100) == b""
        assert not way.move(room())


def test_who_has_gone_already_is_no_error_at_the_end(stream: Ends, packets: Ends) -> None:
    """The target is closed from its far side before the source has ended."""
    for ends, way in both(stream, packets):
        ends.server.close()
        ends.client.shutdown(socket.SHUT_WR)
        assert way.move(room())
        assert way.done


def test_what_the_target_cannot_take_stays_in_the_queue(stream: Ends) -> None:
    """Bytes are dropped from the source as far as they were taken: none twice, none lost."""
    way = ByteWay(stream.source, stream.target)
    sent, received = bytearray(), bytearray()
    piece = bytes(range(256)) * 64
    space = room()
    while way.writable:  # the server reads nothing meanwhile
        with suppress(BlockingIOError):
            sent += piece[: stream.client.send(piece)]
        way.readable = True
        way.move(space)
    assert not way.move(space)
    while len(received) < len(sent):
        received += read_all(stream.server)
        way.readable = way.writable = True
        way.move(space)
    assert received == sent
    assert not way.done


def test_a_message_keeps_its_bounds(packets: Ends) -> None:
    """Two that come close together stay two."""
    way = MessageWay(packets.source, packets.target)
    for text in (b"one", b"two"):
        packets.client.send(text)
    assert way.move(room())
    assert way.move(room())
    assert [packets.server.recv(100) for _ in range(2)] == [b"one", b"two"]


def test_a_message_waits_for_its_last_part(packets: Ends) -> None:
    """Parts are kept by their source, and leave as one."""
    parts: sctp.Parts = {}
    way = MessageWay(packets.source, packets.target, parts=parts)
    for text in (b"first+", b"second+", b"last"):
        packets.client.send(text)
    assert way.move(room())
    assert way.move(room())
    assert read_all(packets.server) == b""
    assert parts == {packets.source.fileno(): b"first+second+"}
    assert way.move(room())
    assert packets.server.recv(100) == b"first+second+last"
    assert parts == {}


def test_parts_of_all_have_a_bound(packets: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends no end is given up, also where others keep most of it."""
    monkeypatch.setattr(sctp, "PARTS_BYTES", 10)
    way = MessageWay(packets.source, packets.target, parts={-1: bytearray(8)})
    packets.client.send(b"xx+")
    with pytest.raises(OSError, match="buffer space") as raised:
        way.move(room())
    assert raised.value.errno == errno.ENOBUFS


def test_a_message_is_tried_again_where_there_was_no_room(packets: Ends) -> None:
    """It stays whole in the source's queue, with the parts that came before it."""
    way = MessageWay(packets.source, packets.target)
    packets.client.send(b"part+")
    assert way.move(room())
    packets.client.send(b"end")
    packets.target.refusal = BlockingIOError()
    assert not way.move(room())
    assert (way.readable, way.writable) == (True, False)
    packets.target.refusal, way.writable = None, True
    assert way.move(room())
    assert packets.server.recv(100) == b"part+end"


def test_who_leaves_is_still_heard(packets: Ends) -> None:
    """A target that takes nothing more has its messages dropped; another refusal ends it."""
    way = MessageWay(packets.source, packets.target)
    packets.client.send(b"too late")
    packets.target.refusal = BrokenPipeError(errno.EPIPE, "broken")
    assert way.move(room())
    assert read_all(packets.source) == b""
    packets.client.send(b"again")
    packets.target.refusal = ConnectionResetError(errno.ECONNRESET, "reset")
    with pytest.raises(ConnectionResetError):
        way.move(room())


def test_stream_order_and_kind_of_a_message_go_on(packets: Ends) -> None:
    """What came as RCVINFO leaves as SNDINFO; flags but that of order stay behind."""
    came = struct.pack("=HHHHIIII", 7, 99, UNORDERED | 0x80, 0, 0x33000000, 1, 1, 5)
    packets.source.told = ((socket.IPPROTO_SCTP, RCVINFO, came), (socket.SOL_SOCKET, 1, b"fd"))
    packets.client.send(b"told of")
    assert MessageWay(packets.source, packets.target).move(room())
    left = struct.pack("=HHIIi", 7, UNORDERED, 0x33000000, 0, 0)
    assert packets.target.sent == [(socket.IPPROTO_SCTP, SNDINFO, left)]
