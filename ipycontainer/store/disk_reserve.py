"""Room that a home keeps aside, so that what fills a disk can still be listed, stopped and removed.

SQLite takes room to read (the index of its log) and to write: a container that has filled the disk
could neither be told of nor removed. So a file of `RESERVE_BYTES` lies in the home; it is given up
where the disk is full, and kept again when there is room. Stands on store.home.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ipycontainer.store.home import Home

__all__ = ["RESERVE_BYTES", "give_up", "give_up_where_full", "keep"]

RESERVE_BYTES = 1 << 20  # a removal writes some dozen pages of 4 KiB
_SHORT_BYTES = 256 << 10
_PLENTY_BYTES = 8 * RESERVE_BYTES


def keep(home: Home) -> None:
    """Set the room aside, if it is not and there is plenty."""
    path = _file(home)
    if path.exists() or _free_bytes(home) < _PLENTY_BYTES:
        return
    with suppress(OSError):  # somebody else was faster, or the room is gone after all
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, RESERVE_BYTES)
        finally:
            os.close(fd)


def give_up_where_full(home: Home) -> None:
    """Give the room to the transaction that comes, if there is hardly another."""
    if _free_bytes(home) < _SHORT_BYTES:
        give_up(home)


def give_up(home: Home) -> None:
    """Give the room to whoever comes first."""
    with suppress(OSError):
        _file(home).unlink()


def _file(home: Home) -> Path:
    return home.root / "reserve"


def _free_bytes(home: Home) -> int:
    """Return what this user may still write; much, where that cannot be told."""
    try:
        status = os.statvfs(home.root)
    except OSError:
        return _PLENTY_BYTES
    return status.f_bavail * status.f_bsize
