"""Progress of a pull, push, load or save, as it crosses from a worker to whoever watches.

Statuses are docker's words ("Downloading", "Pull complete"), so that a line of its shell is
`id: status`. Imports nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Progress"]


@dataclass(frozen=True, slots=True)
class Progress:
    """One layer's state, or a line about the whole where `id` is "".

    `current` of `total` bytes are done; a total of 0 says that no bytes are counted here.
    """

    id: str
    status: str
    current: int = 0
    total: int = 0

    def to_wire(self) -> list[Any]:
        """Return the list that crosses the border between two processes."""
        return [self.id, self.status, self.current, self.total]

    @classmethod
    def from_wire(cls, raw: Sequence[Any]) -> Progress:
        """Return what `to_wire` wrote."""
        return cls(str(raw[0]), str(raw[1]), int(raw[2]), int(raw[3]))

    def as_docker(self) -> dict[str, Any]:
        """Return the object that docker's API streams for it."""
        detail = {"current": self.current, "total": self.total} if self.total else {}
        said: dict[str, Any] = {"status": self.status, "progressDetail": detail}
        return {**said, "id": self.id} if self.id else said
