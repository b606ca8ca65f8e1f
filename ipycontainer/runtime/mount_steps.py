"""Mount steps: a container's file tree, in the order in which it is made.

Targets are opened inside the root by openat2 and mounted on by fd: a link that the image, or
another container with a shared volume, puts in the way leads nowhere else (CVE-2021-30465,
CVE-2024-45310). Imports linux and steps only.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass

from ipycontainer.linux import mounts, syscalls
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.runtime import foreign_mounts, refusals
from ipycontainer.runtime.steps import Context

__all__ = [
    "BindMount",
    "BindRoot",
    "IsolateMounts",
    "MakeReadOnly",
    "MountFileSystem",
    "MountOverlay",
    "TakeTrees",
]

PROC_SUPER_MAGIC = 0x9FA0  # linux/magic.h
_OPEN_DIRECTORY = os.O_PATH | os.O_DIRECTORY
# File systems of the kernel's own: their place must be a real directory, never an image's link
# (CVE-2019-19921, CVE-2023-27561).
_NEVER_THROUGH_LINKS = frozenset({"proc", "sysfs", "cgroup2", "devpts", "mqueue"})


@dataclass(frozen=True, slots=True)
class IsolateMounts:
    """Keep all that is mounted from now on out of the host's mount namespace."""

    def execute(self, ctx: Context) -> None:
        """Make every mount a slave."""
        mounts.make_all_slave()

    def describe(self) -> str:
        """Say it."""
        return "keep mounts from propagating to the host"


@dataclass(frozen=True, slots=True)
class BindRoot:
    """Make a ready directory the container's root, as a mount of its own.

    pivot_root(2) takes nothing else (EINVAL).
    """

    path: str

    def execute(self, ctx: Context) -> None:
        """Bind it on itself."""
        target = os.open(self.path, _OPEN_DIRECTORY | os.O_CLOEXEC)
        try:
            tree = mounts.clone_tree(target)
            mounts.set_attributes(tree, propagation=mounts.MS_PRIVATE, recursive=True)
            mounts.move_onto(tree, target)
        finally:
            os.close(target)
        ctx.root = DirFd(tree)

    def describe(self) -> str:
        """Say it."""
        return f"take {self.path} as root"


@dataclass(frozen=True, slots=True)
class MountOverlay:
    """Lay a writable directory over read-only ones, topmost first.

    With `mountpoint` (a directory of the host) the overlay becomes the container's root, else it
    goes to `target` inside the root.
    """

    target: str
    lowers: tuple[str, ...]
    upper: str
    work: str
    userxattr: bool = False
    mountpoint: str = ""

    def execute(self, ctx: Context) -> None:
        """Mount it."""
        if self.mountpoint:
            try:
                os.mkdir(self.mountpoint, 0o700)
            except FileExistsError:
                pass
            target = os.open(self.mountpoint, _OPEN_DIRECTORY | os.O_CLOEXEC)
        else:
            target = ctx.root.mkdirs(self.target).fd
        try:
            mounts.mount_overlay(
                self.lowers, self.upper, self.work, target, userxattr=self.userxattr
            )
        finally:
            os.close(target)
        if self.mountpoint:
            ctx.root = DirFd.open(self.mountpoint)

    def describe(self) -> str:
        """Say it."""
        changes = f", changes go to {self.upper}" if self.upper else ""
        return f"mount overlay of {len(self.lowers)} layers on {self.target}{changes}"


