"""What live views ask of an engine: a part of commands.engine_protocols. Only types."""

# ruff: noqa: D102  the names are documented where they are implemented, by the engine

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import LogEntry

__all__ = ["Bell", "Follower", "Source"]


class Bell(Protocol):
    """What wakes after each event of a home."""

    def fileno(self) -> int: ...
    def wait(self, timeout: float | None = None) -> bool: ...
    def close(self) -> None: ...


class Source(Protocol):
    """Rows that can be read again and again."""

    def refresh(self) -> bool:
        """Look who is there, after the bell; False when no rows can come any more."""

    def rows(self) -> Sequence[Any]:
        """Return the rows as they are now."""


class Follower(Protocol):
    """The lines of a log as they come, without blocking."""

    name: str

    def fileno(self) -> int: ...
    @property
    def ended(self) -> bool: ...
    @property
    def behind_bytes(self) -> int: ...
    def read(self, limit_bytes: int = ...) -> Sequence[LogEntry]: ...
    def skip(self, keep_bytes: int) -> int: ...
    def ask(self) -> None: ...
    def grew(self) -> None: ...
    def close(self) -> None: ...
