"""Steps to a container's root: by pivot_root(2) or without it, and to one that shares its mounts.

Executed by runtime.init as mount_steps are. Imports linux and steps only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from ipycontainer.linux import mounts, syscalls
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.runtime.steps import Context

__all__ = ["ChangeRoot", "MoveRoot", "PivotRoot", "PropagateRoot", "TakeRoot"]

_SECRETS = ("/proc", "/sys")


@dataclass(frozen=True, slots=True)
class TakeRoot:
    """Take a directory as root where there is no mount namespace to mount it in."""

    path: str

    def execute(self, ctx: Context) -> None:
        """Open it."""
        ctx.root = DirFd.open(self.path)

    def describe(self) -> str:
        """Say it."""
        return f"take {self.path} as root"


@dataclass(frozen=True, slots=True)
class PivotRoot:
    """Make the container's tree `/` and let go of the host's.

    pivot_root(".", ".") stacks the old root on the new one, as pivot_root(2) shows; a lazy unmount
    takes it away (EBUSY without MNT_DETACH). Mounts are slaves by now, so the host's stay.
    """

    def execute(self, ctx: Context) -> None:
        """Pivot."""
        os.fchdir(ctx.root.fd)
        syscalls.pivot_root(".", ".")
        mounts.detach(".")
        os.chdir("/")

    def describe(self) -> str:
        """Say it."""
        return "make the container's tree the root, and let go of the host's"


@dataclass(frozen=True, slots=True)
class ChangeRoot:
    """Make the root directory `/` by chroot(2): there is no mount namespace of its own."""

    def execute(self, ctx: Context) -> None:
        """Change it."""
        os.fchdir(ctx.root.fd)
        os.chroot(".")
        os.chdir("/")

    def describe(self) -> str:
        """Say it."""
        return "change the root"


@dataclass(frozen=True, slots=True)
class MoveRoot:
    """Make the container's tree `/` by moving its mount there (`--no-pivot`).

    pivot_root(2) refuses on an initial ramdisk (EINVAL). The host's /proc and /sys go first: below
    the new root they could be found again and would be no mount's child.
    """

    def execute(self, ctx: Context) -> None:
        """Move, then change the root."""
        for path in _SECRETS:
            try:
                mounts.detach(path)
            except OSError:  # in a user namespace it may be locked (EINVAL): hidden instead
                syscalls.mount("tmpfs", path, "tmpfs", 0)
        os.fchdir(ctx.root.fd)
        target = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        mounts.move_onto(ctx.root.fd, target)
        os.close(target)
        os.chroot(".")
        os.chdir("/")

    def describe(self) -> str:
        """Say it."""
        return "move the container's tree to the root"


@dataclass(frozen=True, slots=True)
class PropagateRoot:
    """Say how mounts spread from and to the container's root, once it is `/`."""

    propagation: int
    recursive: bool

    def execute(self, ctx: Context) -> None:
        """Set it."""
        root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            mounts.set_attributes(root, propagation=self.propagation, recursive=self.recursive)
        finally:
            os.close(root)

    def describe(self) -> str:
        """Say it."""
        return "set how the root's mounts propagate"
