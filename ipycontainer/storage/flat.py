"""An image as one tree: what plain copies are copied from, and where no overlay can be mounted.

Made by a worker from an image's unpacked layers, once for all containers on them, with the engine's
mount points in it; kept in the cache under the name of the topmost layer, and swept as they are.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from ipycontainer import faults
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.storage import attributes, copying, mountpoints, trash
from ipycontainer.store.home import Home

__all__ = ["fill", "make", "place", "sweep"]

_DIRECTORY = "flat"


def place(home: Home, layers: Sequence[str]) -> Path:
    """Return where the tree of an image's layers (chain ids, base first) is, or will be."""
    name = layers[-1].removeprefix("sha256:") if layers else "empty"
    return home.cache / _DIRECTORY / name


def make(home: Home, layers: Sequence[str]) -> Path:
    """Return the tree of an image's layers, made where it is missing. Raises OSError."""
    path = place(home, layers)
    if path.exists():
        return path
    lowers = [str(home.layer(chain_id)) for chain_id in layers] or [str(home.empty_dir)]
    points = mountpoints.layer(home, lowers[::-1])
    fresh = trash.place(home)
    fresh.mkdir(mode=0o755)
    try:
        mark = attributes.opaque_mark(home.rootless)
        with DirFd.open(fresh) as target:
            for layer in (*lowers, *([points] if points else ())):
                with DirFd.open(layer) as source:
                    copying.lay_over(source, target, mark)
            if points:  # which is 0755, whatever the image's root is
                _dress(target, lowers[-1])
        faults.point("flat: copied")
        path.parent.mkdir(exist_ok=True)
        with suppress(OSError):  # somebody else was faster: it is the same
            os.rename(fresh, path)
    finally:
        trash.throw_away(home, fresh)
    return path


def _dress(target: DirFd, like: str) -> None:
    status = os.stat(like)
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=target.fd)
    try:
        attributes.own(fd, status.st_uid, status.st_gid)
        os.fchmod(fd, status.st_mode & 0o7777)
        os.utime(fd, ns=(status.st_atime_ns, status.st_mtime_ns))
    finally:
        os.close(fd)


def fill(home: Home, layers: Sequence[str], upper: str) -> None:
    """Copy an image into the directory of a container that is being made.

    Where that fails, a tree that was made for it goes too: it may be what took the last room.
    Raises OSError.
    """
    new = not place(home, layers).exists()
    tree = make(home, layers)
    try:
        with DirFd.open(tree) as source, DirFd.open(upper) as target:
            copying.copy_tree(source, target)
    except OSError:
        if new:
            trash.throw_away(home, tree)
        raise


def sweep(home: Home, kept: Collection[str]) -> None:
    """Throw away the trees of images whose topmost layer is not among the `kept` names."""
    with suppress(FileNotFoundError):
        for entry in (home.cache / _DIRECTORY).iterdir():
            if entry.name not in kept:
                trash.throw_away(home, entry)
