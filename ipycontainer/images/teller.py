"""Tell whoever watches how far a job is: states at once, counts of bytes ten times a second.

Between a job's threads and the worker's channel.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from ipycontainer.model.transfer import Progress

__all__ = ["Tell", "Teller", "short"]

Tell = Callable[[Sequence[Progress]], None]

_EACH_SECONDS = 0.1


def short(digest: str) -> str:
    """Return how a layer is named in a line."""
    return digest.removeprefix("sha256:")[:12]


class Teller:
    """Collect progress from several threads and pass it on. Thread-safe."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._counts: dict[str, Progress] = {}
        self._sent_at = 0.0

    def say(self, identity: str, status: str) -> None:
        """Tell a state, of a layer or ("") of the whole."""
        with self._lock:
            self._counts.pop(identity, None)
            self._tell([Progress(identity, status)])

    def count(self, identity: str, status: str, current: int, total: int) -> None:
        """Tell how many bytes are done, when it is time again."""
        with self._lock:
            self._counts[identity] = Progress(identity, status, current, total)
            now = time.monotonic()
            if now - self._sent_at >= _EACH_SECONDS:
                self._sent_at = now
                self._tell(list(self._counts.values()))
                self._counts.clear()
