"""A proxy between two sockets of one machine: nothing lost, nothing mixed."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from ipycontainer.network import proxy


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that sends back what it gets, until its client says no more."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer(client: socket.socket) -> None:
            with client:
                while data := client.recv(1 << 16):
                    client.sendall(data)

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(client,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def front(echo: tuple[str, int]) -> Iterator[tuple[str, int]]:
    """A proxy in a process of its own, before that server."""
    listening = socket.create_server(("127.0.0.1", 0))
    child = os.fork()
    if child == 0:
        proxy.serve([proxy.Listener(listening, echo)])
        os._exit(1)
    address = listening.getsockname()
    listening.close()
    yield address
    os.kill(child, 9)
    os.waitpid(child, 0)


# A fork beside threads, which touch nothing here.
pytestmark = pytest.mark.filterwarnings("ignore:This process")


def test_each_of_many_gets_its_own_back(front: tuple[str, int]) -> None:
    """Twenty connections at once, a megabyte each way."""
    results: dict[int, bool] = {}

    def ask(number: int) -> None:
        sent, received = os.urandom(1 << 20), bytearray()
        with socket.create_connection(front, 10) as client:

            def send() -> None:
                client.sendall(sent)
                client.shutdown(socket.SHUT_WR)

            sender = threading.Thread(target=send)
            sender.start()
            while data := client.recv(1 << 16):
                received += data
            sender.join()
        results[number] = bytes(received) == sent

    askers = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert results == dict.fromkeys(range(20), True)


def test_who_does_not_read_loses_nothing_and_holds_nobody_up(front: tuple[str, int]) -> None:
    """It sends until nothing more is taken; others are served, then it gets all of it back."""
    piece, sent = os.urandom(1 << 20), 0
    with socket.create_connection(front, 10) as slow:
        slow.settimeout(0.5)
        with suppress(TimeoutError):
            while True:
                sent += slow.send(piece[sent % len(piece) :])
        for _ in range(3):
            with socket.create_connection(front, 10) as other:
                other.sendall(b"hello")
                assert other.recv(16) == b"hello"
        slow.shutdown(socket.SHUT_WR)
        slow.settimeout(10)
        received = 0
        while data := slow.recv(1 << 20):
            expected = (piece + piece)[received % len(piece) :][: len(data)]
            assert data == expected
            received += len(data)
    assert received == sent > len(piece)
