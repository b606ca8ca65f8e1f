"""What runc says of a mount or a directory that the kernel refused: docker prints these words.

Source: runc 1.1 `libcontainer/rootfs_linux.go`, `mount_linux.go`. How its system calls went (the fd
of the target, the flags) is left out: ours are others.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

__all__ = ["INSIDE_PROC", "NOT_PROC", "of_bind", "of_directory", "of_tmpfs"]

# Why we refuse a mount ourselves, the message of an EPERM.
INSIDE_PROC, NOT_PROC = "inside /proc", "not of type proc"

_FILE_PLACE = "create target of file bind-mount:"
_DURING = "error during container init: "


def of_bind(source: str, target: str, error: OSError) -> str:
    """Return why a bind failed; of a file on a directory the kernel's word is not runc's."""
    where = f'{_DURING}error mounting "{source}" to rootfs at "{target}": '
    place = f"{where}create mount destination for {target} mount: "
    if error.errno == errno.ENOTDIR and _is_below_a_file(source):
        return f"{place}bind mount source stat: stat {source}: {_words(error)}"
    if error.errno == errno.EROFS:  # its place is missing on a mount that may not be written
        how = "mkdirat" if os.path.isdir(source) else f"{_FILE_PLACE} mknod regular file"
        return f"{place}{how} {target}: {_words(error)}"
    if error.errno == errno.ENOTDIR:
        return f"{place}cannot mkdir in {target}: {_words(error)}"
    if error.strerror in (INSIDE_PROC, NOT_PROC):
        return (
            f'{place}check proc-safety of {target} mount: "{target}" cannot be mounted because '
            f"it is {error.strerror}"
        )
    words = "not a directory" if error.errno == errno.EISDIR else _words(error)
    return f"{where}mount {source}:{target}: {words}"


def _is_below_a_file(path: str) -> bool:
    try:
        os.lstat(path)
    except NotADirectoryError:
        return True
    except OSError:
        pass
    return False


def of_tmpfs(target: str, options: Sequence[tuple[str, str]], error: OSError) -> str:
    """Return why a tmpfs could not be mounted."""
    if error.errno == errno.EROFS:  # its place is missing on a mount that may not be written
        return (
            f'{_DURING}error mounting "tmpfs" to rootfs at "{target}": '
            f"create mount destination for {target} mount: mkdirat {target}: {_words(error)}"
        )
    data = ",".join(f"{key}={value}" if value else key for key, value in options)
    with_data = f", data: {data}" if data else ""
    return (
        f'{_DURING}error mounting "tmpfs" to rootfs at "{target}": '
        f"mount tmpfs:{target}{with_data}: {_words(error)}"
    )


def of_directory(path: str, error: OSError) -> str:
    """Return why a directory could not be made."""
    return f"{_DURING}mkdir {path}: {_words(error)}"


def _words(error: OSError) -> str:
    return os.strerror(error.errno or 0).lower()
