"""A side child that carries published ports: from sockets of the machine to the container.

As root the kernel itself sends on what comes from outside (network.rules); this is for what it
cannot: the machine's own 127.0.0.1 and ::1. For an ordinary user it carries everything.

Bytes are looked at in one queue, written to the other, and dropped from the first as far as they
were taken: a connection that waits has nothing here, and all share one piece of memory. Pipes and
splice(2) would save the copy, but hand on 256 pages at most (1.5 against 1.8 GiB/s), and a user has
64 MiB of pipes in all, of which each pasta takes 32: later ones hold 64 KiB (half the rate).
"""

from __future__ import annotations

import errno
import mmap
import os
import select
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from ipycontainer.network import sctp
from ipycontainer.network.ways import ANCILLARY_BYTES, Ancillary, ByteWay, Way

__all__ = ["Listener", "serve"]

CHUNK_BYTES = 1 << 20
ROOM_BYTES = 4 << 20
ROUNDS = 32  # of one connection before the others have their turn
UDP_SECONDS = 90  # docker's: how long an answer is still carried back
UDP_CLIENTS = 1024
DATAGRAM_BYTES = 1 << 16
BACKLOG = 64  # connections taken at once, before those that stand have their turn
_IP_PKTINFO, _IPV6_RECVPKTINFO, _IPV6_PKTINFO = 8, 49, 50  # linux/in.h, linux/in6.h


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound socket of the machine, and where in the container it leads."""

    socket: socket.socket
    target: tuple[str, int]

    @property
    def family(self) -> int:
        """Return the target's family: a port of ::1 may lead to an address of IPv4."""
        return socket.AF_INET6 if ":" in self.target[0] else socket.AF_INET


def serve(listeners: Sequence[Listener]) -> None:
    """Carry until the process is ended."""
    _Proxy(listeners).run()


@dataclass(slots=True)
class _Connection:
    """A client of a published port, and what it speaks with inside."""

    outer: socket.socket
    inner: socket.socket
    ways: tuple[Way, Way]
    connected: bool = False


@dataclass(slots=True)
class _UdpClient:
    """Who sends datagrams to a published port; its answers come through `socket`."""

    socket: socket.socket
    address: tuple[str, int]
    asked: tuple[Ancillary, ...]  # at which of the machine's addresses
    listener: Listener
    used: float = field(default_factory=time.monotonic)


def _tell_addresses(sock: socket.socket) -> None:
    """Have each datagram say at which address of this machine it arrived.

    Who asks one address takes no answer from another (ip(7), IP_PKTINFO).
    """
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


def _source(level: int, kind: int, data: bytes) -> Ancillary:
    """Return what has an answer leave by the address that was asked, and any interface."""
    if kind == _IPV6_PKTINFO:
        return level, kind, data[:16] + bytes(4)
    return level, kind, bytes(4) + data[4:8] + bytes(4)


def _widen(sock: socket.socket) -> None:
    """Let a socket of TCP receive more at once than it would by itself.

    The kernel widens it by itself only where more is read within a round trip than before; what is
    drained as fast as it comes stays narrow, and its sender waits (half of the throughput, by
    chance; measured). SO_RCVBUF would be at most net.core.rmem_max, and final; a low-water mark
    makes room (tcp_set_rcvlowat in net/ipv4/tcp.c), which stays when the mark goes.
    """
    for mark in (ROOM_BYTES, 1):
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, mark)


