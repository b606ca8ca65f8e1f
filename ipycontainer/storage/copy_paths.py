"""Paths of `cp`: what stands at a path of a container, and what a copy becomes there.

Pure but for `look` and `first_missing`. The rules are docker's (moby `pkg/archive/copy.go`): a path
that ends with `/` or `/.` means a directory, and with `/.` its content.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from dataclasses import dataclass
from typing import Any

from ipycontainer.errors import InvalidArgument, NotFound
from ipycontainer.linux.dirfd import DirFd

__all__ = [
    "PathInfo",
    "asserts_directory",
    "base_of",
    "first_missing",
    "look",
    "missing",
    "place_of",
    "rename_for",
]

# What a running container has there is the kernel's: no copy sees it, in docker neither.
_INSTEAD = {
    "dev": "--volume, or exec -i with sh -c 'cat > FILE', for /dev/shm",
    "proc": "exec with cat",
    "sys": "exec with cat",
}


@dataclass(frozen=True, slots=True)
class PathInfo:
    """What stands at a path: `mode` is the whole of st_mode; `link` is a symbolic link's target."""

    path: str
    exists: bool
    mode: int = 0
    size: int = 0
    mtime_ns: int = 0
    link: str = ""

    @property
    def is_directory(self) -> bool:
        """Tell whether it is a directory."""
        return self.exists and stat.S_ISDIR(self.mode)

    def to_json(self) -> dict[str, Any]:
        """Return the record for another process."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def asserts_directory(path: str) -> bool:
    """Tell whether a path says that it is a directory's."""
    return path.endswith(("/", "/.")) or path == "."


def base_of(path: str) -> str:
    """Return the name that a copy of `path` has: "" for the content of a directory."""
    if path.endswith("/.") or path in (".", "/"):
        return ""
    return posixpath.basename(posixpath.normpath(path))


def place_of(path: str) -> tuple[str, str]:
    """Return the directory that a path stands in, and its last name."""
    return posixpath.split(posixpath.normpath(path))


def rename_for(source: PathInfo, target: PathInfo) -> tuple[str, tuple[str, str] | None]:
    """Return the directory to unpack into and how the copy's first name changes.

    Raises InvalidArgument in the words of docker's client.
    """
    base = base_of(source.path)
    if target.is_directory:
        return target.path, None
    above, name = place_of(target.path)
    if target.exists and source.is_directory:
        raise InvalidArgument("cannot copy directory")
    if not target.exists and not source.is_directory and asserts_directory(target.path):
        raise InvalidArgument("no such directory")
    if not target.exists and target.path.endswith("/."):
        return posixpath.normpath(target.path), None  # into a directory, and there is none
    return above, (base, name)


def look(root: DirFd, path: str, *, follow: bool = False) -> PathInfo:
    """Return what stands at a path of the tree; a link is itself, unless the path says otherwise.

    Raises OSError but for what is not there.
    """
    through = follow or asserts_directory(path) or posixpath.normpath(path) == "/"
    try:
        fd = root.openat(path, os.O_PATH | (0 if through else os.O_NOFOLLOW))
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            raise
        if error.errno == errno.ENOTDIR and asserts_directory(path):
            above = look(root, path.rstrip("/.") or "/")
            if above.exists:
                raise InvalidArgument(f"lstat {path}: not a directory") from None
        return PathInfo(path, exists=False)
    try:
        status = os.fstat(fd)
        link = os.readlink("", dir_fd=fd) if stat.S_ISLNK(status.st_mode) else ""
    finally:
        os.close(fd)
    return PathInfo(path, True, status.st_mode, status.st_size, status.st_mtime_ns, link)


def missing(path: str, container: str) -> NotFound:
    """Return the error for a path that is not there, in docker's words."""
    top = posixpath.normpath(f"/{path}").split("/")[1]
    hint = (
        f"/{top} is mounted for programs that run, and has no files to copy: {_INSTEAD[top]}"
        if top in _INSTEAD
        else ""
    )
    return NotFound(f"Could not find the file {path} in container {container}", hint=hint)


def first_missing(path: str) -> str:
    """Return what docker's client names of a path that is not there: the first part that is none.

    Directories are resolved before (Go's EvalSymlinks), and a slash is put behind the last one.
    """
    directory, name = os.path.split(path)
    found = "/"
    for part in directory.split("/"):
        found = os.path.join(found, part)
        if not os.path.lexists(found):
            return found
        found = os.path.realpath(found)
    return f"{found}/{name}" if name and os.path.isabs(path) else path
