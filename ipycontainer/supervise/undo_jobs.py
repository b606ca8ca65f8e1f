"""Jobs of a worker for trying and undoing: checkpoints, branches, and what differs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ipycontainer.errors import Conflict
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model.image import ImageRecord
from ipycontainer.model.state import ContainerRecord, ContainerState, Overlay
from ipycontainer.storage import checkpoints, comparison, flat, trash, view
from ipycontainer.storage.drivers.vfs import Copies
from ipycontainer.store import containers, images
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from ipycontainer.supervise.file_jobs import FileJob, Tell, held, progress

__all__ = ["UNDO_JOBS"]


@contextmanager
def _holding(home: Home, store: Store, container_id: str) -> Iterator[ContainerRecord]:
    record, lock = held(home, store, container_id)
    store.close()
    try:
        yield record
    finally:
        if lock is not None:
            lock.release()


def _checkpoint(
    home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int], tell: Tell
) -> Any:
    with _holding(home, store, str(arguments["id"])) as record:
        made = checkpoints.make(home, record, str(arguments["tag"]), progress(tell))
    return asdict(made)


def _rollback(
    home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int], tell: Tell
) -> None:
    with _holding(home, store, str(arguments["id"])) as record:
        if record.state.status.alive:
            raise Conflict(f"container {record.short_id} is running")
        checkpoints.roll_back(home, record, str(arguments["tag"]), progress(tell))


def _drop(
    home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int], __: Tell
) -> None:
    with store.read() as tx:
        record = containers.get(tx, str(arguments["id"]))
    checkpoints.remove(home, record, str(arguments["tag"]))


def _branch(
    home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int], tell: Tell
) -> None:
    """Copy a container's changes into the directories of one that is being made."""
    with _holding(home, store, str(arguments["id"])) as record:
        target = home.container(str(arguments["new"]))
        uppers = [overlay.upper for overlay in record.overlays]
        checkpoints.copy_uppers(uppers, target, progress(tell))


def _compare(
    home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int], __: Tell
) -> Any:
    """Compare two trees; with `content` also how texts differ."""
    sides = [_side(home, store, arguments[name]) for name in ("one", "other")]
    where = comparison.touched(sides[0].overlays, sides[1].overlays, home.rootless)
    store.close()
    with ExitStack() as opened:
        roots = [opened.enter_context(_seen(home, side, opened)) for side in sides]
        told = comparison.compare(roots[0], roots[1], where)
        texts = (
            list(comparison.content(roots[0], roots[1], told)) if arguments.get("content") else []
        )
    return {"changes": [change.row() for change in told], "content": "".join(texts)}


def _side(home: Home, store: Store, word: Mapping[str, Any]) -> ContainerRecord:
    """Return a tree as a container that does not run: with its overlays only to be read."""
    with store.read() as tx:
        if word["kind"] == "image":
            image = images.get(tx, str(word["id"]))
            some = containers.list_all(tx)
            overlay = _image(home, image, str(word["driver"]))
            return _still(some[0] if some else None, image.id, (overlay,))
        record = containers.get(tx, str(word["id"]))
    if word["kind"] == "checkpoint":
        return _still(record, record.id, checkpoints.of(home, record, str(word["tag"])))
    if word["kind"] == "base":
        bare = tuple(replace(overlay, upper="", work="") for overlay in record.overlays)
        return _still(record, record.id, bare)
    return record


def _image(home: Home, image: ImageRecord, driver: str) -> Overlay:
    layers = [layer.chain_id for layer in image.layers]
    if driver == Copies.name:
        return Overlay("/", (str(flat.make(home, layers)),), "", "", driver)
    return Overlay("/", tuple(str(home.layer(each)) for each in layers[::-1]), "", "", driver)


def _still(
    record: ContainerRecord | None, name: str, overlays: tuple[Overlay, ...]
) -> ContainerRecord:
    if record is None:
        from ipycontainer.model.config import ContainerConfig

        record = ContainerRecord(name, name, "", 0, ContainerConfig(""), ContainerState())
    return replace(
        record, state=replace(record.state, started_ns=1, status=_STOPPED), overlays=overlays
    )


_STOPPED = ContainerState().status


@contextmanager
def _seen(home: Home, side: ContainerRecord, opened: ExitStack) -> Iterator[DirFd]:
    scratch = trash.place(home)
    scratch.mkdir(mode=0o700)
    opened.callback(_leave, scratch)
    with view.seen(home, side, scratch=scratch) as root:
        yield root


def _leave(scratch: Path) -> None:
    try:
        os.rmdir(scratch)
    except OSError:
        pass  # the next sweep takes it


UNDO_JOBS: Mapping[str, FileJob] = {
    "branch": _branch,
    "checkpoint": _checkpoint,
    "compare": _compare,
    "drop-checkpoint": _drop,
    "rollback": _rollback,
}
