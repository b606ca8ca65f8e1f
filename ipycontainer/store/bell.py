"""The bell: one file that is touched after each transaction with an event.

`events`, `wait` and live views sleep on it with inotify(7) and then read the events by row, so that
nobody polls. Rung by `store.database` after the commit. Imports nothing of ours.
"""

from __future__ import annotations

import ctypes
import os
import select
from contextlib import suppress
from pathlib import Path
from typing import Self

__all__ = ["Bell", "ring"]

_libc = ctypes.CDLL(None, use_errno=True)
_libc.inotify_init1.argtypes = (ctypes.c_int,)
_libc.inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)

# linux/inotify.h
_IN_ATTRIB = 0x4
_IN_DELETE_SELF = 0x400
_IN_IGNORED = 0x8000


def ring(path: Path) -> None:
    """Wake everybody who waits at the bell.

    One system call (utimensat(2), which inotify reports as IN_ATTRIB). A home that is being reset
    has no bell any more, and nobody to wake.
    """
    with suppress(FileNotFoundError):
        os.utime(path)


class Bell:
    """A watcher of the bell at `path`.

    Rings are remembered from the moment of construction: make the bell first, then read the state,
    then wait, and nothing is missed. Closed by `close` or at the end of a `with`.
    """

    __slots__ = ("_fd", "_path")

    _fd: int

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._fd < 0:
            _raise_errno("inotify_init1")
        try:
            self._watch()
        except OSError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _watch(self) -> None:
        mask = _IN_ATTRIB | _IN_DELETE_SELF
        if _libc.inotify_add_watch(self._fd, os.fsencode(self._path), mask) < 0:
            _raise_errno("inotify_add_watch")

    def fileno(self) -> int:
        """Return the descriptor that becomes readable with a ring, for an event loop."""
        return self._fd

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a ring, at most `timeout` seconds; tell whether there was one.

        Rings that came since the last call count as one. Raises FileNotFoundError when the home was
        removed.
        """
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        if not poll.poll(None if timeout is None else max(0.0, timeout) * 1000):
            return False
        try:
            raw = os.read(self._fd, 65536)
        except BlockingIOError:  # another thread has read this ring
            return True
        if _lost(raw):
            self._watch()
        return True

    def close(self) -> None:
        """End the watch; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _lost(raw: bytes) -> bool:
    """Tell whether the watched file is gone, by the events that inotify gave.

    Events of a watched file carry no name: sixteen bytes each, the mask second (inotify(7)).
    """
    masks = memoryview(raw).cast("I")[1::4]
    return any(mask & _IN_IGNORED for mask in masks)


def _raise_errno(call: str) -> None:
    code = ctypes.get_errno()
    raise OSError(code, f"{call}: {os.strerror(code)}")
