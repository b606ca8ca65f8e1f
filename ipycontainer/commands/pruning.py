"""The verb container prune: remove what has ended."""

from __future__ import annotations

import os

import click

from ipycontainer.commands.records import Lines, Outcome
from ipycontainer.commands.types import Filter
from ipycontainer.commands.verb import Session, verb
from ipycontainer.errors import EngineError, InvalidArgument, UsageError
from ipycontainer.model.state import ContainerRecord, Status
from ipycontainer.model.units import human_size, parse_time

__all__ = ["container_prune", "is_confirmed"]

_ENDED = (Status.CREATED, Status.EXITED, Status.DEAD)
_WARNING = "WARNING! This will remove all stopped containers."
_QUESTION = "Are you sure you want to continue? [y/N] "


@verb("prune", "Remove all stopped containers", "[OPTIONS]", most=0, path="container prune")
@click.option("--filter", "filters", type=Filter(), multiple=True, help="as until=1h, label=a=b")
@click.option("-f", "--force", is_flag=True, help="Do not prompt for confirmation")
def container_prune(session: Session, filters: tuple[tuple[str, str], ...], force: bool) -> Outcome:
    """Return docker's lines: the ids of what was removed, and the space that it took."""
    if not force and not is_confirmed(session, _WARNING):
        return Lines()
    wanted = [_Condition(key, value) for key, value in filters]
    removed, freed = [], 0
    for container in session.engine.containers.list(all=True):
        record = container.record
        if record.state.status in _ENDED and all(test(record) for test in wanted):
            size = container.written_bytes()
            try:
                container.remove()
            except EngineError:  # it was started, or removed, meanwhile
                continue
            removed.append(record.id)
            freed += size
    named = ("Deleted Containers:", *removed, "") if removed else ()
    return Lines(lines=(*named, f"Total reclaimed space: {human_size(freed)}"))


def is_confirmed(session: Session, warning: str) -> bool:
    """Ask the person at the terminal; a notebook has nobody to ask before the verb is done."""
    if not isinstance(session.stdin, int):
        raise UsageError(
            "prune asks before it removes anything", hint="Say -f to mean it", exit_code=1
        )
    os.write(1, f"{warning}\n{_QUESTION}".encode())
    with os.fdopen(os.dup(session.stdin), "rb", buffering=0) as file:
        answer = file.readline()
    return answer.strip().lower() in (b"y", b"yes")


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
        name, equals, value = self._value.partition("=")
        labels = record.config.labels
        has = name in labels and (not equals or labels[name] == value)
        return has is (self._key == "label")
