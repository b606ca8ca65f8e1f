"""What a spare monitor hands to the monitor that it becomes."""

from __future__ import annotations

from dataclasses import dataclass

from ipycontainer.runtime.sandbox import Sandbox
from ipycontainer.store.database import Store

__all__ = ["Prepared"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a spare monitor has made before it knows of its container.

    A store that may be open, the pipes (read and write end) for what the program prints, and an
    init that waits.
    """

    store: Store
    stdout: tuple[int, int]
    stderr: tuple[int, int]
    sandbox: Sandbox | None = None
