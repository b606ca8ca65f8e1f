"""Checkpoints: copies of a container's upper directories, kept beside them under a name.

Data is shared with the original where the file system can (FICLONE), so that a checkpoint costs
what was changed, not what the image holds. Each step ends with one rename, so that a killed worker
leaves a whole checkpoint or none, and a rollback that was begun is finished by whoever comes next.
Runs in a worker that holds the container: stopped by its lock, or held still by the freezer.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ipycontainer import faults
from ipycontainer.errors import Conflict, InvalidArgument, NotFound
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model.state import ContainerRecord, Overlay
from ipycontainer.storage import copying, sizes, trash
from ipycontainer.store import durability
from ipycontainer.store.home import Home

__all__ = [
    "Checkpoint",
    "check_tag",
    "copy_uppers",
    "finish_rollbacks",
    "listed",
    "make",
    "of",
    "remove",
    "roll_back",
    "unfinished",
]

_TAG = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_ABOUT = "about.json"
# In a container's directory: uppers that are complete and are to take the place of its own.
_ROLLBACK = "rollback"

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint: when it was made, and the bytes of the files that it keeps."""

    tag: str
    created_ns: int
    size: int


def check_tag(tag: str) -> None:
    """Refuse what cannot be the name of a checkpoint."""
    if not _TAG.fullmatch(tag) or len(tag) > 128:
        raise InvalidArgument(
            f"invalid checkpoint name ({tag}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        )


def make(home: Home, record: ContainerRecord, tag: str, progress: Progress) -> Checkpoint:
    """Keep a container's changes under a name. Raises Conflict when there is one of this name."""
    check_tag(tag)
    place = _place(home, record.id)
    place.mkdir(mode=0o700, exist_ok=True)
    if (place / tag).exists():
        raise Conflict(
            f"container {record.name} has a checkpoint {tag} already",
            hint=f"ipycontainer checkpoints --rm {tag} {record.name} removes it",
        )
    fresh = trash.place(home)
    fresh.mkdir(mode=0o700)
    try:
        copy_uppers([overlay.upper for overlay in record.overlays], fresh, progress)
        size = sum(sizes.tree_size(fresh / name) for name in os.listdir(fresh))
        about = {"created_ns": time.time_ns(), "size": size}
        (fresh / _ABOUT).write_text(json.dumps(about))
        durability.keep_files(home)
        faults.point("checkpoint: copied")
        os.rename(fresh, place / tag)
    except BaseException:
        trash.throw_away(home, fresh)
        raise
    return Checkpoint(tag, about["created_ns"], size)


def copy_uppers(uppers: Sequence[str], target: Path, progress: Progress) -> None:
    """Copy upper directories into `target`, as upper0, upper1, and so on."""
    for number, upper in enumerate(uppers):
        into = target / f"upper{number}"
        into.mkdir(mode=0o755, exist_ok=True)
        with DirFd.open(upper) as source, DirFd.open(into) as made:
            copying.copy_tree(source, made, whole=True, progress=progress)


def listed(home: Home, container_id: str) -> list[Checkpoint]:
    """Return a container's checkpoints, oldest first."""
    found = []
    place = _place(home, container_id)
    for name in os.listdir(place) if place.exists() else ():
        if _TAG.fullmatch(name):
            about = json.loads((place / name / _ABOUT).read_text())
            found.append(Checkpoint(name, int(about["created_ns"]), int(about["size"])))
    return sorted(found, key=lambda each: each.created_ns)


def of(home: Home, record: ContainerRecord, tag: str) -> tuple[Overlay, ...]:
    """Return a container's overlays as they were at a checkpoint. Raises NotFound."""
    check_tag(tag)
    place = _place(home, record.id) / tag
    if not place.exists():
        known = ", ".join(each.tag for each in listed(home, record.id)) or "none"
        raise NotFound(
            f"container {record.name} has no checkpoint {tag}", hint=f"checkpoints: {known}"
        )
    return tuple(
        replace(overlay, upper=str(place / f"upper{number}"))
        for number, overlay in enumerate(record.overlays)
    )


def remove(home: Home, record: ContainerRecord, tag: str) -> None:
    """Throw a checkpoint away. Raises NotFound."""
    of(home, record, tag)
    trash.throw_away(home, _place(home, record.id) / tag)


def roll_back(home: Home, record: ContainerRecord, tag: str, progress: Progress) -> None:
    """Put the files of a checkpoint in the place of a stopped container's. Raises NotFound.

    The copy is made first, under a name that says it is complete; what follows are renames, which
    `finish_rollbacks` does again where they were cut off.
    """
    kept = of(home, record, tag)
    directory = home.container(record.id)
    fresh = trash.place(home)
    fresh.mkdir(mode=0o700)
    try:
        copy_uppers([overlay.upper for overlay in kept], fresh, progress)
        durability.keep_files(home)
        faults.point("rollback: copied")
        os.rename(fresh, directory / _ROLLBACK)
    except BaseException:
        trash.throw_away(home, fresh)
        raise
    _finish(home, record)


def unfinished(home: Home) -> list[str]:
    """Return the ids of containers whose rollback was cut off."""
    return [
        name for name in os.listdir(home.containers) if (home.container(name) / _ROLLBACK).exists()
    ]


def finish_rollbacks(home: Home, record: ContainerRecord) -> None:
    """Finish a rollback that was cut off."""
    if (home.container(record.id) / _ROLLBACK).exists():
        _finish(home, record)


def _finish(home: Home, record: ContainerRecord) -> None:
    staged = home.container(record.id) / _ROLLBACK
    for number, overlay in enumerate(record.overlays):
        fresh = staged / f"upper{number}"
        if fresh.exists():
            trash.throw_away(home, Path(overlay.upper))
            faults.point("rollback: between")
            os.rename(fresh, overlay.upper)
            faults.point("rollback: renamed")
    os.rmdir(staged)


def _place(home: Home, container_id: str) -> Path:
    return home.container(container_id) / "checkpoints"
