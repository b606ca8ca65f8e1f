"""Tell who opens, reads, changes or makes anything in a directory: inotify(7) on all that is in it.

What a test compares afterwards shows what was written outside of a container; this shows also what
was only opened or read there.
"""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path
from typing import Self

__all__ = ["Canary"]

_libc = ctypes.CDLL(None, use_errno=True)
_HEADER = struct.Struct("iIII")

# linux/inotify.h: IN_ACCESS, IN_MODIFY, IN_ATTRIB, IN_OPEN, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE,
# IN_DELETE
_EVENTS = 0x1 | 0x2 | 0x4 | 0x20 | 0x40 | 0x80 | 0x100 | 0x200


class Canary:
    """Watches a directory and all below it from its making on."""

    def __init__(self, place: Path) -> None:
        self._fd = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self._paths: dict[int, Path] = {}
        for path in (place, *place.rglob("*")):
            watch = _libc.inotify_add_watch(self._fd, os.fsencode(path), ctypes.c_uint32(_EVENTS))
            assert watch >= 0, os.strerror(ctypes.get_errno())
            self._paths[watch] = path
        self.told()  # what the search above has opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def told(self) -> list[str]:
        """Return what happened since the last question, as `path: events`, in order."""
        found: list[str] = []
        while True:
            try:
                data = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                return found
            while data:
                watch, mask, _, length = _HEADER.unpack_from(data)
                name = data[_HEADER.size : _HEADER.size + length].rstrip(b"\0")
                data = data[_HEADER.size + length :]
                found.append(f"{self._paths[watch] / os.fsdecode(name)}: {mask:#x}")
