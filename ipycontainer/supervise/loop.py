"""The monitor's event loop: poll(2), callbacks and deadlines, without threads.

A thread would forbid the namespace calls that an exec needs (setns(2): EINVAL with more than one).
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable

__all__ = ["READ", "WRITE", "Loop"]

READ = select.POLLIN
WRITE = select.POLLOUT


class Loop:
    """Call back when a descriptor is ready, or when a time has come."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._callbacks: dict[int, Callable[[], object]] = {}
        self._deadlines: dict[object, tuple[float, Callable[[], object]]] = {}

    def watch(self, fd: int, events: int, callback: Callable[[], object]) -> None:
        """Call `callback` whenever `fd` is ready for `events`, has hung up or failed."""
        self._poll.register(fd, events)
        self._callbacks[fd] = callback

    def forget(self, fd: int) -> None:
        """Stop watching `fd`; one that is not watched is fine."""
        if self._callbacks.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def at(self, key: object, seconds: float, callback: Callable[[], object]) -> None:
        """Call `callback` once in `seconds`; an earlier deadline of the same key is replaced."""
        self._deadlines[key] = (time.monotonic() + seconds, callback)

    def cancel(self, key: object) -> None:
        """Drop the deadline of this key, if there is one."""
        self._deadlines.pop(key, None)

    def pass_time(self, seconds: float, until: Callable[[], bool]) -> None:
        """Go on for so long, or until a condition holds."""
        over: list[bool] = []
        self.at(id(over), seconds, lambda: over.append(True))
        while not over and not until():
            self.step()
        self.cancel(id(over))

    def step(self) -> None:
        """Wait for the next thing to happen, and do what was asked for it."""
        timeout = None
        if self._deadlines:
            first = min(moment for moment, _ in self._deadlines.values())
            timeout = max(0, int((first - time.monotonic()) * 1000) + 1)
        for fd, _ in self._poll.poll(timeout):
            callback = self._callbacks.get(fd)
            if callback is not None:  # an earlier callback of this round may have dropped it
                callback()
        now = time.monotonic()
        for key, (moment, callback) in list(self._deadlines.items()):
            if moment <= now:
                del self._deadlines[key]
                callback()
