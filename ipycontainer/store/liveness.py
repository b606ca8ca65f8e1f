"""Liveness locks: the kernel itself says whether a monitor lives, and as which process.

A monitor takes its lock before it writes `running`; everybody else asks. POSIX record locks
(fcntl(2), F_SETLK) die with the process that took them, at once and for every way of dying;
flock(2) would live on in forked children (measured). Imports nothing of ours.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["LivenessLock", "hold", "holder", "monitor_locks"]

ID_LENGTH = 12
LOOK_AGAIN_SECONDS = 0.005  # F_SETLKW would wait without end for a monitor that lives

# struct flock of a 64-bit kernel (fcntl.h): type, whence, start, length, pid, end padding.
_FLOCK = struct.Struct("@hhqqi0q")


class LivenessLock:
    """A held lock, free again when the process ends or `release` is called.

    Closing any other descriptor of the same file in this process frees it too (fcntl(2)): that is
    why nothing but this module may open the file, and the holder never asks for its own lock.
    """

    __slots__ = ("_fd", "path")

    def __init__(self, fd: int, path: Path) -> None:
        self._fd = fd
        self.path = path

    def release(self) -> None:
        """Remove the file and free the lock; a second call does nothing."""
        if self._fd < 0:
            return
        with suppress(FileNotFoundError):
            os.unlink(self.path)
        os.close(self._fd)
        self._fd = -1

    def fileno(self) -> int:
        """Return the descriptor, for a caller that closes all others."""
        return self._fd


def hold(path: Path, patience_seconds: float = 0) -> LivenessLock:
    """Take the lock at `path` for this process, making the file.

    Raises BlockingIOError when another living process has it, still after `patience_seconds`: a
    repair takes it for a moment, only to see that there is nothing to do.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            return _hold(path)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(LOOK_AGAIN_SECONDS)


def _hold(path: Path) -> LivenessLock:
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            raise BlockingIOError(error.errno, f"{path} is held by another process") from error
        # Between open and lock, a former holder may have removed the file: then ours is a lock on
        # a name that nobody will look at.
        with suppress(FileNotFoundError):
            if os.fstat(fd).st_ino == os.stat(path).st_ino:
                return LivenessLock(fd, path)
        os.close(fd)


def monitor_locks(runtime: Path) -> list[Path]:
    """Return the locks of a home's monitors, held or not.

    `<id12>.l`; a zygote's is `z-<key>.s.l`, that of the networks' namespace `holder.l`.
    """
    return [
        path for path in runtime.glob("*.l") if path.stem.isalnum() and len(path.stem) == ID_LENGTH
    ]


def holder(path: Path) -> int | None:
    """Return the pid of the process that holds the lock at `path`, None where nobody does.

    Never to be called by the holder itself: the kernel answers about others only, and closing the
    file here would free the caller's lock.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        question = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_GETLK, question))
    finally:
        os.close(fd)
    kind, pid = answer[0], answer[4]
    return None if kind == fcntl.F_UNLCK else int(pid)
