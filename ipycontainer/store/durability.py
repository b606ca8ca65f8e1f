"""What must be on the disk before what, so that a loss of power takes the last transactions alone.

The database is whole by itself, but its last commits are on their way for a while
(`synchronous=NORMAL`), and so are files: a kernel writes either first. So files are made durable
before the rows that name them, and the end of a row before its files go. Nothing of it is on the
way of a start: what a container has of its own is an application's to make durable.
"""

from __future__ import annotations

import os
from contextlib import suppress

from ipycontainer.linux import syscalls
from ipycontainer.store.home import Home

__all__ = ["keep_files", "keep_rows"]


def keep_files(home: Home) -> None:
    """Return when all that was written into the home is on the disk. Raises OSError.

    One call for the thousands of files of a layer, at the cost of what others have written there
    (syncfs(2)).
    """
    root = os.open(home.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        syscalls.syncfs(root)
    finally:
        os.close(root)


def keep_rows(home: Home) -> None:
    """Return when all that was committed is on the disk (sqlite.org/wal.html). Raises OSError."""
    with suppress(FileNotFoundError):  # the last one to close has brought it into the database
        log = os.open(f"{home.database}-wal", os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fdatasync(log)
        finally:
            os.close(log)
