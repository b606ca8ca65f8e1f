"""Copy a tree by directory fds: owners, modes, times, attributes, links, holes and all.

Both sides may be changed by a container meanwhile: what was opened is what is used, no link is
followed, and a name that became something else in between is what it is by then, or left out. Used
by volumes and checkpoints. The one who copies may be root of a user namespace: an owner without an
id here stays the copier's own.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from contextlib import suppress

from ipycontainer.linux import syscalls
from ipycontainer.linux.dirfd import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, DirFd
from ipycontainer.storage import attributes, trees

__all__ = ["copy_content", "copy_tree", "data_parts", "lay_over", "open_regular"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PATH = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_STRAIGHT = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS
_PIECE = 1 << 30  # of one copy_file_range(2): it can be interrupted in between
FICLONE = 0x40049409  # linux/fs.h


def _nothing(_: int) -> None:
    pass


def copy_tree(
    source: DirFd,
    target: DirFd,
    *,
    whole: bool = False,
    progress: Callable[[int], None] = _nothing,
) -> None:
    """Copy all that is in `source` into the directory `target`, and its own owner, mode and times.

    With `whole` also what an image may not hold: whiteouts, overlayfs's own marks. `progress` is
    called with the bytes of each file. Raises OSError.
    """
    _Copy(whole, progress).run(source.fd, target.fd)


def lay_over(
    layer: DirFd, target: DirFd, mark: str, *, progress: Callable[[int], None] = _nothing
) -> None:
    """Change the tree `target` as an image's layer would change it, seen upon it by an overlay.

    `mark` is the attribute of its directories that hide what is below them. Raises OSError.
    """
    _Layered(mark, progress).run(layer.fd, target.fd)


class _Copy:
    """One run. The stack holds two open directories a level: how deep, is a container's to say."""

    def __init__(self, whole: bool, progress: Callable[[int], None]) -> None:
        self._whole = whole
        self._progress = progress
        self._links: dict[tuple[int, int], str] = {}
        self._top = -1

    def run(self, source: int, target: int) -> None:
        first = os.open(".", _DIRECTORY, dir_fd=source)
        try:
            self._top = os.open(".", _DIRECTORY, dir_fd=target)
        except BaseException:
            os.close(first)
            raise
        stack = [(first, os.dup(self._top), "", iter(os.listdir(first)))]
        try:
            while stack:
                here, there, path, names = stack[-1]
                name = next(names, None)
                if name is None:
                    self._finish(here, there)
                    os.close(here)
                    os.close(there)
                    stack.pop()
                    continue
                below = self._entry(here, there, name, f"{path}{name}")
                if below is not None:
                    stack.append((*below, f"{path}{name}/", iter(os.listdir(below[0]))))
        finally:
            for here, there, _, _ in stack:
                os.close(here)
                os.close(there)
            os.close(self._top)

    def _entry(self, here: int, there: int, name: str, path: str) -> tuple[int, int] | None:
        try:
            status = os.stat(name, dir_fd=here, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                return self._directory(here, there, name)
            if status.st_nlink > 1 and self._linked(status, there, name, path):
                return None
            if stat.S_ISREG(status.st_mode):
                self._file(here, there, name)
            elif stat.S_ISLNK(status.st_mode):
                os.symlink(os.readlink(name, dir_fd=here), name, dir_fd=there)
                self._dress(there, name, status)
            elif stat.S_ISSOCK(status.st_mode):
                return None
            elif not attributes.is_whiteout(status) or self._whole:
                with suppress(PermissionError):  # a user namespace may make no device
                    os.mknod(name, status.st_mode, status.st_rdev, dir_fd=there)
                    self._dress(there, name, status)
        except (FileNotFoundError, NotADirectoryError):
            return None  # the container has taken it away meanwhile
        except OSError as error:
            if error.errno == errno.ELOOP:  # O_NOFOLLOW: it has become a link
                return None
            raise
        return None

    def _directory(self, here: int, there: int, name: str) -> tuple[int, int]:
        inside = os.open(name, _DIRECTORY, dir_fd=here)
        try:
            os.mkdir(name, 0o700, dir_fd=there)
            return inside, os.open(name, _DIRECTORY, dir_fd=there)
        except BaseException:
            os.close(inside)
            raise

    def _linked(self, status: os.stat_result, there: int, name: str, path: str) -> bool:
        """Make a hard link to the file's first name; False when this is the first."""
        key = (status.st_dev, status.st_ino)
        first = self._links.setdefault(key, path)
        if first == path:
            return False
        above, _, made = first.rpartition("/")
        try:
            # a directory on the way may have become a link since: it would lead out of the copy
            parent = syscalls.openat2(self._top, os.fsencode(above or "."), _PATH, 0, _STRAIGHT)
        except OSError:
            return False
        try:
            os.link(made, name, src_dir_fd=parent, dst_dir_fd=there, follow_symlinks=False)
        except FileNotFoundError:  # the first was left out
            return False
        finally:
            os.close(parent)
        return True

    def _file(self, here: int, there: int, name: str) -> None:
        opened = open_regular(here, name)
        if opened is None:
            return
        fd, status = opened
        try:
            out = os.open(name, _NEW, 0o600, dir_fd=there)
            try:
                copy_content(fd, out, status.st_size, self._progress)
                self._attributes(fd, out)
                _own(out, status)
            finally:
                os.close(out)
        finally:
            os.close(fd)

    def _dress(self, there: int, name: str, status: os.stat_result) -> None:
        attributes.own(name, status.st_uid, status.st_gid, there)
        if not stat.S_ISLNK(status.st_mode):
            attributes.set_mode(there, name, stat.S_IMODE(status.st_mode))
        times = (status.st_atime_ns, status.st_mtime_ns)
        os.utime(name, ns=times, dir_fd=there, follow_symlinks=False)

    def _finish(self, here: int, there: int) -> None:
        """Give a directory its looks, once nothing more is made in it."""
        self._attributes(here, there)
        _own(there, os.fstat(here))

    def _attributes(self, source: int, target: int) -> None:
        with suppress(OSError):
            for name in os.listxattr(source):
                if attributes.allowed(name) or (self._whole and attributes.is_mark(name)):
                    with suppress(OSError):
                        os.setxattr(target, name, os.getxattr(source, name))


class _Layered(_Copy):
    """A copy upon what is there: what the layer has takes its place, what it deletes goes."""

    def __init__(self, mark: str, progress: Callable[[int], None]) -> None:
        super().__init__(whole=False, progress=progress)
        self._mark = mark

    def _entry(self, here: int, there: int, name: str, path: str) -> tuple[int, int] | None:
        status = os.stat(name, dir_fd=here, follow_symlinks=False)
        if not (stat.S_ISDIR(status.st_mode) and attributes.is_directory(there, name)):
            trees.remove(there, name)
        return super()._entry(here, there, name, path)

    def _directory(self, here: int, there: int, name: str) -> tuple[int, int]:
        if not attributes.is_directory(there, name):
            return super()._directory(here, there, name)
        inside = os.open(name, _DIRECTORY, dir_fd=here)
        target = os.open(name, _DIRECTORY, dir_fd=there)
        with suppress(OSError):
            if os.getxattr(inside, self._mark) == b"y":
                trees.empty(target)
        return inside, target


def _own(fd: int, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if not attributes.own(fd, status.st_uid, status.st_gid):
        mode &= ~(stat.S_ISUID | stat.S_ISGID)
    os.fchmod(fd, mode)
    os.utime(fd, ns=(status.st_atime_ns, status.st_mtime_ns))


def open_regular(directory: int, name: str) -> tuple[int, os.stat_result] | None:
    """Open a file to be read, with its status; None for what is no regular file (any more)."""
    try:
        fd = os.open(name, _READ, dir_fd=directory)
    except OSError as error:
        # ENXIO: a socket, or a device without a driver; EACCES on a device: mounted nodev
        if error.errno in (errno.ELOOP, errno.ENOENT, errno.ENXIO, errno.ENOTDIR):
            return None
        raise
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        return None
    return fd, status


def data_parts(fd: int, size: int) -> list[tuple[int, int]]:
    """Return (offset, length) of what a file really holds, between its holes."""
    parts = []
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                break
            return [(0, size)]  # a file system without holes
        end = min(os.lseek(fd, start, os.SEEK_HOLE), size)
        if start >= size or end <= start:
            break
        parts.append((start, end - start))
        at = end
    return parts


def copy_content(fd: int, out: int, size: int, progress: Callable[[int], None] = _nothing) -> None:
    """Copy a file's bytes: shared where the file system can, else only what is no hole."""
    if size == 0:
        return
    try:
        fcntl.ioctl(out, FICLONE, fd)
        progress(size)
        return
    except OSError:
        pass
    for start, length in data_parts(fd, size):
        end = start + length
        while start < end:
            copied = _copy_range(fd, out, start, min(end - start, _PIECE))
            if copied == 0:  # cut off meanwhile
                break
            start += copied
            progress(copied)
    if os.fstat(out).st_size < size:
        os.ftruncate(out, size)


def _copy_range(fd: int, out: int, start: int, length: int) -> int:
    try:
        return os.copy_file_range(fd, out, length, start, start)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
    piece = os.pread(fd, min(length, 1 << 20), start)
    return os.pwrite(out, piece, start) if piece else 0
