"""What the parts of `engine.container.Container` are made on."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container

__all__ = ["ContainerPart"]


class ContainerPart:
    """A part of a container: only a whole one is ever made."""

    @property
    def _self(self) -> Container:
        return cast("Container", self)
