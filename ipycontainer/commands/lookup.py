"""Which container a word means, and docker's refusals of words that its daemon never gets to see.

A name becomes a part of a path (`/containers/NAME/stop`) that docker's client cleans: `/web`,
`web//` and `x/../web` all ask for `web`, and errors name that; nothing and `..` lead elsewhere,
where no page is. A client that inspects a container first finds an empty name itself.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from ipycontainer.commands.verb import Session
from ipycontainer.errors import NotFound, UsageError

if TYPE_CHECKING:
    from ipycontainer.commands.border import Container

__all__ = ["check_route", "container", "inspected", "routed"]

_ROOM, _PAGE = "/containers/", "/verb"


def container(session: Session, name: str) -> Container:
    """Return the container of a verb that asks docker's daemon at once."""
    return session.engine.containers.get(routed(name))


def inspected(session: Session, name: str) -> Container:
    """Return the container of a verb whose client inspects it first."""
    if not name:
        raise UsageError("Error: No such container: ", exit_code=1)
    return container(session, name)


def routed(name: str) -> str:
    """Return a container's name as docker's daemon gets it. Raises NotFound for what is no page."""
    path = posixpath.normpath(f"{_ROOM}{name}{_PAGE}")
    found = path.removeprefix(_ROOM).removesuffix(_PAGE)
    if not path.startswith(_ROOM) or len(path) < len(_ROOM) + len(_PAGE) + 1:
        raise NotFound("page not found")
    return found


def check_route(name: str) -> None:
    """Refuse a name of a volume or a network that is no part of a path."""
    if not name.strip("/") or {".", ".."} & set(name.split("/")):
        raise NotFound("page not found")
