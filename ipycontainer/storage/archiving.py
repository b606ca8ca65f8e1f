"""A tree as an archive: what `export`, `cp` and `commit` read of a container, or of this machine.

The walk holds an fd a level and opens by name in it, no link followed, so that nothing outside the
tree is ever read, whoever changes it meanwhile. Sockets are left out, as every tar does.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from ipycontainer.linux.dirfd import DirFd
from ipycontainer.storage import attributes, copying
from ipycontainer.storage.tar_writer import TarWriter

__all__ = ["Found", "read_xattrs", "walk", "write_entry", "write_tree"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Found:
    """A file that a walk came to: `name` in the directory open as `directory`.

    `path` is its path below the walk's root. For a directory, `fd` is open on it as long as its
    content is walked; -1 for all else.
    """

    path: str
    name: str
    directory: int
    status: os.stat_result
    fd: int = -1


def walk(
    root: int, *, same_device: bool = False, enter: Callable[[Found], bool] | None = None
) -> Iterator[Found]:
    """Yield all that is in the directory open as `root`, parents first, names in byte order.

    With `same_device` what is mounted inside is told, but not entered; `enter` may refuse others.
    What goes away meanwhile is not told.
    """
    top = os.open(".", _DIRECTORY, dir_fd=root)
    device = os.fstat(top).st_dev
    stack = [(top, "", _names(top))]
    try:
        while stack:
            directory, path, names = stack[-1]
            name = next(names, None)
            if name is None:
                os.close(directory)
                stack.pop()
                continue
            try:
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
                if not stat.S_ISDIR(status.st_mode):
                    yield Found(f"{path}{name}", name, directory, status)
                    continue
                fd = os.open(name, _DIRECTORY, dir_fd=directory)
            except (FileNotFoundError, NotADirectoryError):
                continue  # gone, or something else by now
            found = Found(f"{path}{name}", name, directory, os.fstat(fd), fd)
            try:
                yield found
                entered = (not same_device or found.status.st_dev == device) and (
                    enter is None or enter(found)
                )
            except BaseException:
                os.close(fd)
                raise
            if entered:
                stack.append((fd, f"{path}{name}/", _names(fd)))
            else:
                os.close(fd)
    finally:
        for directory, _, _ in stack:
            os.close(directory)


def _names(fd: int) -> Iterator[str]:
    return iter(sorted(os.listdir(fd), key=os.fsencode))


def write_tree(
    archive: TarWriter,
    root: DirFd,
    *,
    prefix: str = "",
    same_device: bool = False,
    own: bool = True,
) -> None:
    """Write a tree, and with `own` the directory itself, under `prefix` ("" or `name`)."""
    links: dict[tuple[int, int], str] = {}
    start = f"{prefix}/" if prefix else ""
    if own:
        fd = os.open(".", _DIRECTORY, dir_fd=root.fd)
        try:
            archive.entry(prefix or ".", os.fstat(fd), xattrs=read_xattrs(fd))
        finally:
            os.close(fd)
    for found in walk(root.fd, same_device=same_device):
        write_entry(archive, found, f"{start}{found.path}", links)


def write_entry(
    archive: TarWriter, found: Found, name: str, links: dict[tuple[int, int], str]
) -> bool:
    """Write one file under `name`; False where there is nothing (any more) to be written.

    `links` keeps the first name of each file that has several.
    """
    status, directory = found.status, found.directory
    mode = status.st_mode
    if stat.S_ISDIR(mode):
        archive.entry(name, status, xattrs=read_xattrs(found.fd))
        return True
    key = (status.st_dev, status.st_ino)
    if status.st_nlink > 1 and key in links:
        archive.hard_link(name, status, links[key])
        return True
    if stat.S_ISREG(mode):
        opened = copying.open_regular(directory, found.name)
        if opened is None:
            return False
        fd, status = opened
        try:
            archive.file(name, status, fd, read_xattrs(fd))
        finally:
            os.close(fd)
    elif stat.S_ISLNK(mode):
        try:
            target = os.readlink(found.name, dir_fd=directory)
        except OSError:
            return False
        archive.entry(name, status, link=target)
    elif stat.S_ISSOCK(mode) or attributes.is_whiteout(status):
        return False
    else:
        archive.entry(name, status)
    if status.st_nlink > 1:
        links[(status.st_dev, status.st_ino)] = name
    return True


def read_xattrs(fd: int) -> dict[str, bytes]:
    """Return the attributes that a layer may hold."""
    found: dict[str, bytes] = {}
    try:
        names = os.listxattr(fd)
    except OSError:
        return found
    for name in names:
        if attributes.allowed(name):
            with suppress(OSError):
                found[name] = os.getxattr(fd, name)
    return found
