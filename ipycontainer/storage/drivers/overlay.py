"""The kernel's overlayfs: as root, and with `userxattr` in an ordinary user's namespace."""

from __future__ import annotations

from ipycontainer.linux import mounts
from ipycontainer.model.state import DEFAULT_DRIVER, Overlay
from ipycontainer.storage import attributes
from ipycontainer.store.home import Home

__all__ = ["KernelOverlay", "stack"]

OVERLAYFS_SUPER_MAGIC = 0x794C7630  # linux/magic.h


class KernelOverlay:
    """Layers and an upper directory, merged by the kernel."""

    name = DEFAULT_DRIVER
    magic = OVERLAYFS_SUPER_MAGIC
    holds_all = False
    own_names: frozenset[str] = frozenset()

    def marks(self, userxattr: bool) -> tuple[str, ...]:
        """Return overlayfs's own."""
        return (attributes.opaque_mark(userxattr),)

    def missing(self) -> str:
        """Return nothing: what the kernel can is found out by trying."""
        return ""

    def show(self, home: Home, overlay: Overlay, target: int, *, writable: bool) -> None:
        """Mount it; only to be read, its upper is but one more layer.

        Layers alone change nothing on disk, not even overlayfs's own work directory.
        """
        upper, work = (overlay.upper, overlay.work) if writable else ("", "")
        lowers = stack(home, overlay, writable=writable)
        mounts.mount_overlay(lowers, upper, work, target, userxattr=home.rootless)


def stack(home: Home, overlay: Overlay, *, writable: bool) -> tuple[str, ...]:
    """Return the directories that are read-only in a view of an overlay, topmost first."""
    lowers = tuple(overlay.lowers) or (str(home.empty_dir),)
    if writable:
        return lowers
    lowers = (*([overlay.upper] if overlay.upper else []), *lowers)
    # An overlay without a writable layer wants two others at least.
    return lowers if len(lowers) > 1 else (*lowers, str(home.empty_dir))
