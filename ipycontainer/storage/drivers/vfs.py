"""Plain copies: each container has the whole image for itself.

For places where nothing else works. Data is shared with the image where the file system can
(FICLONE: btrfs, xfs), else a container takes the image's room again.
"""

from __future__ import annotations

import os

from ipycontainer.linux import mounts
from ipycontainer.model.state import Overlay
from ipycontainer.storage import attributes
from ipycontainer.store.home import Home

__all__ = ["Copies"]


class Copies:
    """The upper directory is the tree; its one lower is the image as it was."""

    name = "vfs"
    magic = 0
    holds_all = True
    own_names: frozenset[str] = frozenset()

    def marks(self, userxattr: bool) -> tuple[str, ...]:
        """Return those of the image's layers."""
        return (attributes.opaque_mark(userxattr),)

    def missing(self) -> str:
        """Return nothing: it needs nothing."""
        return ""

    def show(self, home: Home, overlay: Overlay, target: int, *, writable: bool) -> None:
        """Bind the directory, or the image where there is none of the container's."""
        source = overlay.upper or (overlay.lowers or (str(home.empty_dir),))[0]
        tree = mounts.clone_tree(mounts.AT_FDCWD, source, recursive=False)
        try:
            mounts.set_attributes(tree, propagation=mounts.MS_PRIVATE)
            if not writable:
                mounts.set_attributes(tree, mounts.MOUNT_ATTR_RDONLY)
            mounts.move_onto(tree, target)
        finally:
            os.close(tree)
