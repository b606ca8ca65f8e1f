"""Owners, extended attributes and overlayfs's marks on files of a layer.

Below storage.unpack and storage.changes: what one of them writes, the other reads. Imports nothing
of ours.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping

__all__ = [
    "FUSE_OPAQUE",
    "allowed",
    "is_directory",
    "is_mark",
    "is_whiteout",
    "opaque_mark",
    "own",
    "set_allowed",
    "set_mode",
    "set_opaque",
]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# fuse-overlayfs's mark of a directory that hides all below it, where it may not set trusted.*
FUSE_OPAQUE = "user.fuseoverlayfs.opaque"
_CARRIED = frozenset({"security.capability", "system.posix_acl_access", "system.posix_acl_default"})
_DRIVERS = ("user.overlay.", "user.fuseoverlayfs.")


def opaque_mark(userxattr: bool) -> str:
    """Return the attribute of a directory that hides all below it.

    Inside a user namespace nobody may write trusted.*, so that overlayfs takes user.* there (its
    mount option `userxattr`).
    """
    return "user.overlay.opaque" if userxattr else "trusted.overlay.opaque"


def is_whiteout(status: os.stat_result) -> bool:
    """Tell whether a file stands for a deleted one: a character device 0:0."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def is_directory(directory: int, name: str) -> bool:
    """Tell whether a name is a directory; a link to one is none."""
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def set_opaque(directory: int, name: str, mark: str) -> None:
    """Let a directory hide what lies below it."""
    fd = os.open(name, _DIRECTORY, dir_fd=directory)
    try:
        os.setxattr(fd, mark, b"y")
    finally:
        os.close(fd)


def own(file: int | str, uid: int, gid: int, dir_fd: int | None = None) -> bool:
    """Give a file, by fd or by name in `dir_fd`, its owner.

    False where this user may not, or the id is not mapped here (EINVAL, user_namespaces(7)).
    """
    if (uid, gid) == (os.geteuid(), os.getegid()):
        return True
    try:
        if isinstance(file, int):
            os.fchown(file, uid, gid)
        else:
            os.chown(file, uid, gid, dir_fd=dir_fd, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EINVAL):
            raise
        return False
    return True


def allowed(name: str) -> bool:
    """Tell whether an archive may set an extended attribute, or may have it written into it.

    trusted.* is the machine's root's, user.overlay.* and user.fuseoverlayfs.* are the drivers'. An
    access control list names ids, which the kernel translates for a user namespace (acl(5)).
    """
    ours = name.startswith("user.") and not name.startswith(_DRIVERS)
    return ours or name in _CARRIED


def is_mark(name: str) -> bool:
    """Tell whether an extended attribute is the mark of a directory that hides all below it.

    What else overlayfs notes (where a file came from) holds for the original alone.
    """
    return name in ("user.overlay.opaque", "trusted.overlay.opaque", FUSE_OPAQUE)


def set_mode(directory: int, name: str, mode: int) -> None:
    """Set the mode of what `name` is, never of what it leads to.

    chmod(2) follows links, and a container may have put one in the place of what was made a moment
    ago; through an fd of the name itself (O_PATH) it cannot be led away. A link is left alone.
    """
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        if not stat.S_ISLNK(os.fstat(fd).st_mode):
            os.chmod(f"/proc/self/fd/{fd}", mode)
    finally:
        os.close(fd)


def set_allowed(fd: int, xattrs: Mapping[str, bytes]) -> None:
    """Set those of the attributes that an archive may bring, and pass over the others."""
    for name, value in xattrs.items():
        if not allowed(name):
            continue
        try:
            os.setxattr(fd, name, value)
        except OSError as error:
            # ENOTSUP: the file system has none; EPERM: not this user's to set; EINVAL: an id that
            # has no name in this user namespace; docker goes on
            if error.errno not in (errno.ENOTSUP, errno.EPERM, errno.EINVAL):
                raise
