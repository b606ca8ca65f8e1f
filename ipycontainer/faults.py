"""The one place where a failure can be put into the engine, so that tests can see it survive.

Each operation that can be cut in the middle names its places by `point("...")`. Nothing happens
there unless $IPYCONTAINER_FAULT says so when the process starts:

    ACTION:PLACE:N:FILE     at the Nth time that a process comes to PLACE while FILE exists

`kill` ends the process by SIGKILL, `fail` raises EIO, `full` raises ENOSPC, `note` appends the
place to FILE and goes on, which is how a test counts the places of an operation. A fault strikes
once: it removes FILE first. Imports nothing: every room may name its places.
"""

from __future__ import annotations

import errno
import os
import signal

__all__ = ["VARIABLE", "point"]

VARIABLE = "IPYCONTAINER_FAULT"


class _Fault:
    def __init__(self, text: str) -> None:
        self.action, self.place, number, self.file = text.split(":", 3)
        self.left = int(number)

    def reached(self, place: str) -> None:
        if not place.startswith(self.place) or not os.path.exists(self.file):
            return
        if self.action == "note":
            with open(self.file, "a", encoding="utf-8") as file:
                file.write(f"{place}\n")
            return
        self.left -= 1
        if self.left > 0:
            return
        os.unlink(self.file)
        if self.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        number = errno.ENOSPC if self.action == "full" else errno.EIO
        raise OSError(number, os.strerror(number))


_armed = _Fault(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def point(place: str) -> None:
    """Name a place at which this process may be killed or refused, for tests.

    Costs one comparison where no fault is armed. Raises OSError where one is.
    """
    if _armed is not None:
        _armed.reached(place)
