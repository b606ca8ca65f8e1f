"""Three ways to make one tree of an image's layers and a container's own directory.

    overlay   the kernel's overlayfs: nothing is copied before it is written to
    fuse      fuse-overlayfs: the same by a process, where the kernel's refuses
    vfs       a copy of the whole image for each container: works everywhere, and takes room
    choice    which of them this home has: probed at the first use of each boot, or configured

All lay files into `Overlay.upper` and note what was deleted as overlayfs does, so that whoever
reads it (changes, layers, checkpoints) asks a driver only for what differs. Names are docker's.
"""

from __future__ import annotations

from typing import Protocol

from ipycontainer.model.state import Overlay
from ipycontainer.storage.drivers.fuse import FuseOverlay
from ipycontainer.storage.drivers.overlay import KernelOverlay
from ipycontainer.storage.drivers.vfs import Copies
from ipycontainer.store.home import Home

__all__ = ["DRIVERS", "Driver", "of"]


class Driver(Protocol):
    """What differs between the ways.

    `magic` is the type of file system that a running container's tree is, 0 where that says
    nothing (linux/magic.h). With `holds_all` the upper directory is the whole tree, the image's
    files among them. `own_names` are files in it that are the driver's, not the container's.
    """

    name: str
    magic: int
    holds_all: bool
    own_names: frozenset[str]

    def marks(self, userxattr: bool) -> tuple[str, ...]:
        """Return the attributes by which a directory hides all that lies below it."""

    def missing(self) -> str:
        """Say what is not installed, "" where nothing is known to be in the way."""

    def show(self, home: Home, overlay: Overlay, target: int, *, writable: bool) -> None:
        """Mount the tree of a container that does not run on the directory open as `target`.

        Without an upper directory, or not `writable`, it is only to be read.
        """


DRIVERS: tuple[Driver, ...] = (KernelOverlay(), FuseOverlay(), Copies())
_BY_NAME = {driver.name: driver for driver in DRIVERS}


def of(overlay: Overlay) -> Driver:
    """Return the driver that a container was made with."""
    return _BY_NAME[overlay.driver]
