"""Steps of mounts that other engines' bundles ask for: any file system, a remount, a filled tmpfs.

Planned by runtime.mount_plan, executed by runtime.init as mount_steps are. Imports linux and steps
only.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from ipycontainer.linux import mounts, syscalls
from ipycontainer.runtime.steps import Context

__all__ = ["MountByName", "Remount", "copy_up"]

# attribute of mount_setattr(2) -> flag of mount(2), linux/mount.h
_FLAGS = {
    mounts.MOUNT_ATTR_RDONLY: mounts.MS_RDONLY,
    mounts.MOUNT_ATTR_NOSUID: mounts.MS_NOSUID,
    mounts.MOUNT_ATTR_NODEV: mounts.MS_NODEV,
    mounts.MOUNT_ATTR_NOEXEC: mounts.MS_NOEXEC,
    mounts.MOUNT_ATTR_NOATIME: 1 << 10,
    mounts.MOUNT_ATTR_STRICTATIME: 1 << 24,
    mounts.MOUNT_ATTR_NODIRATIME: 1 << 11,
    mounts.MOUNT_ATTR_NOSYMFOLLOW: 1 << 8,
}
_WHOLE_FLAGS = {"sync": 1 << 4, "mand": 1 << 6, "dirsync": 1 << 7, "lazytime": 1 << 25}
_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class MountByName:
    """Mount a file system by mount(2): a disk's, an overlay, whatever the kernel has.

    Its options go over as one string, since not all file systems understand them one by one, and
    fsconfig(2) takes none of 256 bytes. `whole` are words for the file system itself.
    """

    kind: str
    source: str
    target: str
    data: str = ""
    attributes: int = 0
    propagation: int = 0
    whole: tuple[str, ...] = ()

    def execute(self, ctx: Context) -> None:
        """Mount it on the fd of its place."""
        flags = sum(_WHOLE_FLAGS[word] for word in self.whole)
        flags |= sum(flag for bit, flag in _FLAGS.items() if self.attributes & bit)
        with ctx.root.mkdirs(self.target) as target:
            place = f"/proc/self/fd/{target.fd}"
            syscalls.mount(self.source, place, self.kind, flags, self.data or None)
        if self.propagation:
            with ctx.root.sub(self.target) as mounted:
                mounts.set_attributes(mounted.fd, propagation=self.propagation)

    def describe(self) -> str:
        """Say it."""
        return f"mount {self.kind} {self.source} on {self.target}"


@dataclass(frozen=True, slots=True)
class Remount:
    """Change the attributes of what is mounted at a place by now."""

    target: str
    set_bits: int
    clear_bits: int

    def execute(self, ctx: Context) -> None:
        """Set them; a place that is no mount is the kernel's to refuse (EINVAL)."""
        place = ctx.root.openat(self.target, os.O_PATH)
        try:
            mounts.set_attributes(place, self.set_bits, self.clear_bits)
        finally:
            os.close(place)

    def describe(self) -> str:
        """Say it."""
        return f"change the mount at {self.target}"


def copy_up(hidden: int, mount: int) -> None:
    """Copy what a directory holds into the file system that shall hide it (`tmpcopyup`).

    Both are fds of directories. Owners, modes, times and attributes stay.
    """
    for name in os.listdir(source := os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=hidden)):
        _copy(source, mount, name)
    os.close(source)


def _copy(source: int, target: int, name: str) -> None:
    found = os.stat(name, dir_fd=source, follow_symlinks=False)
    kind = stat.S_IFMT(found.st_mode)
    if kind == stat.S_IFLNK:
        os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
    elif kind == stat.S_IFDIR:
        os.mkdir(name, 0o700, dir_fd=target)
        inside, copy = _directory(source, name), _directory(target, name)
        for entry in os.listdir(inside):
            _copy(inside, copy, entry)
        _finish(inside, copy, found)
        return
    elif kind == stat.S_IFREG:
        content = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        written = os.open(name, flags, dir_fd=target)
        while os.sendfile(written, content, None, _COPY_BYTES):
            pass
        _finish(content, written, found)
        return
    else:
        os.mknod(name, found.st_mode, found.st_rdev, dir_fd=target)
    os.chown(name, found.st_uid, found.st_gid, dir_fd=target, follow_symlinks=False)


def _directory(parent: int, name: str) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, dir_fd=parent)


def _finish(source: int, target: int, found: os.stat_result) -> None:
    """Give a copy its owner, mode, attributes and times, and close both."""
    os.fchown(target, found.st_uid, found.st_gid)
    os.fchmod(target, stat.S_IMODE(found.st_mode))  # after the owner: that takes setuid away
    for name in os.listxattr(source):
        os.setxattr(target, name, os.getxattr(source, name))
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
    os.close(source)
    os.close(target)
