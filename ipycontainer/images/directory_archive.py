"""A directory as a tar stream, so that it is imported by the same one pass as any archive.

Called by images.archive_import in a worker: a thread writes, the importer reads the other end of a
pipe. Only writes archives: reading them is storage.tar_reader's.
"""

from __future__ import annotations

import os
import stat
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from ipycontainer.errors import ImageFormatError
from ipycontainer.storage import attributes

__all__ = ["archive_of"]

_KINDS = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
}


@contextmanager
def archive_of(path: str) -> Iterator[BinaryIO]:
    """Give a readable stream of the tree at `path`, names sorted.

    Links are kept as links, sockets left out, and what is mounted inside the tree is an empty
    directory (as GNU tar's --one-file-system). Raises ImageFormatError, at the end of the `with`,
    when something could not be read: the stream is cut off then.
    """
    try:
        root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _failure(error, path) from error
    reading, writing = os.pipe2(os.O_CLOEXEC)
    failures: list[OSError] = []

    def write() -> None:
        try:
            with (
                os.fdopen(writing, "wb", buffering=1 << 20) as pipe,
                tarfile.open(fileobj=pipe, mode="w|", format=tarfile.PAX_FORMAT) as archive,
            ):
                _write_tree(archive, root)
        except BrokenPipeError:
            pass  # the reader gave up, and says why itself
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=write, name="archive-directory")
    try:
        thread.start()
        try:
            with os.fdopen(reading, "rb", buffering=0) as stream:
                yield stream
        finally:
            thread.join()
    finally:
        os.close(root)
    if failures:
        raise _failure(failures[0], path) from failures[0]


def _failure(error: OSError, path: str) -> ImageFormatError:
    return ImageFormatError(f"open {error.filename or path}: {(error.strerror or '').lower()}")


def _write_tree(archive: tarfile.TarFile, root: int) -> None:
    device = os.fstat(root).st_dev
    links: dict[int, str] = {}
    _write_entry(archive, root, ".", "", links)
    for here, directories, files, fd in os.fwalk(".", dir_fd=root, onerror=_raise):
        directories.sort()
        for name in sorted([*directories, *files]):
            path = f"{here}/{name}".removeprefix("./")
            if _write_entry(archive, fd, name, path, links) != device and name in directories:
                directories.remove(name)


def _write_entry(
    archive: tarfile.TarFile, directory: int, name: str, path: str, links: dict[int, str]
) -> int:
    """Write one file, and return its device."""
    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    kind = _KINDS.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return status.st_dev
    entry = tarfile.TarInfo(path or "./")
    entry.type = kind
    entry.mode = stat.S_IMODE(status.st_mode)
    entry.uid, entry.gid = status.st_uid, status.st_gid
    entry.mtime = int(status.st_mtime)
    if kind == tarfile.SYMTYPE:
        entry.linkname = os.readlink(name, dir_fd=directory)
    elif kind in (tarfile.CHRTYPE, tarfile.BLKTYPE):
        entry.devmajor, entry.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
    elif kind == tarfile.REGTYPE:
        if status.st_nlink > 1 and (first := links.setdefault(status.st_ino, path)) != path:
            entry.type, entry.linkname = tarfile.LNKTYPE, first
        else:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with os.fdopen(os.open(name, flags, dir_fd=directory), "rb") as content:
                # What is open now is what is written, whatever the name meant a moment ago.
                entry.size = os.fstat(content.fileno()).st_size
                entry.pax_headers = _attributes(content.fileno())
                archive.addfile(entry, content)
            return status.st_dev
    archive.addfile(entry)
    return status.st_dev


def _attributes(fd: int) -> dict[str, str]:
    """Return the attributes that a layer may hold, under the names that archives have for them.

    A value goes through tarfile as UTF-8 with surrogates, which gives its own bytes back.
    """
    found: dict[str, str] = {}
    with suppress(OSError):
        for name in os.listxattr(fd):
            if attributes.allowed(name):
                value = os.getxattr(fd, name)
                found[f"SCHILY.xattr.{name}"] = value.decode("utf-8", "surrogateescape")
    return found


def _raise(error: OSError) -> None:
    raise error
