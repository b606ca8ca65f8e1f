"""The next step after an error that names none: what was meant, perhaps, or what makes it right.

Steps are named as a shell has them; a notebook says them in its own words.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ipycontainer.errors import (
    ContainerNotRunning,
    EngineError,
    ImageNotFound,
    NameInUse,
    NoSuchContainer,
    NoSuchNetwork,
    NoSuchVolume,
)

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import EngineFactory

__all__ = ["nearest_image", "suggest"]

# What lists the names, where none is close.
_LISTS = (
    (NoSuchContainer, "ipycontainer ps -a lists all containers"),
    (ImageNotFound, "ipycontainer images lists those that are here"),
    (NoSuchNetwork, "ipycontainer network ls lists them"),
    (NoSuchVolume, "ipycontainer volume ls lists them"),
)
# The name in docker's words for each of them.
_NAMED = re.compile(r"network (\S+) not found|get (\S+): no such volume|.*: (\S+)")
_STOPPED = re.compile(r".*container (?P<id>[0-9a-f]{12,64}) is not running")
_TAKEN = re.compile(r'.*The container name "/(?P<name>[^"]+)" is already in use')


def suggest(error: EngineError, engine_factory: EngineFactory) -> None:
    """Put the next step into an error that has none."""
    if error.hint:
        return
    if isinstance(error, ContainerNotRunning) and (found := _STOPPED.fullmatch(error.message)):
        error.hint = _to_start(found["id"], engine_factory)
    elif isinstance(error, NameInUse) and (found := _TAKEN.match(error.message)):
        error.hint = f"ipycontainer rm {found['name']}, or take another name"
    elif step := next((step for kind, step in _LISTS if isinstance(error, kind)), ""):
        if not (found := _NAMED.fullmatch(error.message)):
            return
        word = next(filter(None, found.groups()))
        close = _nearest(word, _names(error, engine_factory))
        error.hint = f"Did you mean {close}?" if close else step


def nearest_image(name: str, tags: Iterable[str]) -> str:
    """Return the tag that was meant by a name, perhaps; "" where none is close."""
    return _nearest(name, _as_typed(tags))


def _nearest(word: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(word.removesuffix(":latest"), names, n=1)
    return close[0] if close else ""


def _as_typed(tags: Iterable[str]) -> list[str]:
    return [tag.removesuffix(":latest") for tag in tags]


def _to_start(container_id: str, engine_factory: EngineFactory) -> str:
    try:
        return f"ipycontainer start {engine_factory().containers.get(container_id).name}"
    except EngineError:  # it is gone by now
        return ""


def _names(error: EngineError, engine_factory: EngineFactory) -> Sequence[str]:
    try:
        engine = engine_factory()
        if isinstance(error, NoSuchContainer):
            return [each.name for each in engine.containers.list(all=True)]
        if isinstance(error, ImageNotFound):
            return _as_typed(tag for image in engine.images.list() for tag in image.tags)
        if isinstance(error, NoSuchNetwork):
            return [each.record.name for each in engine.networks.list()]
        return [each.name for each in engine.volumes.list()]
    except EngineError:  # the error that is there already says more
        return ()
