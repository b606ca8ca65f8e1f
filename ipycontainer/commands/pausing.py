"""The verbs pause and unpause: stop all of a container where it stands, and let it go on."""

from __future__ import annotations

import click

from ipycontainer.commands import lookup
from ipycontainer.commands.lifecycle import for_each
from ipycontainer.commands.records import Outcome
from ipycontainer.commands.verb import Session, verb

__all__ = ["pause", "unpause"]

_SEVERAL = "CONTAINER [CONTAINER...]"


@verb("pause", "Pause all processes within one or more containers", _SEVERAL, least=1)
@click.argument("containers", nargs=-1)
def pause(session: Session, containers: tuple[str, ...]) -> Outcome:
    """Freeze containers; what they were doing goes on at unpause."""
    return for_each(containers, lambda name: lookup.container(session, name).pause())


@verb("unpause", "Unpause all processes within one or more containers", _SEVERAL, least=1)
@click.argument("containers", nargs=-1)
def unpause(session: Session, containers: tuple[str, ...]) -> Outcome:
    """Let paused containers go on."""
    return for_each(containers, lambda name: lookup.container(session, name).unpause())
