"""The verbs container prune and system prune: remove what has ended, and what nothing uses."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ipycontainer.commands.confirming import confirmed
from ipycontainer.commands.records import Lines, Outcome
from ipycontainer.commands.types import Filter
from ipycontainer.commands.verb import Session, verb
from ipycontainer.errors import EngineError, InvalidArgument, UsageError
from ipycontainer.model.filters import has_label, single_until
from ipycontainer.model.moments import parse_time
from ipycontainer.model.state import ContainerRecord, Status
from ipycontainer.model.units import human_size

__all__ = ["container_prune", "system_prune"]

_ENDED = (Status.CREATED, Status.EXITED, Status.DEAD)
_WARNING = "WARNING! This will remove all stopped containers."


_FILTER_HELP = 'Provide filter values (e.g. "until=<timestamp>")'


@verb("prune", "Remove all stopped containers", "[OPTIONS]", most=0, path="container prune")
@click.option(
    "--filter",
    "filters",
    type=Filter(),
    multiple=True,
    help='Provide filter values (e.g. "until=<timestamp>")',
)
@click.option("-f", "--force", is_flag=True, help="Do not prompt for confirmation")
def container_prune(session: Session, filters: tuple[tuple[str, str], ...], force: bool) -> Outcome:
    """Return docker's lines: the ids of what was removed, and the space that it took."""
    if not force and not confirmed(session, _WARNING):
        return Lines()
    removed, freed = _ended(session, filters)
    named = ("Deleted Containers:", *removed, "") if removed else ()
    return Lines(lines=(*named, f"Total reclaimed space: {human_size(freed)}"))


def _ended(session: Session, filters: Sequence[tuple[str, str]]) -> tuple[list[str], int]:
    """Remove the containers that have ended; return their ids and the bytes that they took."""
    single_until(value for key, value in filters if key == "until")
    wanted = [_Condition(key, value) for key, value in filters]
    engine = session.engine
    chosen = [
        container
        for container in engine.containers.list(all=True)
        if container.record.state.status in _ENDED
        and all(test(container.record) for test in wanted)
    ]
    sizes = engine.written_bytes([container.id for container in chosen])
    removed, freed = [], 0
    for container in chosen:
        try:
            container.remove()
        except EngineError:  # it was started, or removed, meanwhile
            continue
        removed.append(container.id)
        freed += sizes.get(container.id, 0)
    engine.tell_pruned("container", freed)
    return removed, freed


@verb("prune", "Remove unused data", "[OPTIONS]", most=0, path="system prune")
@click.option("-a", "--all", "everything", is_flag=True, help="Remove all unused images")
@click.option(
    "--filter",
    "filters",
    type=Filter(),
    multiple=True,
    help='Provide filter values (e.g. "until=<timestamp>")',
)
@click.option("-f", "--force", is_flag=True, help="Do not prompt for confirmation")
@click.option("--volumes", is_flag=True, help="Prune anonymous volumes")
def system_prune(
    session: Session,
    everything: bool,
    filters: tuple[tuple[str, str], ...],
    force: bool,
    volumes: bool,
) -> Outcome:
    """Return docker's lines about all that was removed, and the space that it took."""
    if volumes and any(key == "until" for key, _ in filters):
        raise UsageError('ERROR: The "until" filter is not supported with "--volumes"', exit_code=1)
    if not force and not confirmed(session, _what_goes(everything, volumes, filters)):
        return Lines()
    wanted: dict[str, list[str]] = {}
    for key, value in filters:
        wanted.setdefault(key, []).append(value)
    engine = session.engine
    lines: list[str] = []
    removed, freed = _ended(session, filters)
    lines += ["Deleted Containers:", *removed, ""] if removed else []
    networks = engine.networks.prune(filters=wanted or None)["NetworksDeleted"]
    lines += ["Deleted Networks:", *networks, ""] if networks else []
    if volumes:
        told = engine.volumes.prune(filters=wanted or None)
        deleted = told["VolumesDeleted"] or ()
        lines += ["Deleted Volumes:", *deleted, ""] if deleted else []
        freed += int(told["SpaceReclaimed"])
    dangling = "false" if everything else "true"
    told = engine.images.prune({"dangling": [dangling], **wanted})
    deeds = [
        f"{what.lower()}: {name}" for each in told["ImagesDeleted"] for what, name in each.items()
    ]
    lines += ["Deleted Images:", *deeds, ""] if deeds else []
    freed += int(told["SpaceReclaimed"])
    engine.tell_pruned("builder", 0)  # which has nothing here, and docker tells of it all the same
    return Lines(lines=(*lines, f"Total reclaimed space: {human_size(freed)}"))


def _what_goes(everything: bool, volumes: bool, filters: Sequence[tuple[str, str]]) -> str:
    """Return docker's warning: all kinds of things that are removed, and the filters."""
    kinds = ["all stopped containers", "all networks not used by at least one container"]
    kinds += ["all anonymous volumes not used by at least one container"] if volumes else []
    kinds += (
        ["all images without at least one container associated to them", "all build cache"]
        if everything
        else ["all dangling images", "unused build cache"]
    )
    lines = ["WARNING! This will remove:", *(f"  - {kind}" for kind in kinds), ""]
    if filters:
        words = sorted(f"{key}={value}" for key, value in filters)
        lines += ["  Items to be pruned will be filtered with:"]
        lines += [*(f"  - {word}" for word in words), ""]
    return "\n".join(lines)


class _Condition:
    """A filter as a question to a record."""

    def __init__(self, key: str, value: str) -> None:
        self._moment = 0
        if key == "until":
            self._moment = parse_time(value)
        elif key not in ("label", "label!"):
            raise InvalidArgument(f"invalid filter '{key}'")
        self._key = key
        self._value = value

    def __call__(self, record: ContainerRecord) -> bool:
        if self._key == "until":
            return record.created_ns < self._moment
        return has_label(record.config.labels, self._value) is (self._key == "label")
