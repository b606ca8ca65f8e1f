"""Steps about single paths of the container: device nodes, links, masked and read-only paths.

Imports linux and steps only.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass

from ipycontainer.linux import mounts
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model.oci import Device
from ipycontainer.runtime.steps import Context

__all__ = ["BindDevices", "LinkDevices", "MakeDevices", "MaskPaths", "RestrictPaths"]

_TYPES = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}
_NULL = os.makedev(1, 3)
# A path through an image's link must not lead a device elsewhere (CVE-2026-41579).
_REAL_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW


def _parent(root: DirFd, path: str) -> tuple[int, str]:
    directory, _, name = path.rpartition("/")
    try:
        return root.openat(directory, _REAL_DIRECTORY), name
    except FileNotFoundError:
        return root.mkdirs(directory).fd, name


@dataclass(frozen=True, slots=True)
class MakeDevices:
    """Make device nodes with their exact modes (init's umask is 0 while it builds)."""

    devices: tuple[Device, ...]

    def execute(self, ctx: Context) -> None:
        """Make one after the other.

        A node that the image has already is replaced; a directory stays, as with runc.
        """
        for device in self.devices:
            parent, name = _parent(ctx.root, device.path)
            try:
                mode = _TYPES[device.type] | device.file_mode
                number = os.makedev(device.major, device.minor)
                try:
                    os.mknod(name, mode, number, dir_fd=parent)
                except FileExistsError:
                    if stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
                        continue
                    os.unlink(name, dir_fd=parent)
                    os.mknod(name, mode, number, dir_fd=parent)
                if device.uid or device.gid:
                    os.chown(name, device.uid, device.gid, dir_fd=parent, follow_symlinks=False)
            finally:
                os.close(parent)

    def describe(self) -> str:
        """Say it."""
        return f"make devices {' '.join(device.path for device in self.devices)}"


@dataclass(frozen=True, slots=True)
class BindDevices:
    """Show the host's device nodes: in a user namespace nobody can make one (EPERM).

    Read-only: that keeps nobody from writing to a device, only from changing the node, which is the
    machine's. `sources` are (path inside, path here) each, where they differ.
    """

    devices: tuple[Device, ...]
    sources: tuple[tuple[str, str], ...] = ()

    def execute(self, ctx: Context) -> None:
        """Bind each on an empty file, when it is the device that was asked for."""
        sources = dict(self.sources)
        for device in self.devices:
            source = sources.get(device.path, device.path)
            tree = mounts.clone_tree(mounts.AT_FDCWD, source, recursive=False)
            try:
                found = os.fstat(tree)
                number = os.makedev(device.major, device.minor)
                if stat.S_IFMT(found.st_mode) != _TYPES[device.type] or found.st_rdev != number:
                    raise OSError(errno.ENODEV, "the host has another file there", source)
                mounts.set_attributes(tree, mounts.MOUNT_ATTR_RDONLY)
                target = ctx.root.create_file(device.path)
                try:
                    mounts.move_onto(tree, target)
                finally:
                    os.close(target)
            finally:
                os.close(tree)

    def describe(self) -> str:
        """Say it."""
        return f"bind devices {' '.join(device.path for device in self.devices)}"


@dataclass(frozen=True, slots=True)
class LinkDevices:
    """Make the symbolic links of /dev: (name, where it points) each; what exists stays."""

    links: tuple[tuple[str, str], ...]

    def execute(self, ctx: Context) -> None:
        """Make them."""
        directory, _ = _parent(ctx.root, "/dev/null")
        try:
            for name, destination in self.links:
                try:
                    os.symlink(destination, name, dir_fd=directory)
                except FileExistsError:
                    continue
        finally:
            os.close(directory)

    def describe(self) -> str:
        """Say it."""
        return f"make links {' '.join(name for name, _ in self.links)} in /dev"


@dataclass(frozen=True, slots=True)
class MaskPaths:
    """Cover paths: files by a null device, directories by one empty tmpfs, both read-only.

    It is the container's own, where that has one; else the host's, of which a container that may
    mount could change the mode. Both are checked by their number: a neighbour with a shared /dev
    may have put something in their place (CVE-2025-31133). Missing paths are skipped.
    """

    paths: tuple[str, ...]

    def execute(self, ctx: Context) -> None:
        """Cover each."""
        null = _null_device(ctx.root)
        empty = -1
        try:
            for path in dict.fromkeys(self.paths):
                try:
                    target = ctx.root.openat(path, os.O_PATH)
                except (FileNotFoundError, NotADirectoryError):
                    continue
                try:
                    if not stat.S_ISDIR(os.fstat(target).st_mode):
                        tree = mounts.clone_tree(null, recursive=False)
                        mounts.set_attributes(tree, mounts.MOUNT_ATTR_RDONLY)
                        _attach(tree, target)
                    elif empty < 0:
                        empty = _empty_directory()
                        mounts.move_onto(empty, target)
                    else:
                        _attach(mounts.clone_tree(empty, recursive=False), target)
                finally:
                    os.close(target)
        finally:
            os.close(null)
            if empty >= 0:
                os.close(empty)

    def describe(self) -> str:
        """Say it."""
        return f"mask {len(self.paths)} paths ({', '.join(self.paths)})"


@dataclass(frozen=True, slots=True)
class RestrictPaths:
    """Make paths read-only, with all that is mounted below them; missing ones are skipped."""

    paths: tuple[str, ...]

    def execute(self, ctx: Context) -> None:
        """Lay a read-only copy over each; nothing can be laid over the root itself."""
        for path in dict.fromkeys(self.paths):
            if not path.strip("/"):
                mounts.set_attributes(ctx.root.fd, mounts.MOUNT_ATTR_RDONLY)
                continue
            try:
                target = ctx.root.openat(path, os.O_PATH)
            except (FileNotFoundError, NotADirectoryError):
                continue
            try:
                tree = mounts.clone_tree(target)
                try:
                    mounts.set_attributes(tree, mounts.MOUNT_ATTR_RDONLY, recursive=True)
                    mounts.move_onto(tree, target)
                finally:
                    os.close(tree)
            finally:
                os.close(target)

    def describe(self) -> str:
        """Say it."""
        return f"make {len(self.paths)} paths read-only ({', '.join(self.paths)})"


def _null_device(root: DirFd) -> int:
    """Return a descriptor of the container's null device, of the host's where it has none."""
    with suppress(OSError):
        own = root.openat("/dev/null", os.O_PATH | os.O_NOFOLLOW)
        if _is_null(own):
            return own
        os.close(own)
    null = os.open("/dev/null", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not _is_null(null):
        os.close(null)
        raise OSError(errno.ENODEV, "not the null device", "/dev/null")
    return null


def _is_null(fd: int) -> bool:
    found = os.fstat(fd)
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == _NULL


def _empty_directory() -> int:
    with mounts.FileSystem("tmpfs") as fs:
        fs.set("source", "tmpfs")
        fs.set("nr_blocks", "1")
        fs.set("nr_inodes", "1")
        fs.set("mode", "1777")
        return fs.mount(mounts.MOUNT_ATTR_RDONLY | mounts.MOUNT_ATTR_NOSUID)


def _attach(tree: int, target: int) -> None:
    try:
        mounts.move_onto(tree, target)
    finally:
        os.close(tree)
