"""The mount calls of Linux 5.2 and later, by file descriptor.

A file system is configured (`FileSystem`), becomes a detached mount, and is moved onto an fd; a
bind is a cloned tree (`clone_tree`) that gets its attributes before anybody can see it. No target
is ever named by a path of the container's. Used by the runtime's mount steps and by workers that
mount a snapshot.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterable
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint, c_void_p
from types import TracebackType
from typing import Self

from ipycontainer.linux import syscalls

__all__ = [
    "ATTRIBUTES",
    "FileSystem",
    "clone_tree",
    "detach",
    "make_all_slave",
    "map_owners",
    "mount_overlay",
    "mount_overlay_by_string",
    "move_onto",
    "set_attributes",
]

NR_OPEN_TREE = 428  # include/uapi/asm-generic/unistd.h, as the others
NR_MOVE_MOUNT = 429
NR_FSOPEN = 430
NR_FSCONFIG = 431
NR_FSMOUNT = 432
NR_MOUNT_SETATTR = 442

FSOPEN_CLOEXEC = 1  # linux/mount.h, as all below
FSCONFIG_SET_FLAG = 0
FSCONFIG_SET_STRING = 1
FSCONFIG_CMD_CREATE = 6
FSMOUNT_CLOEXEC = 1
OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = os.O_CLOEXEC
MOVE_MOUNT_F_EMPTY_PATH = 0x04
MOVE_MOUNT_T_EMPTY_PATH = 0x40
MOUNT_ATTR_RDONLY = 0x01
MOUNT_ATTR_NOSUID = 0x02
MOUNT_ATTR_NODEV = 0x04
MOUNT_ATTR_NOEXEC = 0x08
MOUNT_ATTR__ATIME = 0x70
MOUNT_ATTR_NOATIME = 0x10
MOUNT_ATTR_STRICTATIME = 0x20
MOUNT_ATTR_NODIRATIME = 0x80
MOUNT_ATTR_IDMAP = 0x100000
MOUNT_ATTR_NOSYMFOLLOW = 0x200000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 0x01, 0x02, 0x04, 0x08
MS_REMOUNT, MS_BIND, MS_REC = 0x20, 0x1000, 0x4000
MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE, MS_SHARED = 1 << 17, 1 << 18, 1 << 19, 1 << 20
AT_EMPTY_PATH = 0x1000  # linux/fcntl.h
AT_RECURSIVE = 0x8000
AT_FDCWD = -100
MNT_DETACH = 2  # sys/mount.h

FSCONFIG_LIMIT_BYTES = 256  # fs/fsopen.c: strndup_user(_value, 256)
MOUNT_DATA_LIMIT_BYTES = 4095  # mount(2) copies one page and cuts the rest without a word

# mount(8)'s word -> (attributes to set, attributes to clear)
ATTRIBUTES = {
    "ro": (MOUNT_ATTR_RDONLY, 0),
    "rw": (0, MOUNT_ATTR_RDONLY),
    "nosuid": (MOUNT_ATTR_NOSUID, 0),
    "suid": (0, MOUNT_ATTR_NOSUID),
    "nodev": (MOUNT_ATTR_NODEV, 0),
    "dev": (0, MOUNT_ATTR_NODEV),
    "noexec": (MOUNT_ATTR_NOEXEC, 0),
    "exec": (0, MOUNT_ATTR_NOEXEC),
    "noatime": (MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME),
    "strictatime": (MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME),
    "relatime": (0, MOUNT_ATTR__ATIME),
    "atime": (0, MOUNT_ATTR__ATIME),  # the other way of access times is relatime, the kernel's own
    "norelatime": (0, MOUNT_ATTR__ATIME),
    "nostrictatime": (0, MOUNT_ATTR__ATIME),
    "nodiratime": (MOUNT_ATTR_NODIRATIME, 0),
    "diratime": (0, MOUNT_ATTR_NODIRATIME),
    "nosymfollow": (MOUNT_ATTR_NOSYMFOLLOW, 0),
    "symfollow": (0, MOUNT_ATTR_NOSYMFOLLOW),
}


class _MountAttr(ctypes.Structure):
    """`struct mount_attr` of linux/mount.h."""

    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


_fsopen = syscalls.syscall(c_char_p, c_uint)
_fsconfig = syscalls.syscall(c_int, c_uint, c_char_p, c_char_p, c_int)
_fsmount = syscalls.syscall(c_int, c_uint, c_uint)
_open_tree = syscalls.syscall(c_int, c_char_p, c_uint)
_move_mount = syscalls.syscall(c_int, c_char_p, c_int, c_char_p, c_uint)
_mount_setattr = syscalls.syscall(c_int, c_char_p, c_uint, c_void_p, c_size_t)


class FileSystem:
    """A file system that is being configured: fsopen(2) to fsmount(2).

    Errors carry the kernel's own message about the option, where it left one.
    """

    __slots__ = ("fd", "kind")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.fd: int = _fsopen(NR_FSOPEN, kind.encode(), FSOPEN_CLOEXEC)
        if self.fd < 0:
            raise syscalls.failed()

    def set(self, key: str, value: str | None = None) -> None:
        """Set an option: a flag without a value, else a string."""
        if value is None:
            result = _fsconfig(NR_FSCONFIG, self.fd, FSCONFIG_SET_FLAG, key.encode(), None, 0)
        else:
            raw = os.fsencode(value)
            result = _fsconfig(NR_FSCONFIG, self.fd, FSCONFIG_SET_STRING, key.encode(), raw, 0)
        if result < 0:
            raise self._failed()

    def mount(self, attributes: int = 0) -> int:
        """Return the fd of a detached mount of the file system."""
        if _fsconfig(NR_FSCONFIG, self.fd, FSCONFIG_CMD_CREATE, None, None, 0) < 0:
            raise self._failed()
        fd: int = _fsmount(NR_FSMOUNT, self.fd, FSMOUNT_CLOEXEC, attributes)
        if fd < 0:
            raise self._failed()
        return fd

    def _failed(self) -> OSError:
        error = syscalls.failed()
        lines = []
        try:
            while line := os.read(self.fd, 4096):
                lines.append(line.decode(errors="replace").strip().partition(" ")[2])
        except OSError:
            pass  # ENODATA: the log is read to its end
        if lines:
            error.strerror = f"{error.strerror} ({'; '.join(lines)})"
        return error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self.fd)


def clone_tree(directory: int, path: str = "", *, recursive: bool = True) -> int:
    """Return the fd of a detached copy of the mounts at an fd, or at a path (below `directory`)."""
    flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (AT_RECURSIVE if recursive else 0)
    if not path:
        flags |= AT_EMPTY_PATH
    fd: int = _open_tree(NR_OPEN_TREE, directory, os.fsencode(path), flags)
    if fd < 0:
        raise syscalls.failed(path)
    return fd


def set_attributes(
    fd: int,
    set_bits: int = 0,
    clear_bits: int = 0,
    *,
    propagation: int = 0,
    recursive: bool = False,
) -> None:
    """Change the attributes of a mount, or of a whole tree of them (Linux 5.12, else ENOSYS).

    A bind that was made read-only by mount(2) keeps its submounts writable; this does not.
    """
    attr = _MountAttr(set_bits, clear_bits, propagation, 0)
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    if _mount_setattr(NR_MOUNT_SETATTR, fd, b"", flags, byref(attr), ctypes.sizeof(attr)) < 0:
        raise syscalls.failed()


def map_owners(fd: int, owners: int, *, recursive: bool) -> None:
    """Show a detached mount's files to everybody with the ids that a user namespace maps theirs to.

    `owners` is the namespace's fd. Only root of the file system's own user namespace may (EPERM),
    and not every file system can (EINVAL); Linux 5.12.
    """
    attr = _MountAttr(MOUNT_ATTR_IDMAP, 0, 0, owners)
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    if _mount_setattr(NR_MOUNT_SETATTR, fd, b"", flags, byref(attr), ctypes.sizeof(attr)) < 0:
        raise syscalls.failed()


def move_onto(mount: int, target: int) -> None:
    """Attach a detached mount at the file or directory that `target` is open on."""
    flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
    if _move_mount(NR_MOVE_MOUNT, mount, b"", target, b"", flags) < 0:
        raise syscalls.failed()


def mount_overlay(
    lowers: Iterable[str], upper: str, work: str, target: int, *, userxattr: bool = False
) -> None:
    """Mount an overlay on the directory that `target` is open on.

    `lowers` come topmost first; without `upper` it is read-only. Layers go one by one through
    `lowerdir+` (Linux 6.7); an older kernel does not know it (EINVAL) and gets one option string.
    """
    lowers = tuple(lowers)
    opened: list[int] = []
    try:
        with FileSystem("overlay") as fs:
            fs.set("source", "overlay")
            try:
                fs.set("lowerdir+", _short(lowers[0], opened))
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                mount_overlay_by_string(lowers, upper, work, target, userxattr=userxattr)
                return
            for lower in lowers[1:]:
                fs.set("lowerdir+", _short(lower, opened))
            if upper:
                fs.set("upperdir", _short(upper, opened))
                fs.set("workdir", _short(work, opened))
            if userxattr:
                fs.set("userxattr")
            else:
                # A renamed directory would be noted in an attribute alone: whoever reads the upper
                # directory would not find its files. (userxattr turns it off by itself.)
                fs.set("redirect_dir", "off")
            mount = fs.mount()
    finally:
        for fd in opened:
            os.close(fd)
    try:
        move_onto(mount, target)
    finally:
        os.close(mount)


def mount_overlay_by_string(
    lowers: tuple[str, ...], upper: str, work: str, target: int, *, userxattr: bool = False
) -> None:
    """Mount an overlay as `mount_overlay` does, by mount(2).

    Raises E2BIG where the kernel would cut the options in silence.
    """
    options = [f"lowerdir={':'.join(_escape(path, ':,') for path in lowers)}"]
    if upper:
        options += [f"upperdir={_escape(upper, ',')}", f"workdir={_escape(work, ',')}"]
    options.append("userxattr" if userxattr else "redirect_dir=off")
    data = ",".join(options)
    if len(os.fsencode(data)) > MOUNT_DATA_LIMIT_BYTES:
        raise OSError(errno.E2BIG, f"{len(lowers)} layers with paths this long need Linux 6.7")
    syscalls.mount("overlay", f"/proc/self/fd/{target}", "overlay", 0, data)


def _short(path: str, opened: list[int]) -> str:
    """Return a name for a path that fsconfig(2) takes: it refuses 256 bytes and more (EINVAL)."""
    if len(os.fsencode(path)) < FSCONFIG_LIMIT_BYTES:
        return path
    opened.append(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    return f"/proc/self/fd/{opened[-1]}"


def _escape(path: str, special: str) -> str:
    for letter in "\\" + special:
        path = path.replace(letter, f"\\{letter}")
    return path


def make_all_slave() -> None:
    """Stop every mount of this namespace from propagating outwards.

    Slave and not private, so that an unmount on the host does not stay busy here.
    """
    syscalls.mount(None, "/", None, MS_REC | MS_SLAVE)


def detach(path: str) -> None:
    """Unmount lazily whatever is mounted at `path`."""
    syscalls.umount(path, MNT_DETACH)
