"""Standard streams between a program, its log and its clients."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ipycontainer.supervise.log import LogWriter, NoLog
from ipycontainer.supervise.log_reading import read_entries
from ipycontainer.supervise.loop import Loop
from ipycontainer.supervise.streams import BEHIND_LIMIT_BYTES, Input, Output, Sink


def pump(loop: Loop, fd: int, data: bytes) -> None:
    """Write to a pipe that the loop reads, stepping it whenever the pipe is full."""
    os.set_blocking(fd, False)
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            loop.step()


def test_a_client_far_behind_loses_nothing(tmp_path: Path) -> None:
    """A client that reads nothing for 5 MiB gets every byte afterwards, from the log."""
    loop, log = Loop(), LogWriter(str(tmp_path / "log"))
    program, ours = os.pipe()[::-1]
    client, theirs = os.pipe()
    output = Output(loop, ours, "stdout", log, lambda: None)
    sink = Sink(loop, theirs, "stdout", tmp_path / "log")
    output.sinks.append(sink)
    sent = b"".join(b"line %d\n" % number for number in range(600_000))
    assert len(sent) > 5 * BEHIND_LIMIT_BYTES
    pump(loop, program, sent)
    os.close(program)
    output.finish()
    os.set_blocking(client, False)
    received = bytearray()
    while output.is_behind:  # it is: the pipe and the memory for it are full
        received += os.read(client, 1 << 20)
        loop.step()
    output.close()
    os.set_blocking(client, True)
    while data := os.read(client, 1 << 20):
        received += data
    assert bytes(received) == sent
    assert b"".join(entry.text for entry, _ in read_entries(tmp_path / "log")) == sent
    os.close(client)


def test_a_client_that_leaves_stops_nobody(tmp_path: Path) -> None:
    """When a client closes its end, the log goes on and the sink is closed."""
    loop, log = Loop(), LogWriter(str(tmp_path / "log"))
    program, ours = os.pipe()[::-1]
    client, theirs = os.pipe()
    output = Output(loop, ours, "stdout", log, lambda: None)
    output.sinks.append(Sink(loop, theirs, "stdout", tmp_path / "log"))
    os.close(client)
    os.write(program, b"still here\n")
    loop.step()
    assert not output.is_behind
    assert [entry.text for entry, _ in read_entries(tmp_path / "log")] == [b"still here\n"]
    os.close(program)
    output.finish()


def test_input_ends_with_the_client_when_it_is_for_one(tmp_path: Path) -> None:
    """With `once` the program sees the end of its input when the client has left, not before."""
    loop = Loop()
    program, ours = os.pipe()
    source, client = os.pipe()
    given = Input(loop, ours, once=True)
    given.take(source)
    os.write(client, b"hello")
    loop.step()
    assert os.read(program, 16) == b"hello"
    os.close(client)
    loop.step()
    assert os.read(program, 16) == b""
    os.close(program)


def test_input_stays_open_for_the_next_client() -> None:
    """Without `once` a second client can go on where the first one left."""
    loop = Loop()
    program, ours = os.pipe()
    given = Input(loop, ours, once=False)
    for word in (b"first", b"second"):
        source, client = os.pipe()
        given.take(source)
        os.write(client, word)
        os.close(client)
        loop.step()
        assert os.read(program, 16) == word
        loop.step()
    given.close()
    os.close(program)


def test_several_clients_type_at_once() -> None:
    """What two clients send reaches the program, also while it does not read for a while."""
    loop = Loop()
    program, ours = os.pipe()
    given = Input(loop, ours, once=False)
    pipes = [os.pipe() for _ in range(2)]
    for source, _ in pipes:
        given.take(source)
    received = bytearray()
    sent = 400_000  # more than all pipes hold
    left = {client: bytes([65 + number]) * sent for number, (_, client) in enumerate(pipes)}
    os.set_blocking(program, False)
    for client in left:
        os.set_blocking(client, False)
    while len(received) < 2 * sent:
        for client, data in left.items():
            try:
                left[client] = data[os.write(client, data) :] if data else b""
            except BlockingIOError:
                pass
        loop.step()
        try:
            received += os.read(program, 1 << 20)
        except BlockingIOError:
            pass
    assert (received.count(b"A"), received.count(b"B")) == (sent, sent)
    given.close()
    for fd in (program, *left):
        os.close(fd)


def test_without_a_log_the_program_waits_for_its_client(tmp_path: Path) -> None:
    """Nothing is lost, and nothing piles up: what the client has not read stays in the pipe."""
    loop, log = Loop(), NoLog(str(tmp_path / "log"))
    program, ours = os.pipe()[::-1]
    client, theirs = os.pipe()
    output = Output(loop, ours, "stdout", log, lambda: None)
    output.sinks.append(Sink(loop, theirs, "stdout", tmp_path / "log"))
    os.set_blocking(program, False)
    os.set_blocking(client, False)
    sent, received = 0, bytearray()
    total = 3 * BEHIND_LIMIT_BYTES
    while len(received) < total:
        with suppress(BlockingIOError):
            sent += os.write(program, b"x" * min(65536, total - sent)) if sent < total else 0
        with suppress(BlockingIOError):
            received += os.read(client, 1 << 20)
        assert sent - len(received) < 6 * 65536
        if len(received) < total:
            loop.step()
    os.close(program)
    output.finish()
    output.close()
    os.close(client)
