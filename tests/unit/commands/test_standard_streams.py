"""Whatever a pipe takes at once, all that is written comes out of it, in its order."""

from __future__ import annotations

import fcntl
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import ipycontainer
from ipycontainer.commands import standard_streams

DATA = os.urandom(1024 * 1024)


@contextmanager
def read_by(begin: threading.Event) -> Iterator[tuple[int, list[bytes]]]:
    """Give a pipe that is read once `begin` is set, and what was read."""
    reader, writer = os.pipe()
    pieces: list[bytes] = []

    def read() -> None:
        begin.wait(10)
        while piece := os.read(reader, 5000):
            pieces.append(piece)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield writer, pieces
    finally:
        os.close(writer)
        thread.join()
        os.close(reader)


def test_a_write_that_a_signal_cut_goes_on() -> None:
    """A full pipe and a signal: write(2) takes a part, the stream writes the rest."""
    begin = threading.Event()

    def caught(_: int, __: FrameType | None) -> None:
        begin.set()

    before = signal.signal(signal.SIGALRM, caught)
    try:
        with read_by(begin) as (writer, pieces):
            stream = standard_streams.patient(writer)
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            stream.buffer.write(DATA)
            stream.flush()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert begin.is_set()
    assert b"".join(pieces) == DATA


def test_a_nonblocking_pipe_is_waited_for() -> None:
    """EAGAIN is no error and loses nothing: bytes and text, in their order."""
    begin = threading.Event()
    begin.set()
    with read_by(begin) as (writer, pieces):
        os.set_blocking(writer, False)
        stream = standard_streams.patient(writer)
        for at in range(0, len(DATA), 100_000):
            stream.write("ä\n\udcff")
            stream.flush()
            stream.buffer.write(DATA[at : at + 100_000])
        stream.flush()
    parts = (DATA[at : at + 100_000] for at in range(0, len(DATA), 100_000))
    assert b"".join(pieces) == b"".join("ä\n".encode() + b"\xff" + part for part in parts)


INTERRUPTED = """
import signal
from ipycontainer.commands.standard_streams import patient

class Interrupted(Exception):
    pass

def interrupt(*_):
    global armed
    if armed:
        armed = False
        raise Interrupted

def count():  # by itself: some of a loop's own instructions are in no `try` of its function
    global number
    while number < 20_000:
        number += 1
        stream.write(f"{number}\\n")
        stream.flush()

stream, number, armed = patient(1), 0, False
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
while number < 20_000:
    try:
        armed = True
        count()
        armed = False
    except Interrupted:
        pass
signal.setitimer(signal.ITIMER_REAL, 0)
"""


def test_what_was_written_before_an_interrupt_is_not_written_again() -> None:
    """Python looks for signals behind a write; a Ctrl-C there must not undo it."""
    package = Path(ipycontainer.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(package)},
        timeout=60,
        check=True,
    )
    numbers = [int(line) for line in done.stdout.split()]
    assert numbers == sorted(set(numbers))


def test_what_goes_to_one_stream_is_joined_in_its_order() -> None:
    """Small parts come as one, up to a piece's size; another stream's part stays between them."""
    half = b"x" * (standard_streams.PIECE_BYTES // 2)
    parts = [("stdout", b"a"), ("stdout", b"b"), ("stderr", b"c"), ("stdout", b"d")]
    assert list(standard_streams.gathered(parts)) == [
        ("stdout", b"ab"),
        ("stderr", b"c"),
        ("stdout", b"d"),
    ]
    sizes = [len(data) for _, data in standard_streams.gathered([("stdout", half)] * 5)]
    assert sizes == [2 * len(half), 2 * len(half), len(half)]
    assert list(standard_streams.gathered([])) == []


def test_a_pipe_is_widened_and_never_narrowed(tmp_path: Path) -> None:
    """A caller's pipe holds a piece; one that holds more keeps it, and a file is no pipe."""
    reader, writer = os.pipe()
    with os.fdopen(reader), os.fdopen(writer, "w") as stream:
        standard_streams.widen(stream)
        assert fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ) >= standard_streams.PIECE_BYTES
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4 * standard_streams.PIECE_BYTES)
        standard_streams.widen(stream)
        assert fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ) == 4 * standard_streams.PIECE_BYTES
    with (tmp_path / "file").open("w") as stream:
        standard_streams.widen(stream)
    standard_streams.widen(io.StringIO())
