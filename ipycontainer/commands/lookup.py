"""Which container a word means, and docker's refusals of words that its daemon never gets to see.

A name becomes a part of a path (`/containers/NAME/stop`) that docker's router cleans: nothing, a
slash or dots lead elsewhere, where no page is. A client that inspects a container first finds an
empty name itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipycontainer.commands.verb import Session
from ipycontainer.errors import NotFound, UsageError

if TYPE_CHECKING:
    from ipycontainer.commands.border import Container

__all__ = ["check_route", "container", "inspected"]


def container(session: Session, name: str) -> Container:
    """Return the container of a verb that asks docker's daemon at once."""
    check_route(name)
    return session.engine.containers.get(name)


def inspected(session: Session, name: str) -> Container:
    """Return the container of a verb whose client inspects it first."""
    if not name:
        raise UsageError("Error: No such container: ", exit_code=1)
    return container(session, name)


def check_route(name: str) -> None:
    """Refuse a name that is no part of a path."""
    if not name.strip("/") or {".", ".."} & set(name.split("/")):
        raise NotFound("page not found")
