"""A layer between an image and its containers, with what the engine mounts on there.

Without it each start makes the places of its binds in the container's own layer: /etc is copied up
for three empty files, which the removal deletes again, half a millisecond in all. Docker has such
a layer too (`-init`), so neither `diff` nor `commit` shows them. Made once a topmost layer, kept
in the cache, shared by all containers on it. Runs in the engine.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from ipycontainer.runtime.defaults import ETC_FILES
from ipycontainer.storage import trash, trees
from ipycontainer.store.home import Home

__all__ = ["is_layer", "layer", "sweep"]

_DIRECTORIES = ("dev", "proc", "sys")
# Below a container's own /dev and never seen in it: `export` has them, and `cp` can write there.
_DEVICE_DIRECTORIES = ("pts", "shm")
_DEVICE_FILE = "console"
_MODE = 0o755  # docker's, for the files too
_MTAB = "/proc/mounts"  # where docker has /etc/mtab lead, for programs that know no other list
_MARK = ".dockerenv"  # by which programs know that they are in a container
_DIRECTORY = "mountpoints"


def layer(home: Home, below: Sequence[str]) -> str | None:
    """Return the directory of the layer for an image's layers, topmost first.

    None where its /etc cannot be had again by this user (a link, another owner, an ACL): the
    start makes the places then.
    """
    path = home.cache / _DIRECTORY / os.path.basename(below[0])
    try:
        return str(path) if stat.S_ISDIR(os.lstat(path).st_mode) else None
    except FileNotFoundError:
        path.parent.mkdir(exist_ok=True)
    making = trash.place(home)
    try:
        _make(str(making), below)
    except _NotPossible:
        trees.delete(making)
        making.touch()  # so that nobody tries again
    with suppress(OSError):  # somebody else was faster
        os.rename(making, path)
        return str(path) if path.is_dir() else None
    trees.delete(making)
    return str(path) if path.is_dir() else None


def is_layer(home: Home, path: str) -> bool:
    """Tell whether a lower directory is such a layer, and no part of an image."""
    return os.path.dirname(path) == f"{home.cache}/{_DIRECTORY}"


def sweep(home: Home, kept: Collection[str]) -> None:
    """Remove the layers of images whose topmost layer is not among the `kept` names."""
    with suppress(FileNotFoundError):
        for entry in (home.cache / _DIRECTORY).iterdir():
            if entry.name not in kept:
                with suppress(OSError):
                    trees.delete(entry)


class _NotPossible(Exception):
    """A place cannot be made as it is in the image."""


def _make(root: str, below: Sequence[str]) -> None:
    os.mkdir(root, 0o755)
    for name in _DIRECTORIES:
        if _seen(below, name) is None:
            os.mkdir(f"{root}/{name}", _MODE)
    _make_devices(root, below)
    if _seen(below, _MARK) is None:
        _touch(f"{root}/{_MARK}")
    missing = [name for name in ETC_FILES if _seen(below, f"etc/{name}") is None]
    has_mtab = _seen(below, "etc/mtab") is not None
    if has_mtab and not missing:
        return
    etc = f"{root}/etc"
    os.mkdir(etc, _MODE)
    for name in missing:
        _touch(f"{etc}/{name}")
    if not has_mtab:
        os.symlink(_MTAB, f"{etc}/mtab")
    like = _seen(below, "etc")
    if like is not None:
        _dress(etc, like)


def _make_devices(root: str, below: Sequence[str]) -> None:
    """Make what docker has below /dev, unless an image's own /dev cannot be had again."""
    device = f"{root}/dev"
    like = _seen(below, "dev")
    if like is not None:
        os.mkdir(device, _MODE)
    for name in _DEVICE_DIRECTORIES:
        if _seen(below, f"dev/{name}") is None:
            os.mkdir(f"{device}/{name}", _MODE)
    if _seen(below, f"dev/{_DEVICE_FILE}") is None:
        _touch(f"{device}/{_DEVICE_FILE}")
    if like is not None:
        try:
            _dress(device, like)
        except _NotPossible:
            trees.delete(Path(device))


def _touch(path: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, _MODE)
    os.fchmod(fd, _MODE)  # whatever our own umask is
    os.close(fd)


def _dress(etc: str, like: str) -> None:
    """Give our /etc what the image's has: from here on it is the one that is seen."""
    status = os.lstat(like)
    if not stat.S_ISDIR(status.st_mode):
        raise _NotPossible
    attributes = {name for name in os.listxattr(like) if ".overlay." not in name}
    own = os.lstat(etc)
    same_owner = (status.st_uid, status.st_gid) == (own.st_uid, own.st_gid)
    if attributes or not same_owner:
        raise _NotPossible
    os.chmod(etc, stat.S_IMODE(status.st_mode))
    os.utime(etc, ns=(status.st_atime_ns, status.st_mtime_ns))


def _seen(below: Sequence[str], name: str) -> str | None:
    """Return the path of what is seen of `name` in the layers, None for nothing or a whiteout."""
    for lower in below:
        path = f"{lower}/{name}"
        try:
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError:
            raise _NotPossible from None
        return None if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0 else path
    return None
