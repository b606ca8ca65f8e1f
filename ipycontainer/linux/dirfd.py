"""A directory by file descriptor, below which no path can lead out.

Every path inside a container's root goes through here: openat2(2) with RESOLVE_IN_ROOT takes the
directory for `/`, follows symbolic links as the container would see them, and refuses the magic
links of procfs. A path that was checked and then used again by its name could be swapped in between
(CVE-2021-30465, CVE-2024-45310): what is opened here is used by its fd.
"""

from __future__ import annotations

import errno
import os
import stat
from types import TracebackType
from typing import Self

from ipycontainer.linux import syscalls

__all__ = ["RESOLVE_BENEATH", "RESOLVE_NO_SYMLINKS", "DirFd"]

RESOLVE_NO_XDEV = 0x01  # linux/openat2.h, as the others
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10

O_PATH = os.O_PATH
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_MOST_LINKS = 40  # linux/namei.h: MAXSYMLINKS
_IN_ROOT = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS


class DirFd:
    """An open directory that is the root of all paths given to it.

    Paths may begin with `/` or not; both start at this directory. Errors are OSError as the kernel
    gives them.
    """

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> DirFd:
        """Open a directory of the host; `path` itself is followed as any path is."""
        return cls(os.open(path, _DIRECTORY))

    def openat(self, path: str, flags: int, mode: int = 0) -> int:
        """Open a path below, and return the fd (close-on-exec)."""
        raw = os.fsencode(path) or b"."
        for _ in range(32):
            try:
                return syscalls.openat2(self.fd, raw, flags | os.O_CLOEXEC, mode, _IN_ROOT)
            except OSError as error:
                # openat2(2): EAGAIN when something was renamed during a walk with `..`
                if error.errno != errno.EAGAIN:
                    raise
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), path)

    def sub(self, path: str) -> DirFd:
        """Open a directory below."""
        return DirFd(self.openat(path, _DIRECTORY))

    def mkdirs(self, path: str, mode: int = 0o755) -> DirFd:
        """Open a directory below, making it and its parents where missing.

        A dangling symbolic link on the way stays an error (ENOENT): what it points to is not ours
        to make.
        """
        try:
            return self.sub(path)
        except FileNotFoundError:
            pass
        current = ""
        for part in path.split("/"):
            if part in ("", "."):
                continue
            parent, current = current, f"{current}/{part}"
            try:
                os.close(self.openat(current, _DIRECTORY))
            except FileNotFoundError:
                if part == "..":
                    raise
                with self.sub(parent) as directory:
                    try:
                        os.mkdir(part, mode, dir_fd=directory.fd)
                    except FileExistsError:
                        pass
        return self.sub(current)

    def beyond_links(self, path: str) -> str:
        """Return a path with each link replaced by what it names, also where that is missing.

        For who may make what a dangling link names: it is looked up below this directory, as ever,
        and `..` leads nowhere above it. Raises OSError.
        """
        done: list[str] = []
        rest = path.split("/")[::-1]
        hops = 0
        while rest:
            part = rest.pop()
            if part == "..":
                del done[-1:]
            if part in ("", ".", ".."):
                continue
            try:
                fd = self.openat("/".join((*done, part)), os.O_PATH | os.O_NOFOLLOW)
            except FileNotFoundError:
                done.append(part)
                continue
            try:
                if not stat.S_ISLNK(os.fstat(fd).st_mode):
                    done.append(part)
                    continue
                link = os.readlink("", dir_fd=fd)
            finally:
                os.close(fd)
            hops += 1
            if hops > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            if link.startswith("/"):
                done = []
            rest += link.split("/")[::-1]
        return "/" + "/".join(done)

    def create_file(self, path: str, mode: int = 0o644) -> int:
        """Open a file (O_PATH), making an empty one and its parents where missing."""
        try:
            return self.openat(path, os.O_PATH)
        except FileNotFoundError:
            pass
        parent, _, name = path.rstrip("/").rpartition("/")
        with self.mkdirs(parent) as directory:
            try:
                fd = os.open(
                    name,
                    os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                    mode,
                    dir_fd=directory.fd,
                )
                os.close(fd)
            except FileExistsError:
                pass
        return self.openat(path, os.O_PATH)

    def close(self) -> None:
        """Close the directory; a second close does nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
