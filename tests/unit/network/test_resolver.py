"""The resolver beside whatever a container, or a server outside, may send it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import dnslib
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipycontainer.network.resolver import Resolver

KNOWN = "192.0.2.7"
QUESTION = dnslib.DNSRecord.question("known").pack()
# Whole messages, their beginnings, pointers that lead to themselves, and noise.
HEADER = b"\0\1\1\0\0\1\0\0\0\0\0\0"
MESSAGES = st.one_of(
    st.binary(max_size=600),
    st.binary(max_size=80).map(lambda tail: HEADER + tail),
    st.integers(0, len(QUESTION)).map(lambda end: QUESTION[:end]),
    st.sampled_from([HEADER + b"\xc0\x0c\0\1\0\1", HEADER + b"\xc0\xff\0\1\0\1"]),
    st.lists(st.binary(min_size=1, max_size=63), min_size=1, max_size=8).map(
        lambda labels: HEADER + b"".join(bytes([len(x)]) + x for x in labels) + b"\0\0\1\0\1"
    ),
    st.text(max_size=200).map(str.encode),
)


@dataclass
class Served:
    """A resolver that runs: where it is asked, and what its server outside says."""

    address: tuple[str, int]
    replies: list[bytes]


def _one_port() -> tuple[socket.socket, socket.socket]:
    """Return a socket for UDP and one for TCP at the same free port, as DNS wants it."""
    for _ in range(100):
        streams = socket.create_server(("127.0.0.1", 0))
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            datagrams.bind(streams.getsockname())
        except OSError:  # somebody else's, in the other protocol
            streams.close()
            datagrams.close()
        else:
            return datagrams, streams
    raise AssertionError("no port is free for both")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A resolver beside a monitor that knows one name and a server that says what it is told."""
    datagrams, streams = _one_port()
    outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outside.bind(("127.0.0.1", 0))
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.connect(outside.getsockname())
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    found = Served(datagrams.getsockname(), [])

    def know() -> None:
        while question := ours.recv(600):
            told = {"addresses": [KNOWN]} if question == b"Nknown" else None
            ours.send(json.dumps(told).encode())

    def reply() -> None:
        while True:
            message, asker = outside.recvfrom(65535)
            if not message:
                return
            for said in found.replies:
                outside.sendto(message[:2] + said[2:], asker)  # with the number that is expected

    resolver = Resolver(datagrams, streams, theirs, [server])
    threads = [threading.Thread(target=job) for job in (resolver.serve, know, reply)]
    for thread in threads:
        thread.start()
    yield found
    ours.shutdown(socket.SHUT_RDWR)
    server.send(b"")
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    for sock in (datagrams, streams, outside, server, ours, theirs):
        sock.close()


def _answers(served: Served) -> None:
    """Have a good question answered, by UDP and by TCP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect(served.address)
        client.send(QUESTION)
        assert str(dnslib.DNSRecord.parse(client.recv(1000)).a.rdata) == KNOWN
    with socket.create_connection(served.address, 10) as stream:
        stream.sendall(len(QUESTION).to_bytes(2, "big") + QUESTION)
        said = b""
        while len(said) < 2 or len(said) < 2 + int.from_bytes(said[:2], "big"):
            more = stream.recv(1000)
            assert more
            said += more
        assert str(dnslib.DNSRecord.parse(said[2:]).a.rdata) == KNOWN


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(MESSAGES, min_size=1, max_size=20), st.lists(MESSAGES, max_size=3))
def test_nothing_that_is_sent_ends_it(
    served: Served, asked: list[bytes], replied: list[bytes]
) -> None:
    """After any messages by UDP and TCP, and any replies from outside, it still answers."""
    served.replies[:] = replied
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(served.address)
        for message in asked:
            with suppress(ConnectionRefusedError):
                client.send(message)
    with socket.create_connection(served.address, 10) as stream:
        for message in asked:
            with suppress(OSError):  # it hangs up on who cannot ask
                stream.sendall(len(message).to_bytes(2, "big") + message)
    with socket.create_connection(served.address, 10) as stream:
        with suppress(OSError):
            stream.sendall(b"".join(asked))  # no lengths that fit
        _answers(served)


def test_many_that_connect_and_say_nothing_keep_nobody_out_for_long(served: Served) -> None:
    """Idle connections are dropped after a while; by UDP others are answered meanwhile."""
    idle = [socket.create_connection(served.address, 10) for _ in range(40)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect(served.address)
        client.send(QUESTION)
        assert str(dnslib.DNSRecord.parse(client.recv(1000)).a.rdata) == KNOWN
    for sock in idle:
        sock.close()
    _answers(served)
