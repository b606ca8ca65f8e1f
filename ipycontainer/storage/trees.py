"""Delete trees by directory fds: no path of a tree is ever taken twice, no link followed.

Used by snapshots and unpack on trees that a container or an archive has shaped. Imports nothing of
ours.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["DIRECTORY", "delete", "empty", "flags_of", "remove"]

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

# linux/fs.h, on a 64-bit kernel
_FS_IOC_GETFLAGS = 0x80086601
_FS_IOC_SETFLAGS = 0x40086602
_FS_IMMUTABLE_FL = 0x10
_FS_APPEND_FL = 0x20

_LATE_TRIES = 100  # of directories that somebody, a rehearsal for one, still writes into


def remove(directory: int, name: str) -> None:
    """Delete `name` in the directory open as `directory`, whatever it is; missing is no error.

    A nested directory is renamed up to here and then emptied itself, so that any depth needs two
    fds: recursion would let an archive of 10,000 nested directories use them all up. Takes away
    what stands in the way where the caller may: modes without write or search permission,
    immutable and append-only flags. Raises OSError, EBUSY for a tree with a mount in it.
    """
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return
    except IsADirectoryError:
        pass
    except PermissionError:
        _unlock(directory, name)
        with suppress(IsADirectoryError):
            os.unlink(name, dir_fd=directory)
            return
    else:
        return
    waiting = [name]
    late = 0
    while waiting:
        current = waiting.pop()
        try:
            fd = _open(directory, current)
        except FileNotFoundError:  # somebody else deletes the same tree
            continue
        try:
            waiting += _empty_once(fd, directory)
        finally:
            os.close(fd)
        if not _rmdir(directory, current):
            late += 1
            if late > _LATE_TRIES:
                raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), current)
            waiting.append(current)


def _rmdir(directory: int, name: str) -> bool:
    """Delete a directory; False where somebody has put something into it meanwhile."""
    try:
        _try(lambda: os.rmdir(name, dir_fd=directory), directory, name)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def delete(path: Path) -> None:
    """Delete what a path of the engine's own names, as `remove` does."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        remove(directory, path.name)
    finally:
        os.close(directory)


def empty(directory: int) -> None:
    """Delete everything in the directory open as `directory`."""
    for name in os.listdir(directory):
        remove(directory, name)


def _empty_once(fd: int, above: int) -> list[str]:
    """Delete what is in `fd`; full directories move to `above`, their new names are returned."""
    moved = []
    with os.scandir(fd) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in found:
        if not is_directory:
            _try(lambda name=name: os.unlink(name, dir_fd=fd), fd, name)  # type: ignore[misc]
            continue
        try:
            os.rmdir(name, dir_fd=fd)
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES, errno.EPERM):
                raise
            fresh = f".gone-{os.urandom(8).hex()}"
            _try(
                lambda name=name, fresh=fresh: os.rename(  # type: ignore[misc]
                    name, fresh, src_dir_fd=fd, dst_dir_fd=above
                ),
                fd,
                name,
            )
            moved.append(fresh)
    return moved


def _open(directory: int, name: str) -> int:
    try:
        return os.open(name, DIRECTORY, dir_fd=directory)
    except PermissionError:
        _unlock(directory, name)
        return os.open(name, DIRECTORY, dir_fd=directory)


def _try(action: Callable[[], None], directory: int, name: str) -> None:
    try:
        action()
    except FileNotFoundError:
        pass
    except PermissionError:
        _unlock(directory, name)
        action()


def _unlock(directory: int, name: str) -> None:
    """Take away from a directory and from `name` in it what forbids a change."""
    _clear_flags(directory)
    with suppress(OSError):
        os.fchmod(directory, 0o700)
    try:
        # O_PATH needs no permission on the file, and what it names cannot be swapped afterwards.
        fd = os.open(
            name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory
        )
    except (NotADirectoryError, FileNotFoundError):
        fd = -1
    if fd >= 0:
        try:
            with suppress(OSError):
                os.chmod(f"/proc/self/fd/{fd}", 0o700)
        finally:
            os.close(fd)
    with suppress(OSError):
        fd = os.open(
            name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory
        )
        try:
            _clear_flags(fd)
        finally:
            os.close(fd)


def flags_of(fd: int) -> int:
    """Return the flags that chattr(1) sets, 0 where a file system has none (ioctl_iflags(2))."""
    flags = array.array("l", [0])
    with suppress(OSError):
        fcntl.ioctl(fd, _FS_IOC_GETFLAGS, flags)
    return flags[0]


def _clear_flags(fd: int) -> None:
    flags = flags_of(fd)
    if flags & (_FS_IMMUTABLE_FL | _FS_APPEND_FL):
        left = array.array("l", [flags & ~(_FS_IMMUTABLE_FL | _FS_APPEND_FL)])
        with suppress(OSError):
            fcntl.ioctl(fd, _FS_IOC_SETFLAGS, left)
