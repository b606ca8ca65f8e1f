"""One row of `stats`: what a container used between two readings."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Sample"]


@dataclass(frozen=True, slots=True)
class Sample:
    """Numbers of one container: bytes since its start, the processor since the last reading.

    `container` is how it was asked for: the word that was typed, or its short id. One that does not
    run has zeros.
    """

    id: str
    name: str
    container: str
    cpu_percent: float = 0.0
    memory: int = 0
    memory_limit: int = 0
    rx_bytes: int = 0
    tx_bytes: int = 0
    read_bytes: int = 0
    write_bytes: int = 0
    pids: int = 0

    @property
    def memory_percent(self) -> float:
        """Return the memory's share of its limit."""
        return self.memory / self.memory_limit * 100 if self.memory_limit else 0.0
