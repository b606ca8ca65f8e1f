"""The next step after a name that nothing has: the name that was meant, perhaps."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ipycontainer.errors import (
    EngineError,
    ImageNotFound,
    NoSuchContainer,
    NoSuchNetwork,
    NoSuchVolume,
)

if TYPE_CHECKING:
    from ipycontainer.commands.border import EngineFactory

__all__ = ["suggest"]

# What lists the names, where none is close.
_LISTS = (
    (NoSuchContainer, "ps -a lists all containers"),
    (ImageNotFound, "images lists those that are here"),
    (NoSuchNetwork, "network ls lists them"),
    (NoSuchVolume, "volume ls lists them"),
)


def suggest(error: EngineError, engine_factory: EngineFactory) -> None:
    """Put the next step into an error about an unknown name that has none."""
    word = error.message.rpartition(": ")[2]
    step = next((step for kind, step in _LISTS if isinstance(error, kind)), "")
    if error.hint or not step or " " in word:
        return
    close = difflib.get_close_matches(word, _names(error, engine_factory), n=1)
    error.hint = f"Did you mean {close[0]}?" if close else step


def _names(error: EngineError, engine_factory: EngineFactory) -> Sequence[str]:
    try:
        engine = engine_factory()
        if isinstance(error, NoSuchContainer):
            return [each.name for each in engine.containers.list(all=True)]
        if isinstance(error, ImageNotFound):
            tags = [tag for image in engine.images.list() for tag in image.tags]
            return [*tags, *(tag.removesuffix(":latest") for tag in tags)]
        if isinstance(error, NoSuchNetwork):
            return [each.record.name for each in engine.networks.list()]
        return [each.name for each in engine.volumes.list()]
    except EngineError:  # the error that is there already says more
        return ()
