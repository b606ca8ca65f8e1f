"""The step that shows a container its own cgroup. Imports linux and steps only."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ipycontainer.linux import mounts
from ipycontainer.runtime.steps import Context

__all__ = ["MountCgroups"]

_OPEN_DIRECTORY = os.O_PATH | os.O_DIRECTORY


@dataclass(frozen=True, slots=True)
class MountCgroups:
    """Show the container its own cgroup: under version 1 one directory a controller.

    Read-only but for a privileged container: writable they let it change its own limits, and
    `release_agent` runs programs on the host (CVE-2022-0492). `binds` are (name, directory of the
    host) each, `names` (link, name).
    """

    target: str
    binds: tuple[tuple[str, str], ...]
    names: tuple[tuple[str, str], ...] = ()
    writable: bool = False

    def execute(self, ctx: Context) -> None:
        """Mount a tmpfs, bind into it, and close it for writing."""
        read_only = 0 if self.writable else mounts.MOUNT_ATTR_RDONLY
        quiet = mounts.MOUNT_ATTR_NOSUID | mounts.MOUNT_ATTR_NODEV | mounts.MOUNT_ATTR_NOEXEC
        with mounts.FileSystem("tmpfs") as fs:
            fs.set("source", "tmpfs")
            fs.set("mode", "755")
            fs.set("size", "64k")
            base = fs.mount(quiet)
        try:
            with ctx.root.mkdirs(self.target) as target:
                mounts.move_onto(base, target.fd)
            for name, source in self.binds:
                tree = mounts.clone_tree(mounts.AT_FDCWD, source, recursive=False)
                try:
                    mounts.set_attributes(tree, quiet | read_only, propagation=mounts.MS_PRIVATE)
                    os.mkdir(name, 0o755, dir_fd=base)
                    place = os.open(name, _OPEN_DIRECTORY | os.O_CLOEXEC, dir_fd=base)
                    try:
                        mounts.move_onto(tree, place)
                    finally:
                        os.close(place)
                finally:
                    os.close(tree)
            for link, name in self.names:
                os.symlink(name, link, dir_fd=base)
            if read_only:
                mounts.set_attributes(base, read_only)
        finally:
            os.close(base)

    def describe(self) -> str:
        """Say it."""
        shown = ", ".join(name for name, _ in self.binds) or "nothing"
        mode = "" if self.writable else ", read-only"
        return f"show {shown} of the own cgroup on {self.target}{mode}"
