"""What live views read of an engine in memory: rows that a test gives, a log, a bell."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

__all__ = ["FakeBell", "FakeFollower", "FakeSampler"]


class FakeSampler:
    """Gives one reading after the other, then ends."""

    def __init__(self, readings: Sequence[Sequence[Any]]) -> None:
        self._readings = list(readings)

    def refresh(self) -> bool:
        return bool(self._readings)

    def rows(self) -> Sequence[Any]:
        return self._readings.pop(0) if self._readings else ()


class FakeBell:
    """A bell that `ring` rings."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)

    def fileno(self) -> int:
        return self._reader

    def ring(self) -> None:
        os.write(self._writer, b"!")

    def wait(self, timeout: float | None = None) -> bool:
        try:
            return bool(os.read(self._reader, 4096))
        except BlockingIOError:
            return False

    def close(self) -> None:
        for fd in (self._reader, self._writer):
            os.close(fd)
        self._reader = self._writer = -1


class FakeFollower:
    """A log that has ended: its lines are read once."""

    def __init__(self, name: str, entries: Sequence[Any]) -> None:
        self.name = name
        self._entries = list(entries)
        self.ended = True

    def fileno(self) -> int:
        return -1

    @property
    def behind_bytes(self) -> int:
        return sum(len(entry.text) for entry in self._entries)

    def read(self, limit_bytes: int = 1 << 20) -> Sequence[Any]:
        found, self._entries = self._entries, []
        return found

    def skip(self, keep_bytes: int) -> int:
        return 0

    def ask(self) -> None: ...
    def grew(self) -> None: ...
    def close(self) -> None: ...
