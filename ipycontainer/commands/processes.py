"""The verb top: what runs in a container."""

from __future__ import annotations

import click

from ipycontainer.commands.records import Outcome, ProcessList
from ipycontainer.commands.verb import Session, verb

__all__ = ["top"]


@verb(
    "top",
    "Display the running processes of a container",
    "CONTAINER [ps OPTIONS]",
    least=1,
    interspersed=False,
)
@click.argument("container")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def top(session: Session, container: str, arguments: tuple[str, ...]) -> Outcome:
    """Return the processes as this machine's `ps` shows them."""
    found = session.engine.containers.get(container).processes(arguments)
    return ProcessList(titles=found.titles, rows=found.rows, inside=found.inside)