@dataclass(frozen=True, slots=True)
class MountFileSystem:
    """Mount a file system of the kernel's own (proc, tmpfs, devpts, ...).

    `options` are (key, value) each, an empty value for a flag. Where the kernel refuses them with
    EINVAL, `fallback` is tried: group 5 of a devpts may not be mapped in a user namespace.
    """

    kind: str
    target: str
    source: str
    options: tuple[tuple[str, str], ...] = ()
    attributes: int = 0
    fallback: tuple[tuple[str, str], ...] | None = None
    propagation: int = 0
    copy_up: bool = False

    def execute(self, ctx: Context) -> None:
        """Mount it; a tmpfs without a mode takes over that of the directory which it hides."""
        target, options = -1, self.options
        if self.kind == "tmpfs" and (self.copy_up or not any(key == "mode" for key, _ in options)):
            try:
                target = ctx.root.openat(self.target, _OPEN_DIRECTORY)
                if not any(key == "mode" for key, _ in options):
                    mode = stat.S_IMODE(os.fstat(target).st_mode)
                    options = (*options, ("mode", f"{mode:o}"))
            except FileNotFoundError:
                pass
        try:
            mount = self._make(options)
        except OSError as error:
            if error.errno != errno.EINVAL or self.fallback is None:
                raise
            mount = self._make(self.fallback)
        try:
            if target < 0:
                target = self._open_target(ctx.root)
            try:
                if self.copy_up:
                    self._fill(target, mount)
                mounts.move_onto(mount, target)
            finally:
                os.close(target)
            if self.propagation:
                mounts.set_attributes(mount, propagation=self.propagation)
        finally:
            os.close(mount)

    def _fill(self, target: int, mount: int) -> None:
        """Copy what will be hidden, and only then close it for writing, if it was meant to be."""
        mounts.set_attributes(mount, 0, mounts.MOUNT_ATTR_RDONLY)
        foreign_mounts.copy_up(target, mount)
        mounts.set_attributes(mount, self.attributes & mounts.MOUNT_ATTR_RDONLY)

    def _make(self, options: tuple[tuple[str, str], ...]) -> int:
        with mounts.FileSystem(self.kind) as fs:
            if self.source:
                fs.set("source", self.source)
            for key, value in options:
                fs.set(key, value or None)
            return fs.mount(self.attributes)

    def _open_target(self, root: DirFd) -> int:
        return _open_place(root, self.target, through_links=self.kind not in _NEVER_THROUGH_LINKS)

    def describe(self) -> str:
        """Say it."""
        return f"mount {self.kind} on {self.target}"

    def refusal(self, error: OSError) -> str:
        """Say why a tmpfs could not be mounted as runc says it."""
        return refusals.of_tmpfs(self.target, self.options, error) if self.kind == "tmpfs" else ""


def _open_place(root: DirFd, target: str, *, through_links: bool) -> int:
    nofollow = 0 if through_links else os.O_NOFOLLOW
    try:
        return root.openat(target, _OPEN_DIRECTORY | nofollow)
    except FileNotFoundError:
        # what a dangling link names is made, as by runc
        return root.mkdirs(root.beyond_links(target)).fd


def _open_file(root: DirFd, target: str) -> int:
    try:
        return root.openat(target, os.O_PATH)
    except FileNotFoundError:
        return root.create_file(root.beyond_links(target))


@dataclass(frozen=True, slots=True)
class TakeTrees:
    """Move file systems that were mounted ahead, with all that is on them, into the root.

    `targets` are (path, the kind of file system there) each.
    """

    targets: tuple[tuple[str, str], ...]

    def execute(self, ctx: Context) -> None:
        """Move one after the other."""
        for path, kind in self.targets:
            tree = ctx.trees.openat(path, _OPEN_DIRECTORY)
            try:
                target = _open_place(ctx.root, path, through_links=kind not in _NEVER_THROUGH_LINKS)
                try:
                    mounts.move_onto(tree, target)
                finally:
                    os.close(target)
            finally:
                os.close(tree)

    def describe(self) -> str:
        """Say it."""
        return f"take what was mounted ahead to {' '.join(path for path, _ in self.targets)}"


