"""How far something is, on a terminal: one line that is written anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TextIO

from ipycontainer.commands.verb import Progress, Reporter
from ipycontainer.model.units import human_size

__all__ = ["reporter"]

_SECONDS = 0.2  # between two looks of the line: a copy that is done sooner shows none
_ERASE = "\r\x1b[K"


def reporter(stream: TextIO) -> Reporter | None:
    """Return what shows progress on a stream; None where nobody would see it."""
    if not stream.isatty():
        return None

    def report(label: str) -> AbstractContextManager[Progress]:
        return _line(stream, label)

    return report


@contextmanager
def _line(stream: TextIO, label: str) -> Iterator[Callable[[int], object]]:
    last = time.monotonic()
    shown = False

    def progress(done: int) -> None:
        nonlocal last, shown
        now = time.monotonic()
        if now - last >= _SECONDS:
            last, shown = now, True
            stream.write(f"{_ERASE}{label} - {human_size(done, 3)}")
            stream.flush()

    try:
        yield progress
    finally:
        if shown:
            stream.write(_ERASE)
            stream.flush()
