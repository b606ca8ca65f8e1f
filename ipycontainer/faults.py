"""The one place where a failure can be put into the engine, so that tests can see it survive.

Each operation that can be cut in the middle names its places by `point("...")`. Nothing happens
there unless $IPYCONTAINER_FAULT says so when the process starts:

    ACTION:PLACE:N:FILE     at the Nth time that any process comes to PLACE while FILE exists

`kill` ends the process by SIGKILL, `fail` raises EIO, `full` raises ENOSPC, `note` goes on. Each
place that was reached is a line of FILE, which is how a test counts the places of an operation, and
how the processes count together. A fault strikes once: it removes FILE first. Imports nothing:
every room may name its places.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["VARIABLE", "descriptors", "point", "rehearsal"]

VARIABLE = "IPYCONTAINER_FAULT"


class _Fault:
    def __init__(self, text: str) -> None:
        self.action, _, rest = text.partition(":")
        self.place, number, path = rest.rsplit(":", 2)  # a place's name may hold a colon
        self.number = int(number)
        # By its directory's fd, since init still has places to name when its root is another.
        directory, self.file = os.path.split(path)
        self.directory = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def reached(self, place: str) -> None:
        try:
            flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
            fd = os.open(self.file, flags, dir_fd=self.directory)
        except OSError:  # not now, or as a user who may not
            return
        try:
            os.write(fd, f"{place}\n".encode())
            until_ours = os.lseek(fd, 0, os.SEEK_CUR)  # others may have written since
            lines = os.pread(fd, until_ours, 0).decode().split("\n")[:-1]
        finally:
            os.close(fd)
        if place != self.place or lines.count(place) != self.number or self.action == "note":
            return
        os.unlink(self.file, dir_fd=self.directory)
        if self.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        number = errno.ENOSPC if self.action == "full" else errno.EIO
        raise OSError(number, os.strerror(number))


_armed = _Fault(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def point(place: str) -> None:
    """Name a place at which this process may be killed or refused, for tests.

    Costs one comparison where no fault is armed. Raises OSError where one is.
    """
    if _armed is not None:
        _armed.reached(place)


def descriptors() -> tuple[int, ...]:
    """Return what a process must not close to know of a fault; nothing where none is armed."""
    return () if _armed is None else (_armed.directory,)


@contextmanager
def rehearsal() -> Iterator[None]:
    """Let no fault strike, nor a place count, in what is not an operation but the practice of it.

    A spare process practises at moments of its own: the numbers of places would change with them.
    """
    global _armed
    armed, _armed = _armed, None
    try:
        yield
    finally:
        _armed = armed