@dataclass(frozen=True, slots=True)
class BindMount:
    """Show a file or directory of the host inside the container.

    The copy of its mounts gets all attributes before it is attached: mount(2) with
    MS_BIND|MS_RDONLY is not read-only (the flag is ignored), and a remount leaves submounts
    writable. What is taken away (`rw`, not `rrw`) is meant for the mount itself, as in runc: a
    submount that the machine has read-only stays so, and in a user namespace must (EPERM,
    mount_namespaces(7)).
    `tree_bits` are those that submounts get too. A `subpath` is looked up inside the source, whose
    links lead nowhere else; a `mapped` tree, whose owners are others, was made by the parent.
    """

    source: str
    target: str
    set_bits: int = 0
    clear_bits: int = 0
    propagation: int = mounts.MS_PRIVATE
    recursive: bool = True
    tree_bits: int = 0
    subpath: str = ""
    optional: bool = False
    tree_clear_bits: int = 0
    spread: bool = True
    inside_proc: bool = False
    mapped: bool = False

    def execute(self, ctx: Context) -> None:
        """Clone, restrict, attach; what is `optional` and not there is left out with a warning."""
        try:
            tree = self._tree(ctx)
        except FileNotFoundError:
            if not self.optional:
                raise
            ctx.warnings.append(f"This machine has no {self.source} to share.")
            return
        try:
            mounts.set_attributes(
                tree,
                self.tree_bits,
                _whole_atime(self.tree_bits, self.tree_clear_bits),
                propagation=self.propagation if self.spread else 0,
                recursive=self.recursive,
            )
            if not self.spread:
                mounts.set_attributes(tree, propagation=self.propagation)
            if self.set_bits != self.tree_bits or self.clear_bits:
                clear = _whole_atime(self.set_bits, self.clear_bits)
                mounts.set_attributes(tree, self.set_bits, clear)
            is_directory = stat.S_ISDIR(os.fstat(tree).st_mode)
            if is_directory:
                target = _open_place(ctx.root, self.target, through_links=True)
            else:
                target = _open_file(ctx.root, self.target)
            try:
                # runc's and crun's rule: what covers parts of /proc fools masks and security labels
                inside = syscalls.fstatfs_type(target) == PROC_SUPER_MAGIC
                if self.target == "/proc" and syscalls.fstatfs_type(tree) != PROC_SUPER_MAGIC:
                    raise OSError(errno.EPERM, refusals.NOT_PROC)
                if inside and not self.inside_proc:
                    raise OSError(errno.EPERM, refusals.INSIDE_PROC)
                if not is_directory and stat.S_ISDIR(os.fstat(target).st_mode):
                    raise IsADirectoryError(errno.EISDIR, "")  # move_mount(2) says EINVAL
                mounts.move_onto(tree, target)
            finally:
                os.close(target)
        finally:
            os.close(tree)

    def _tree(self, ctx: Context) -> int:
        if self.mapped:
            return ctx.mapped.pop(0)
        if self.propagation == mounts.MS_SHARED:
            return ctx.shared.pop(self.source)
        if not self.subpath:
            return mounts.clone_tree(mounts.AT_FDCWD, self.source, recursive=self.recursive)
        with DirFd.open(self.source) as base:
            part = base.openat(self.subpath, os.O_PATH)
        try:
            return mounts.clone_tree(part, recursive=self.recursive)
        finally:
            os.close(part)

    def describe(self) -> str:
        """Say it."""
        mode = " read-only" if self.set_bits & mounts.MOUNT_ATTR_RDONLY else ""
        return f"bind {self.source} on {self.target}{mode}"

    def refusal(self, error: OSError) -> str:
        """Say why it could not be done as runc says it."""
        source = f"{self.source}/{self.subpath}" if self.subpath else self.source
        return refusals.of_bind(source, self.target, error)


def _whole_atime(set_bits: int, clear_bits: int) -> int:
    """Return what to clear: with one way of access times all others must be (EINVAL)."""
    return clear_bits | (mounts.MOUNT_ATTR__ATIME if set_bits & mounts.MOUNT_ATTR__ATIME else 0)


@dataclass(frozen=True, slots=True)
class MakeReadOnly:
    """Close mounts of the container for writing, once everything in them is made."""

    targets: tuple[str, ...]

    def execute(self, ctx: Context) -> None:
        """Set the attribute on each mount alone, not on what is mounted below it."""
        for target in self.targets:
            with ctx.root.sub(target) as directory:
                mounts.set_attributes(directory.fd, mounts.MOUNT_ATTR_RDONLY)

    def describe(self) -> str:
        """Say it."""
        return f"make {', '.join(self.targets)} read-only"
