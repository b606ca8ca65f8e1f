"""Who gets what `cp -a` copies into a container: the user that the container runs as.

Docker looks for a user by the whole of the name, in the container's own passwd file; `U:G` and most
numbers are therefore no user's. What is not there it asks getent for, which is run inside; nothing
of a container's is run here, so that only what getent would find in the same file is found
(moby `daemon/archive_tarcopyoptions_unix.go`, moby/sys/user).
"""

from __future__ import annotations

import os
import stat

from ipycontainer.errors import ResourceError
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.runtime import users

__all__ = ["owner_for"]

_SEARCHED = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")


def owner_for(root: DirFd, user: str) -> tuple[int, int] | None:
    """Return the ids that belong to a container's user, None where it names none.

    Raises ResourceError, in docker's words, where it is nobody.
    """
    if not user:
        return None
    passwd = _passwd(root)
    found = users.ids_of(user, passwd)
    if found is not None:
        return found
    if not any(_is_there(root, f"{directory}/getent") for directory in _SEARCHED):
        raise ResourceError(
            'unable to find getent command: exec: "getent": executable file not found in $PATH',
            hint=f"-a gives files to the user {user}, whom the container's passwd file lacks",
        )
    found = users.ids_of(user, passwd, numbers=True)
    if found is None:
        raise ResourceError(f'getent unable to find entry "{user}" in passwd database')
    return found


def _passwd(root: DirFd) -> bytes:
    """Return the passwd file, empty where there is no such file: an image may have a fifo there."""
    try:
        fd = root.openat("etc/passwd", os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return b""
    with os.fdopen(fd, "rb") as file:
        is_file = stat.S_ISREG(os.fstat(fd).st_mode)
        return file.read(users.READ_LIMIT_BYTES) if is_file else b""


def _is_there(root: DirFd, path: str) -> bool:
    try:
        os.close(root.openat(path, os.O_PATH))
    except OSError:
        return False
    return True
