"""This machine's side of a copy: what stands at its paths, and what is refused of them.

With its user's rights, and in the words of docker's client, which looks here before it asks for a
container (docker/cli `cp.go`, `utils.go`).
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from ipycontainer.errors import InvalidArgument, NotFound, ResourceError
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.storage import archiving, copy_paths
from ipycontainer.storage.copy_paths import PathInfo
from ipycontainer.storage.tar_writer import TarWriter

__all__ = ["look", "write"]


def look(path: str, *, follow: bool = False, must: bool = False) -> PathInfo:
    """Return what stands at a path.

    Raises NotFound or InvalidArgument for one that `must` be there.
    """
    through = follow or copy_paths.asserts_directory(path)
    try:
        status = os.stat(path) if through else os.lstat(path)
        if not must and stat.S_ISLNK(status.st_mode):
            # where a copy goes, links are followed, also one that leads to nothing yet
            with suppress(FileNotFoundError):
                status = os.stat(path)
            if stat.S_ISLNK(status.st_mode):
                link = os.path.join(os.path.dirname(path), os.readlink(path))
                return PathInfo(link, False)
    except (FileNotFoundError, NotADirectoryError) as error:
        if must and isinstance(error, NotADirectoryError):  # Go's EvalSymlinks names no path
            raise InvalidArgument("not a directory") from None
        if must:
            is_link = follow and os.path.islink(path)
            shown = os.path.realpath(path) if is_link else copy_paths.first_missing(path)
            words = (error.strerror or "").lower()
            raise NotFound(f"lstat {shown}: {words}") from None
        return PathInfo(path, False)
    except OSError as error:
        raise ResourceError(f"lstat {path}: {(error.strerror or '').lower()}") from error
    return PathInfo(path, True, status.st_mode, status.st_size, status.st_mtime_ns)


def write(archive: TarWriter, source: str, info: PathInfo, base: str, follow: bool) -> None:
    """Write a file or a directory of this machine, which is called `base` in the archive."""
    if info.is_directory:
        with DirFd.open(source) as directory:
            archiving.write_tree(archive, directory, prefix=base)
        return
    path = os.path.realpath(source) if follow else os.path.abspath(source)
    with DirFd.open(os.path.dirname(path)) as directory:
        name = os.path.basename(path)
        status = os.stat(name, dir_fd=directory.fd, follow_symlinks=False)
        archiving.write_entry(archive, archiving.Found(name, name, directory.fd, status), base, {})
