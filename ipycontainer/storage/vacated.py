"""The directories of a container that is gone, kept empty for the next one.

To free a directory is the slowest part of a removal: each has a block, and where the disk is told
of free blocks at once (ext4's `discard` without a journal) that takes 0.05 to 4 ms a block, five to
a container (measured). So a monitor that will have another container ready empties them and uses
them again. Only what nobody can tell from a fresh one is kept. Runs in monitors.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from ipycontainer.storage import trash, trees
from ipycontainer.store import disk_reserve
from ipycontainer.store.home import Home

__all__ = ["move_in", "vacate"]

_UPPER, _WORK, _ROOT = "upper0", "work0", "rootfs"
_MODES = {_UPPER: 0o755, _ROOT: 0o700}
# What overlayfs notes of itself, by its driver's prefix (Documentation/filesystems/overlayfs.rst).
_OF_THE_KERNEL = ("overlay.uuid", "overlay.impure")


def vacate(home: Home, name: str) -> bool:
    """Delete all of a tree of the trash but the directories that every container has.

    False where it is deleted whole.
    """
    try:
        tree = os.open(home.trash / name, trees.DIRECTORY)
    except FileNotFoundError:
        return False
    try:
        for entry in os.listdir(tree):
            if entry not in (*_MODES, _WORK) or not _empty(tree, entry):
                trees.remove(tree, entry)
    except OSError:
        trash.delete(home, name)
        return False
    finally:
        os.close(tree)
    disk_reserve.keep(home)
    return True


def move_in(place: Path) -> None:
    """Let a vacated tree be as if it were made now."""
    for directory in _MODES:
        with suppress(FileNotFoundError):
            os.utime(place / directory)


def _empty(tree: int, name: str) -> bool:
    """Empty a directory; False where it is not as it was made."""
    directory = os.open(name, trees.DIRECTORY, dir_fd=tree)
    try:
        if name != _WORK:
            trees.empty(directory)
            return _is_plain(directory, tree, _MODES[name])
        for entry in os.listdir(directory):
            trees.remove(directory, entry)
    finally:
        os.close(directory)
    return True


def _is_plain(directory: int, tree: int, mode: int) -> bool:
    """Tell whether a container has not changed its root itself: owner, mode, attributes, flags."""
    status, made = os.fstat(directory), os.fstat(tree)
    for attribute in os.listxattr(directory):
        if attribute.partition(".")[2] in _OF_THE_KERNEL:
            os.removexattr(directory, attribute)
        else:
            return False
    return (
        (status.st_uid, status.st_gid) == (made.st_uid, made.st_gid)
        and stat.S_IMODE(status.st_mode) == mode
        and trees.flags_of(directory) == trees.flags_of(tree)
    )
