"""Which lines of a log are wanted."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WHOLE_LOG", "LogRange"]


@dataclass(frozen=True, slots=True)
class LogRange:
    """Those of the last `tail` lines that are from `since_ns` to `until_ns`; None is no bound.

    Nanoseconds since the epoch, both ends included. A negative `tail` is everything, as in docker.
    """

    since_ns: int | None = None
    until_ns: int | None = None
    tail: int | None = None

    def holds(self, time_ns: int) -> bool:
        """Tell whether a line of that time is wanted."""
        return (self.since_ns is None or time_ns >= self.since_ns) and (
            self.until_ns is None or time_ns <= self.until_ns
        )


WHOLE_LOG = LogRange()
