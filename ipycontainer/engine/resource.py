"""What containers, images, networks and volumes of an engine have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = ["Resource"]

Record = TypeVar("Record")


class Resource(ABC, Generic[Record]):
    """Something that an engine keeps: `record` is what it knew of it at the last look.

    Two are equal where kind and id are. `warnings` are docker's WARNING lines, without that word.
    """

    def __init__(self, engine: Engine, record: Record, warnings: Sequence[str] = ()) -> None:
        self.engine = engine
        self.record = record
        self.warnings = tuple(warnings)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.short_id}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    @abstractmethod
    def id(self) -> str:
        """Return what names it for good."""

    @property
    def short_id(self) -> str:
        """Return as much of the id as listings show: twelve digits."""
        return self.id[:12]
