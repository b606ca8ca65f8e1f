"""What an engine tells the verbs in records: the small part of `engine_protocols`. Only types."""

# ruff: noqa: D102  the names are documented where they are implemented, by the engine

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

__all__ = ["Change", "Check", "Event", "Processes"]


class Change(Protocol):
    """A path that differs from the image: `kind` is A, C or D; sizes in bytes."""

    @property
    def kind(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def mode(self) -> int: ...
    @property
    def uid(self) -> int: ...
    @property
    def gid(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def size_delta(self) -> int: ...


class Check(Protocol):
    """One thing that the engine stands on, and the command that mends it."""

    @property
    def name(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def detail(self) -> str: ...
    @property
    def remedy(self) -> str: ...
    @property
    def needed(self) -> bool: ...


class Event(Protocol):
    """Something that happened; `attributes` are docker's of the actor."""

    @property
    def time_ns(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def actor(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, str]: ...


class Processes(Protocol):
    """What `ps` printed of a container's processes."""

    @property
    def titles(self) -> tuple[str, ...]: ...
    @property
    def rows(self) -> tuple[tuple[str, ...], ...]: ...
    @property
    def inside(self) -> tuple[int, ...]: ...
