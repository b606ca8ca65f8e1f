"""Wait for a descriptor without missing an interrupt.

Python runs a handler between two of its own instructions. A signal that comes after that look
and before poll(2) begins would be seen when poll returns: perhaps never. So a wait looks up once a
second; what it waits for wakes it at once.
"""

from __future__ import annotations

import select
import time

__all__ = ["poll_until", "ready"]

LOOK_UP_SECONDS = 1.0


def poll_until(poll: select.poll, deadline: float | None) -> list[tuple[int, int]]:
    """Return what is ready in `poll`, nothing when `deadline` (time.monotonic) has come."""
    while True:
        left = LOOK_UP_SECONDS if deadline is None else deadline - time.monotonic()
        found = poll.poll(max(0.0, min(left, LOOK_UP_SECONDS)) * 1000)
        if found or (deadline is not None and time.monotonic() >= deadline):
            return found


def ready(fd: int, timeout: float | None = None) -> bool:
    """Wait until `fd` can be read or has ended, at most `timeout` seconds; tell whether it has."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    deadline = None if timeout is None else time.monotonic() + timeout
    return bool(poll_until(poll, deadline))
