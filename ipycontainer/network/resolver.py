"""The embedded resolver: a side child that answers a container's questions at 127.0.0.11.

It reads what a container sends, so it can do nothing but that: it has the two sockets that init
opened inside, sockets to the servers outside that the monitor made, and one to ask the monitor for
names, a question at a time. Neither a broken message nor a flood reaches anybody else.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ipycontainer.network import dns
from ipycontainer.network.dns import Answer, Query

__all__ = ["Resolver"]

WAITING = 128  # questions that wait for the monitor; more are dropped, as any full queue does
FORWARDED = 512
SERVER_SECONDS = 3
CLIENTS = 32  # by TCP
CLIENT_SECONDS = 10
MESSAGE_BYTES = 1 << 16
TAKEN = 64  # datagrams in a row, before others have their turn

Reply = Callable[[bytes], None]

_NOT_TO_BE_ASKED = Answer()  # what the monitor says of a name, by false, that nobody may ask for


@dataclass(slots=True)
class _Forwarded:
    """A question that one server after another is asked, and how its answer goes back."""

    query: Query
    raw: bytes
    reply: Reply
    server: int
    deadline: float


@dataclass(slots=True)
class _Client:
    """Somebody who asks by a stream: what is read of the question, what is left of the answer."""

    socket: socket.socket
    deadline: float
    data: bytearray = field(default_factory=bytearray)
    out: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class _Upstream:
    """A question that goes to a server by a stream, for an answer that is too large otherwise."""

    socket: socket.socket
    query: Query
    reply: Reply
    deadline: float
    out: bytearray
    data: bytearray = field(default_factory=bytearray)


class Resolver:
    """Answers by `datagrams` and `streams` (inside), knows by `monitor`, asks `servers`.

    `servers` are connected sockets of UDP. By TCP the monitor connects, and hands the socket over.
    """

    def __init__(
        self,
        datagrams: socket.socket,
        streams: socket.socket,
        monitor: socket.socket,
        servers: Sequence[socket.socket],
    ) -> None:
        self._datagrams = datagrams
        self._streams = streams
        self._monitor = monitor
        self._servers = servers
        self._lookups: deque[tuple[str, Callable[[Answer | None, int], None]]] = deque()
        self._asking: Callable[[Answer | None, int], None] | None = None
        self._forwarded: OrderedDict[int, _Forwarded] = OrderedDict()
        self._clients: dict[int, _Client] = {}
        self._upstreams: dict[int, _Upstream] = {}
        self._epoll = select.epoll()
        for sock in (datagrams, streams, monitor, *servers):
            sock.setblocking(False)
            self._epoll.register(sock.fileno(), select.EPOLLIN)

    def serve(self) -> None:
        """Answer until the monitor ends."""
        numbers = {server.fileno(): index for index, server in enumerate(self._servers)}
        while True:
            for fd, events in self._epoll.poll(1.0 if self._has_deadlines() else -1):
                if fd == self._datagrams.fileno():
                    self._take_datagrams()
                elif fd == self._streams.fileno():
                    self._take_client()
                elif fd == self._monitor.fileno():
                    if not self._take_knowledge():
                        self._hang_up()
                        return
                elif fd in numbers:
                    self._take_answers(numbers[fd])
                elif fd in self._clients:
                    self._take_stream(self._clients[fd], events)
                elif fd in self._upstreams:
                    self._take_upstream(self._upstreams[fd])
            self._give_up_late()

    def _hang_up(self) -> None:
        for client in list(self._clients.values()):
            self._drop(client)

    def _has_deadlines(self) -> bool:
        return bool(self._forwarded or self._clients or self._upstreams)

    # ── questions ────────────────────────────────────────────────────────────────────────────

    def _take_datagrams(self) -> None:
        for _ in range(TAKEN):
            try:
                message, address = self._datagrams.recvfrom(MESSAGE_BYTES)
            except OSError:
                return
            try:
                query = dns.read(message)
            except ValueError:
                continue  # who cannot ask gets no answer: an answer could be reflected

            def reply(
                said: bytes, query: Query = query, address: tuple[str, int] = address
            ) -> None:
                with suppress(OSError):
                    self._datagrams.sendto(dns.truncated(query, said), address)

            self._resolve(query, message, reply, by_tcp=False)

    def _resolve(self, query: Query, raw: bytes, reply: Reply, *, by_tcp: bool) -> None:
        """Ask the monitor of the name; what it does not know goes to the servers, if it may.

        So does every other type of question, as with docker: the monitor is asked of nothing then.
        """
        ours = query.type in dns.OURS
        address = dns.pointer_address(query.name) if query.type == dns.PTR else ""

        def known(found: Answer | None, _: int) -> None:
            if found is None:
                self._forward(query, raw, reply, by_tcp)
            elif found is _NOT_TO_BE_ASKED:
                reply(dns.failure(query))
            else:
                reply(dns.answer(query, found))

        if query.type == dns.PTR or not ours:
            self._ask(f"P{address}", known)
        else:
            self._ask(f"N{query.name}", known)

    # ── the monitor ──────────────────────────────────────────────────────────────────────────

    def _ask(self, question: str, then: Callable[[Answer | None, int], None]) -> None:
        if len(self._lookups) < WAITING:
            self._lookups.append((question, then))
            self._ask_next()

    def _ask_next(self) -> None:
        if self._asking is None and self._lookups:
            question, self._asking = self._lookups.popleft()
            self._monitor.send(question.encode("utf-8", "replace")[:512])

    def _take_knowledge(self) -> bool:
        message, fds, _, _ = socket.recv_fds(self._monitor, MESSAGE_BYTES, 1)
        if not message:
            return False
        then, self._asking = self._asking, None
        if then is not None:
            raw = json.loads(message)
            found = None if raw is None else _NOT_TO_BE_ASKED
            if isinstance(raw, dict):
                found = Answer(tuple(raw.get("addresses", ())), tuple(raw.get("names", ())))
            then(found, fds[0] if fds else -1)
        self._ask_next()
        return True

    # ── servers ──────────────────────────────────────────────────────────────────────────────

    def _forward(self, query: Query, raw: bytes, reply: Reply, by_tcp: bool) -> None:
        if not self._servers:
            reply(dns.failure(query))
        elif by_tcp:
            self._ask("T0", lambda _, fd: self._forward_by_tcp(query, raw, reply, fd))
        else:
            asked = _Forwarded(query, raw, reply, -1, 0)
            self._send_on(asked)

    def _send_on(self, asked: _Forwarded) -> None:
        """Ask the next server; after the last one there is no answer."""
        asked.server += 1
        if asked.server >= len(self._servers):
            asked.reply(dns.failure(asked.query))
            return
        if len(self._forwarded) >= FORWARDED:
            self._forwarded.popitem(last=False)
        number = _drawn()
        while number in self._forwarded:
            number = _drawn()
        asked.deadline = time.monotonic() + SERVER_SECONDS
        self._forwarded[number] = asked
        try:
            self._servers[asked.server].send(struct.pack(">H", number) + asked.raw[2:])
        except OSError:
            del self._forwarded[number]
            self._send_on(asked)

    def _take_answers(self, server: int) -> None:
        for _ in range(TAKEN):
            try:
                message = self._servers[server].recv(MESSAGE_BYTES)
            except BlockingIOError:
                return
            except OSError:  # nobody listens there
                for number, asked in list(self._forwarded.items()):
                    if asked.server == server:
                        del self._forwarded[number]
                        self._send_on(asked)
                return
            number = int.from_bytes(message[:2], "big")
            found = self._forwarded.get(number)
            try:
                fits = found is not None and found.server == server and _same(found.query, message)
            except ValueError:
                continue
            if found is not None and fits:
                del self._forwarded[number]
                found.reply(struct.pack(">H", found.query.id) + message[2:])

    def _give_up_late(self) -> None:
        now = time.monotonic()
        for number, asked in list(self._forwarded.items()):
            if asked.deadline > now:
                break
            del self._forwarded[number]
            self._send_on(asked)
        for upstream in [u for u in self._upstreams.values() if u.deadline < now]:
            self._end_upstream(upstream, b"")
        for client in [c for c in self._clients.values() if c.deadline < now]:
            self._drop(client)

    # ── TCP ──────────────────────────────────────────────────────────────────────────────────

    def _take_client(self) -> None:
        with suppress(OSError):
            sock, _ = self._streams.accept()
            if len(self._clients) >= CLIENTS:
                sock.close()
                return
            sock.setblocking(False)
            client = _Client(sock, time.monotonic() + CLIENT_SECONDS)
            self._clients[sock.fileno()] = client
            self._epoll.register(sock.fileno(), select.EPOLLIN)

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.socket.fileno(), None) is not None:
            self._epoll.unregister(client.socket.fileno())
            client.socket.close()

    def _take_stream(self, client: _Client, events: int) -> None:
        try:
            if events & select.EPOLLOUT:
                self._flush(client)
                return
            data = client.socket.recv(MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data or len(client.data) > 4 * MESSAGE_BYTES:
            self._drop(client)
            return
        client.data += data
        while len(client.data) >= 2:
            end = 2 + int.from_bytes(client.data[:2], "big")
            if len(client.data) < end:
                return
            message = bytes(client.data[2:end])
            del client.data[:end]
            try:
                query = dns.read(message)
            except ValueError:
                self._drop(client)
                return

            def reply(said: bytes, client: _Client = client) -> None:
                if self._clients.get(client.socket.fileno()) is client:
                    client.out += len(said).to_bytes(2, "big") + said
                    self._flush(client)

            self._resolve(query, message, reply, by_tcp=True)

    def _flush(self, client: _Client) -> None:
        try:
            sent = client.socket.send(client.out)
            del client.out[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(client)
            return
        events = select.EPOLLOUT if client.out else select.EPOLLIN
        self._epoll.modify(client.socket.fileno(), events)

    def _forward_by_tcp(self, query: Query, raw: bytes, reply: Reply, fd: int) -> None:
        """Ask a server by the connection that the monitor is making."""
        if fd < 0:
            reply(dns.failure(query))
            return
        out = bytearray(len(raw).to_bytes(2, "big") + raw)
        deadline = time.monotonic() + SERVER_SECONDS
        self._upstreams[fd] = _Upstream(socket.socket(fileno=fd), query, reply, deadline, out)
        self._epoll.register(fd, select.EPOLLOUT)

    def _take_upstream(self, upstream: _Upstream) -> None:
        fd = upstream.socket.fileno()
        try:
            if upstream.out:
                del upstream.out[: upstream.socket.send(upstream.out)]
                self._epoll.modify(fd, select.EPOLLOUT if upstream.out else select.EPOLLIN)
                return
            got = upstream.socket.recv(MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            got = b""
        upstream.data += got
        data = upstream.data
        whole = len(data) >= 2 and len(data) >= 2 + int.from_bytes(data[:2], "big")
        if whole or not got:
            self._end_upstream(upstream, bytes(data[2:]) if whole else b"")

    def _end_upstream(self, upstream: _Upstream, said: bytes) -> None:
        fd = upstream.socket.fileno()
        del self._upstreams[fd]
        self._epoll.unregister(fd)
        upstream.socket.close()
        upstream.reply(said or dns.failure(upstream.query))


def _same(query: Query, message: bytes) -> bool:
    """Tell whether an answer is one to this question; upper case may have changed."""
    return dns.question_of(message).lower() == query.question.lower()


def _drawn() -> int:
    """Return 16 bits that nobody can guess: an answer has to repeat them."""
    return int.from_bytes(os.urandom(2))
