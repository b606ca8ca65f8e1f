"""One process of a container, as `top --watch` shows it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Process"]


@dataclass(frozen=True, slots=True)
class Process:
    """A process: its pid here and inside, its parent's pid here, and what it has used.

    `uid` is as the container counts, `cpu_ns` processor time since its start, `resident` bytes of
    memory, `started_ns` since the epoch. `command` is what it says of itself: any text.
    """

    pid: int
    inside: int
    parent: int
    state: str
    uid: int
    threads: int
    cpu_ns: int
    resident: int
    started_ns: int
    command: str