class _Proxy:
    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._epoll = select.epoll()
        self._room = memoryview(mmap.mmap(-1, CHUNK_BYTES))
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._ready: dict[int, _Connection] = {}
        self._parts: sctp.Parts = {}
        self._udp: dict[tuple[int, tuple[str, int], tuple[Ancillary, ...]], _UdpClient] = {}
        self._paused: list[Listener] = []
        for listener in listeners:
            listener.socket.setblocking(False)
            if listener.socket.type == socket.SOCK_DGRAM:
                _tell_addresses(listener.socket)
            self._listen(listener)

    def run(self) -> None:
        """Do what is ready, for ever."""
        while True:
            timeout = 0.0 if self._ready else UDP_SECONDS / 2 if self._udp else -1
            for fd, events in self._epoll.poll(timeout):
                handler = self._handlers.get(fd)
                if handler is not None:
                    handler(events)
            for connection in list(self._ready.values()):
                self._pump(connection)
            self._forget_old_clients()

    def _listen(self, listener: Listener) -> None:
        stream = listener.socket.type == socket.SOCK_STREAM
        handle = self._accept if stream else self._datagram
        self._watch(listener.socket, select.EPOLLIN, lambda _: handle(listener))

    def _watch(self, sock: socket.socket, events: int, handler: Callable[[int], None]) -> None:
        self._handlers[sock.fileno()] = handler
        self._epoll.register(sock.fileno(), events)

    def _drop(self, sock: socket.socket) -> None:
        if self._handlers.pop(sock.fileno(), None) is not None:
            self._epoll.unregister(sock.fileno())
        self._parts.pop(sock.fileno(), None)
        sock.close()

    # ── TCP and SCTP ─────────────────────────────────────────────────────────────────────────

    def _accept(self, listener: Listener) -> None:
        for _ in range(BACKLOG):
            try:
                outer, _ = listener.socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS):
                    self._pause(listener)
                    return
                continue  # this one has gone already
            try:
                self._connect(outer, listener)
            except OSError as error:
                outer.close()
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self._pause(listener)
                    return

    def _pause(self, listener: Listener) -> None:
        """Take nobody more until a connection has ended."""
        self._epoll.unregister(listener.socket.fileno())
        self._paused.append(listener)

    def _connect(self, outer: socket.socket, listener: Listener) -> None:
        protocol = listener.socket.proto
        kind = socket.SOCK_STREAM | socket.SOCK_CLOEXEC
        inner = socket.socket(listener.family, kind, protocol)
        ways: tuple[Way, Way]
        try:
            for sock in (outer, inner):
                sock.setblocking(False)
            if protocol == sctp.PROTOCOL:
                sctp.prepare(outer, inner)
                ways = (
                    sctp.MessageWay(outer, inner, parts=self._parts),
                    sctp.MessageWay(inner, outer, parts=self._parts),
                )
            else:
                _widen(outer)
                _widen(inner)
                ways = (ByteWay(outer, inner), ByteWay(inner, outer))
            with suppress(BlockingIOError):
                inner.connect(listener.target)
        except OSError:
            inner.close()
            raise
        connection = _Connection(outer, inner, ways)
        edges = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
        for source, target in (ways, ways[::-1]):  # the ways that a socket is an end of
            self._watch(source.source, edges, partial(self._wake, connection, source, target))

    def _wake(self, connection: _Connection, source: Way, target: Way, events: int) -> None:
        source.readable = source.readable or bool(events & ~select.EPOLLOUT)
        target.writable = target.writable or bool(events & ~select.EPOLLIN)
        self._ready[connection.outer.fileno()] = connection

    def _pump(self, connection: _Connection) -> None:
        """Move bytes both ways until nothing moves, or it is the turn of others."""
        try:
            if not connection.connected:
                number = connection.inner.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if number:
                    raise OSError(number, os.strerror(number))
                try:
                    connection.inner.getpeername()
                except OSError:  # not yet: it will wake us
                    self._ready.pop(connection.outer.fileno(), None)
                    return
                connection.connected = True
            for _ in range(ROUNDS):
                moved = [way.move(self._room) for way in connection.ways]
                if not any(moved):
                    self._ready.pop(connection.outer.fileno(), None)
                    break
        except OSError:
            self._close(connection)
            return
        if all(way.done for way in connection.ways):
            self._close(connection)

    def _close(self, connection: _Connection) -> None:
        self._ready.pop(connection.outer.fileno(), None)
        for sock in (connection.outer, connection.inner):
            self._drop(sock)
        for listener in self._paused:
            self._epoll.register(listener.socket.fileno(), select.EPOLLIN)
        self._paused.clear()

    # ── UDP ──────────────────────────────────────────────────────────────────────────────────

    def _datagram(self, listener: Listener) -> None:
        for _ in range(ROUNDS):
            try:
                data, told, _, address = listener.socket.recvmsg(DATAGRAM_BYTES, ANCILLARY_BYTES)
            except OSError:
                return
            asked = tuple(_source(*each) for each in told)
            client = self._client(listener, address, asked)
            if client is not None:
                client.used = time.monotonic()
                with suppress(OSError):
                    client.socket.send(data)

    def _client(
        self, listener: Listener, address: tuple[str, int], asked: tuple[Ancillary, ...]
    ) -> _UdpClient | None:
        key = (listener.socket.fileno(), address, asked)
        known = self._udp.get(key)
        if known is not None or len(self._udp) >= UDP_CLIENTS:
            return known
        try:
            sock = socket.socket(listener.family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        except OSError:
            return None
        try:
            sock.setblocking(False)
            sock.connect(listener.target)
        except OSError:
            sock.close()
            return None
        client = self._udp[key] = _UdpClient(sock, address, asked, listener)
        self._watch(sock, select.EPOLLIN, lambda _: self._answer(client))
        return client

    def _answer(self, client: _UdpClient) -> None:
        for _ in range(ROUNDS):
            try:
                data = client.socket.recv(DATAGRAM_BYTES)
                client.listener.socket.sendmsg([data], client.asked, 0, client.address)
            except OSError:  # nothing more, or a refusal that the next datagram will meet again
                return
            client.used = time.monotonic()

    def _forget_old_clients(self) -> None:
        if not self._udp:
            return
        before = time.monotonic() - UDP_SECONDS
        for key, client in list(self._udp.items()):
            if client.used < before:
                del self._udp[key]
                self._drop(client.socket)
