"""Steps of the rarer mounts: an image shown in a container, and binds that share their mounts.

Planned by runtime.plan, executed by runtime.init as mount_steps are. Imports linux, model, options
and steps.
"""

from __future__ import annotations

import errno
import os
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from ipycontainer.errors import Unsupported
from ipycontainer.linux import mounts
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model.oci import Mount
from ipycontainer.runtime.idmap_steps import is_mapped
from ipycontainer.runtime.options import MountOptions, is_bind
from ipycontainer.runtime.steps import Context

__all__ = ["KeepShared", "MountImage", "image_step", "shared_steps"]

_PATH = os.O_PATH | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class KeepShared:
    """Take hold of what is bound with shared propagation, before mounts become slaves.

    A clone that is made afterwards would receive the host's mounts and give none back.
    """

    sources: tuple[str, ...]

    def execute(self, ctx: Context) -> None:
        """Clone each."""
        for source in self.sources:
            ctx.shared[source] = mounts.clone_tree(mounts.AT_FDCWD, source)

    def describe(self) -> str:
        """Say it."""
        return f"keep the propagation of {', '.join(self.sources)}"


@dataclass(frozen=True, slots=True)
class MountImage:
    """Show an image's layers read-only, or a part of them (`subpath`).

    The part is looked up in the mounted image, where its links lead nowhere else.
    """

    lowers: tuple[str, ...]
    target: str
    subpath: str = ""
    userxattr: bool = False

    def execute(self, ctx: Context) -> None:
        """Mount all, and then only the part in its place."""
        with ctx.root.mkdirs(self.target) as target:
            mounts.mount_overlay(self.lowers, "", "", target.fd, userxattr=self.userxattr)
        if not self.subpath:
            return
        with ctx.root.sub(self.target) as whole:
            part = whole.openat(self.subpath, _PATH)
            try:
                tree = mounts.clone_tree(part, recursive=False)
            finally:
                os.close(part)
            try:
                mounts.detach(f"/proc/self/fd/{whole.fd}")
                if not _is_directory(tree):
                    raise OSError(errno.ENOTDIR, "not a directory", self.subpath)
                with ctx.root.sub(self.target) as target:
                    mounts.move_onto(tree, target.fd)
            finally:
                os.close(tree)

    def describe(self) -> str:
        """Say it."""
        part = f" {self.subpath} of" if self.subpath else ""
        return f"show{part} an image of {len(self.lowers)} layers on {self.target}"


def _is_directory(fd: int) -> bool:
    try:
        DirFd(os.open(".", _PATH | os.O_DIRECTORY, dir_fd=fd)).close()
    except NotADirectoryError:
        return False
    return True


def shared_steps(mounts_: Iterable[Mount], bundle: str) -> tuple[KeepShared, ...]:
    """Return what must be done before mounts become slaves: nothing, but for shared binds."""
    sources = tuple(
        posixpath.normpath(posixpath.join(bundle, mount.source))
        for mount in mounts_
        if is_bind(mount)
        and not is_mapped(mount)
        and ("shared" in mount.options or "rshared" in mount.options)
    )
    return (KeepShared(sources),) if sources else ()


def image_step(target: str, parsed: MountOptions) -> MountImage:
    """Return the step for an image: the one overlay that is read-only and named layer by layer."""
    lowers = tuple(value for key, value in parsed.data if key == "lowerdir+")
    others = {key: value for key, value in parsed.data if key != "lowerdir+"}
    subpath, userxattr = others.pop("subpath", ""), others.pop("userxattr", None) is not None
    if others or len(lowers) < 2 or not parsed.set_bits & mounts.MOUNT_ATTR_RDONLY:
        raise Unsupported(f"an overlay at {target} of other options is not supported")
    return MountImage(lowers, target, subpath, userxattr)
