"""A container's writable directories: made before it exists, thrown away after it, swept up.

A snapshot is only directories; the mount itself is a step of the runtime. `prepare` runs in the
engine, `discard` in a worker or monitor, which may delete files of subordinate ids.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ipycontainer import faults
from ipycontainer.linux import procfs
from ipycontainer.model.state import DEFAULT_DRIVER, Overlay
from ipycontainer.storage import mountpoints, trash
from ipycontainer.store import containers
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home

__all__ = [
    "Made",
    "Unlike",
    "discard",
    "make",
    "missing",
    "orphans",
    "prepare",
    "put_away",
    "take_back",
    "upon",
]

# A symbolic link `PID:START_TICKS` in a container's directory: who made it. Until the row is
# written, that is all that tells a directory in the making from one that was left behind.
_MAKER = "maker"
UNMARKED_SECONDS = 5
_OVERFLOW_ID = 65534  # kernel.overflowuid: an owner that has no name in this user namespace


class Unlike(Exception):
    """A container would have other overlays than those that are made already."""


@dataclass(frozen=True, slots=True)
class Made:
    """What is made already: `place` will be the container's directory, its overlays those then."""

    place: Path
    overlays: tuple[Overlay, ...]


def prepare(
    home: Home,
    container_id: str,
    layers: Sequence[str] = (),
    shown: Iterable[tuple[str, Sequence[str]]] = (),
    driver: str = DEFAULT_DRIVER,
    made: Made | None = None,
) -> tuple[Overlay, ...]:
    """Make a container's directory and one writable directory for each of its overlays.

    `layers` are chain ids, base first: they make the overlay at `/`. `shown` adds overlays as
    (target, lower directories, topmost first), in mount order; one of them may be `/` where there
    are no layers. What is `made` is taken; raises Unlike where something else is wanted.
    """
    views: list[tuple[str, Sequence[str]]] = list(shown)
    if layers or not any(target == "/" for target, _ in views):
        views.insert(0, ("/", _below(home, layers)))
    directory = home.container(container_id)
    overlays = tuple(
        Overlay(target, tuple(lowers), f"{directory}/upper{at}", f"{directory}/work{at}", driver)
        for at, (target, lowers) in enumerate(views)
    )
    if made is None:
        make(home, directory, overlays)
    elif made.overlays != overlays:
        raise Unlike
    else:
        os.rename(made.place, directory)
    return overlays


def make(home: Home, directory: Path, overlays: Sequence[Overlay]) -> None:
    """Make a container's directory, marked by its maker, and those that its overlays write to.

    Some may be there, `vacated` by another one. Each upper directory takes mode and owner of its
    topmost lower: it is what the container sees at the target.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    faults.point("prepare")
    with suppress(FileExistsError):
        os.symlink(f"{os.getpid()}:{procfs.start_ticks(os.getpid())}", directory / _MAKER)
    for overlay in overlays:
        for path, mode in ((overlay.upper, 0o755), (overlay.work, 0o700)):
            with suppress(FileExistsError):
                os.mkdir(path, mode)
        own = [lower for lower in overlay.lowers if not mountpoints.is_layer(home, lower)]
        if own:
            _dress(overlay.upper, own[0])


def _below(home: Home, layers: Sequence[str]) -> list[str]:
    below = [str(home.layer(chain_id)) for chain_id in reversed(layers)]
    if not below:
        return [str(home.empty_dir)]
    points = mountpoints.layer(home, below)
    return below if points is None else [points, *below]


def upon(home: Home, overlays: Sequence[Overlay], layers: Sequence[str]) -> tuple[Overlay, ...]:
    """Return overlays with committed layers (chain ids, base first) upon what they show.

    Each overlay gets the part of a layer that lies at its target. A layer is what a container made:
    a link on the way to that part is no part of it.
    """
    found = []
    for overlay in overlays:
        parts = []
        for chain_id in reversed(layers):
            part = _part(str(home.layer(chain_id)), overlay.target)
            parts += [part] if part else []
        found.append(replace(overlay, lowers=(*parts, *overlay.lowers)))
    return tuple(found)


def _part(layer: str, target: str) -> str:
    path = layer
    for name in filter(None, target.split("/")):
        path = f"{path}/{name}"
        try:
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                return ""
        except (FileNotFoundError, NotADirectoryError):
            return ""
    return path


def discard(home: Home, container_id: str) -> None:
    """Delete everything of a container: bundle, log and changes. A missing one is no error."""
    trash.delete(home, put_away(home, container_id))


def put_away(home: Home, container_id: str, successor: str = "") -> str:
    """Move everything of a container into the trash, and return its name there.

    With `successor` its place becomes that of another container (trash.place). The socket and the
    locks of those that were killed go at once.
    """
    away = trash.place(home, successor)
    faults.point("discard")
    with suppress(FileNotFoundError):
        os.rename(home.container(container_id), away)
    of_killed = (home.socket, home.lock, home.networks_lock)
    for path in (place(container_id) for place in of_killed):
        path.unlink(missing_ok=True)
    return away.name


def take_back(home: Home, container_id: str, name: str) -> None:
    """Give a container back what was put away: its row stays after all."""
    with suppress(FileNotFoundError):
        os.rename(home.trash / name, home.container(container_id))


def orphans(home: Home, store: Store) -> list[str]:
    """Return the ids of directories of containers that no row names and nobody is making.

    A directory whose maker still lives may be one in the making. The rows are read last: a maker
    that was gone before has written its row before, or never will.
    """
    unmade = [
        name for name in os.listdir(home.containers) if not _maker_lives(home.containers / name)
    ]
    if not unmade:
        return []
    with store.read() as tx:
        kept = {record.id for record in containers.list_all(tx)}
    return [name for name in unmade if name not in kept]


def missing(home: Home, store: Store) -> list[str]:
    """Return the ids of containers that have a row and no directory."""
    with store.read() as tx:
        said = {record.id for record in containers.list_all(tx)}
    return sorted(said.difference(os.listdir(home.containers)))


def _maker_lives(directory: Path) -> bool:
    """Tell whether the directory may be one in the making.

    Between its making and its maker's mark it has neither mark nor row: a young one is left alone.
    """
    try:
        pid, _, ticks = os.readlink(directory / _MAKER).partition(":")
        return procfs.is_running(int(pid), int(ticks))
    except (OSError, ValueError):
        with suppress(FileNotFoundError):
            return time.time() - os.stat(directory).st_mtime < UNMARKED_SECONDS
        return False


def _dress(upper: str, lower: str) -> None:
    """Give the upper directory its lower's mode, and its owner where that has one here."""
    try:
        status = os.stat(lower)
    except OSError:
        return  # the mount will say it, with the path
    if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()) and _OVERFLOW_ID not in (
        status.st_uid,
        status.st_gid,
    ):
        with suppress(PermissionError):  # an ordinary user's engine, outside the user namespace
            os.chown(upper, status.st_uid, status.st_gid)
    mode = stat.S_IMODE(status.st_mode)
    if mode != 0o755:
        os.chmod(upper, mode)
