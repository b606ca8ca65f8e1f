"""The shell's three standard streams, as the caller gave them: closed, unbuffered, nonblocking.

With `PYTHONUNBUFFERED` (set in many images) or `-u`, sys.stdout writes once and drops what write(2)
did not take; a pipe takes less than it was given when a signal comes (pipe(7), signal(7): SIGSTOP
and SIGCONT do, too). A caller may also have left its pipe or terminal nonblocking (EAGAIN).
"""

from __future__ import annotations

import fcntl
import io
import os
import select
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, TextIO

__all__ = ["gathered", "open_closed", "patient", "widen"]

BUFFER_BYTES = 64 * 1024
PIECE_BYTES = 256 * 1024  # of what is passed on in bulk


def open_closed() -> None:
    """Put /dev/null where the caller closed one of the three, before another file takes its number.

    A program would else read from, or write into, whatever the engine opens first.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


class _Waiting(io.FileIO):
    """A nonblocking descriptor whose write waits until at least something is taken."""

    def write(self, data: Any) -> int:
        while (written := super().write(data)) is None:  # EAGAIN
            poll = select.poll()
            poll.register(self.fileno(), select.POLLOUT)
            poll.poll()
        return written


def patient(fd: int, *, line_buffering: bool = False) -> TextIO:
    """Return a stream on `fd` that writes all that it is given, however little is taken at once.

    Names and logs hold any bytes; what is no UTF-8 goes out as it came.
    """
    # Only where it is needed: an interrupt that strikes behind a write of Python's own has what was
    # written count as not written.
    raw = io.FileIO if os.get_blocking(fd) else _Waiting
    return io.TextIOWrapper(
        io.BufferedWriter(raw(fd, "wb", closefd=False), BUFFER_BYTES),
        encoding="utf-8",
        errors="surrogateescape",
        newline="\n",
        line_buffering=line_buffering,
    )


def widen(stream: TextIO) -> None:
    """Have the caller's pipe hold a whole piece: its 64 KiB make four turns of it.

    What is no pipe, and what exceeds the user's share (pipe(7), pipe-user-pages-soft), stays.
    """
    with suppress(OSError, ValueError):
        if fcntl.fcntl(stream.fileno(), fcntl.F_GETPIPE_SZ) < PIECE_BYTES:
            fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, PIECE_BYTES)


def gathered(parts: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Join what goes to one stream in a row, up to a piece's size; the order stays."""
    name, held, size = "", list[bytes](), 0
    for stream, part in parts:
        if held and (stream != name or size >= PIECE_BYTES):
            yield name, b"".join(held)
            held, size = [], 0
        name = stream
        held.append(part)
        size += len(part)
    if held:
        yield name, b"".join(held)
