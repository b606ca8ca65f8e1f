"""The verb top: what runs in a container, once or again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from ipycontainer.commands import lookup
from ipycontainer.commands.live import Live
from ipycontainer.commands.records import Outcome, ProcessList
from ipycontainer.commands.verb import Session, verb
from ipycontainer.errors import ContainerNotRunning, NoSuchContainer, UsageError

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import Container
    from ipycontainer.model.process import Process

__all__ = ["top"]

_EACH_SECONDS = 1.0


@verb(
    "top",
    "Display the running processes of a container",
    "CONTAINER [ps OPTIONS]",
    least=1,
    interspersed=False,
)
@click.option("--watch", is_flag=True, help="Go on, as a tree with both pids in a notebook")
@click.argument("container")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def top(session: Session, watch: bool, container: str, arguments: tuple[str, ...]) -> Outcome:
    """Return the processes as this machine's `ps` shows them; with --watch again each second."""
    target = lookup.container(session, container)
    if not watch:
        return _listed(target, arguments)
    if arguments:
        raise UsageError("--watch has columns of its own: leave the options of ps out", exit_code=1)
    source = _Tree(target)
    return Live(
        kind="top",
        title=target.name,
        listings=_listings(target),
        source=source,
        bell=session.engine.bell,
    )


class _Tree:
    """A container's processes, read again and again."""

    def __init__(self, container: Container) -> None:
        self._container = container
        container.process_tree()  # one that does not run is told now

    def refresh(self) -> bool:
        """Tell whether it still runs."""
        return self._container.status in ("running", "paused", "restarting")

    def rows(self) -> Sequence[Process]:
        """Return its processes as they are now, none in the moment of its end."""
        try:
            return self._container.process_tree()
        except (ContainerNotRunning, NoSuchContainer):
            return ()


def _listed(container: Container, arguments: Sequence[str] = ()) -> ProcessList:
    found = container.processes(arguments)
    return ProcessList(titles=found.titles, rows=found.rows, inside=found.inside)


def _listings(container: Container) -> Iterator[ProcessList]:
    while True:
        try:
            yield _listed(container)
        except (ContainerNotRunning, NoSuchContainer):
            return
        time.sleep(_EACH_SECONDS)
