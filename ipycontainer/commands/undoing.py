"""The verbs to try and undo: checkpoint, checkpoints, rollback, branch."""

from __future__ import annotations

import time

import click

from ipycontainer.commands.exporting import is_paused, pausing
from ipycontainer.commands.records import Done, Listing, Outcome
from ipycontainer.commands.summaries import CheckpointSummary
from ipycontainer.commands.verb import Session, verb

__all__ = ["branch", "checkpoint", "checkpoints", "rollback"]

_RESTARTED = "{} was restarted: what is mounted cannot be exchanged under a process"


@verb(
    "checkpoint",
    "Keep a container's files under a name",
    "[OPTIONS] CONTAINER NAME",
    least=2,
    most=2,
)
@pausing("checkpoint")
@click.argument("container")
@click.argument("name")
def checkpoint(
    session: Session, pause: bool | None, no_pause: bool, container: str, name: str
) -> Outcome:
    """Return the name; a running container is held still meanwhile, if it shall pause."""
    paused = is_paused(pause, no_pause)
    target = session.engine.containers.get(container)
    with session.progress(f"Keeping {container}") as progress:
        target.checkpoint(name, pause=paused, progress=progress)
    return Done(names=(name,))


@verb("checkpoints", "List the checkpoints of a container", "[OPTIONS] CONTAINER", least=1, most=1)
@click.option("--rm", "removed", default="", help="Remove the checkpoint of this name instead")
@click.argument("container")
def checkpoints(session: Session, removed: str, container: str) -> Outcome:
    """Return them, oldest first."""
    target = session.engine.containers.get(container)
    if removed:
        target.drop_checkpoint(removed)
        return Done(names=(removed,))
    rows = tuple(
        CheckpointSummary(each.tag, each.created_ns, each.size) for each in target.checkpoints()
    )
    return Listing(kind="checkpoints", rows=rows, now_ns=time.time_ns())


@verb(
    "rollback", "Bring a container's files back to a checkpoint", "CONTAINER NAME", least=2, most=2
)
@click.argument("container")
@click.argument("name")
def rollback(session: Session, container: str, name: str) -> Outcome:
    """Return the container's name; a running one is restarted, which a WARNING says."""
    target = session.engine.containers.get(container)
    with session.progress(f"Bringing {container} back") as progress:
        restarted = target.rollback(name, progress=progress)
    return Done(names=(container,), warnings=(_RESTARTED.format(container),) if restarted else ())


@verb("branch", "Make another container with the same files", "CONTAINER NEW_NAME", least=2, most=2)
@click.argument("container")
@click.argument("name")
def branch(session: Session, container: str, name: str) -> Outcome:
    """Return the new container's name; it is not started."""
    target = session.engine.containers.get(container)
    with session.progress(f"Branching {container}") as progress:
        target.branch(name, progress=progress)
    return Done(names=(name,))
