"""Try and undo: checkpoints of a container, going back to one, branches, and what differs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ipycontainer.engine.control import held
from ipycontainer.errors import EngineError, InvalidReference, NoSuchContainer, NotFound
from ipycontainer.model import ids
from ipycontainer.model.state import ContainerState
from ipycontainer.storage import checkpoints, snapshots
from ipycontainer.storage.changes import Change
from ipycontainer.storage.checkpoints import Checkpoint
from ipycontainer.supervise.supervisor import Progress

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container
    from ipycontainer.engine.engine import Engine

__all__ = ["branch", "checkpoint", "compare", "content", "rollback"]


def checkpoint(
    container: Container, tag: str, *, pause: bool, progress: Progress | None
) -> Checkpoint:
    """Keep a container's changes under a name; with `pause` a running one is held still."""
    arguments = {"id": container.id, "tag": tag}
    with held(container) if pause else nullcontext():
        made = container.engine.supervisor.work("checkpoint", arguments, progress=progress)
    return Checkpoint(str(made["tag"]), int(made["created_ns"]), int(made["size"]))


def rollback(container: Container, tag: str, progress: Progress | None) -> bool:
    """Bring a container's files back to a checkpoint; tell whether it was running.

    What is mounted cannot be exchanged under a process: a running one is stopped, and started again
    on the files of then.
    """
    engine = container.engine
    checkpoints.of(engine.home, container.record, tag)  # before anything is stopped for it
    running = container.record.state.status.alive
    if running:
        container.stop()
    container.see_off()
    try:
        arguments = {"id": container.id, "tag": tag}
        engine.supervisor.work("rollback", arguments, progress=progress)
    except EngineError:
        if checkpoints.unfinished(engine.home):  # the worker died between two renames
            engine.supervisor.work("repair", {})
        raise
    if running:
        container.start()
    return running


def branch(container: Container, name: str, progress: Progress | None) -> Container:
    """Make another container with the same settings and the same files, as they are now.

    Named volumes are shared; anonymous ones are new.
    """
    engine, source = container.engine, container.record
    new_id = ids.new_id()
    mounts = tuple(
        replace(mount, source="") if mount.anonymous else mount for mount in source.config.mounts
    )
    try:
        shown = [(overlay.target, overlay.lowers) for overlay in source.overlays]
        driver = source.overlays[0].driver
        overlays = snapshots.prepare(engine.home, new_id, shown=shown, driver=driver)
        record = replace(
            source,
            id=new_id,
            name=name,
            created_ns=time.time_ns(),
            config=replace(source.config, mounts=mounts, auto_remove=False),
            state=ContainerState(),
            overlays=overlays,
            restart_count=0,
        )
        with held(container):
            arguments = {"id": container.id, "new": new_id}
            engine.supervisor.work("branch", arguments, progress=progress)
        return engine.containers.adopt(record)
    except BaseException:
        snapshots.discard(engine.home, new_id)
        raise


# ── what differs ─────────────────────────────────────────────────────────────────────────────────


def compare(
    engine: Engine, one: str, other: str, *, text: bool = False
) -> tuple[list[Change], str]:
    """Return what `other` has otherwise than `one`; with `text` also how texts of files differ."""
    arguments = {"one": _word(engine, one), "other": _word(engine, other), "content": text}
    return _compared(engine, arguments)


def content(container: Container) -> tuple[list[Change], str]:
    """Return what a container has otherwise than its image, and how texts of files differ."""
    arguments = {
        "one": {"kind": "base", "id": container.id},
        "other": {"kind": "container", "id": container.id},
        "content": True,
    }
    return _compared(container.engine, arguments)


def _compared(engine: Engine, arguments: Mapping[str, Any]) -> tuple[list[Change], str]:
    done = engine.supervisor.work("compare", arguments)
    return [Change(*row) for row in done["changes"]], str(done["content"])


def _word(engine: Engine, text: str) -> dict[str, str]:
    name, colon, tag = text.rpartition(":")
    try:
        if not colon:
            return {"kind": "container", "id": engine.containers.get(text).id}
        container = engine.containers.get(name)
        if any(each.tag == tag for each in checkpoints.listed(engine.home, container.id)):
            return {"kind": "checkpoint", "id": container.id, "tag": tag}
    except NoSuchContainer:
        pass
    try:
        found = engine.images.get(text)
        return {"kind": "image", "id": found.id, "driver": engine.driver.name}
    except (NotFound, InvalidReference):
        raise NotFound(
            f"No such container, checkpoint or image: {text}",
            hint="a checkpoint is named with its container: CONTAINER:CHECKPOINT",
        ) from None
