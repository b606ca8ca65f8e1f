"""Whether a container that has ended begins again, and when: docker's restart policies.

Decided by its monitor, which is there anyway: nobody else need run. The pause before a start begins
with 100 ms, doubles each time up to a minute, and begins anew after ten seconds of running.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["STOPPED_MARK", "Restarts"]

FIRST_SECONDS, LONGEST_SECONDS = 0.1, 60.0
STEADY_SECONDS = 10.0
# In the container's directory: somebody stopped it, so `unless-stopped` leaves it after a reboot.
STOPPED_MARK = "stopped"


class Restarts:
    """The policy of one container and its count. `request` is that of the monitor."""

    def __init__(self, request: Mapping[str, Any], directory: Path) -> None:
        self._name = str(request.get("restart", "no"))
        self._limit = int(request.get("restart_limit", 0))
        self._mark = directory / STOPPED_MARK
        self._seconds = 0.0
        self.count = 0
        self.cancelled = False
        if self._name != "no":
            with suppress(FileNotFoundError):
                self._mark.unlink()

    def change(self, name: str, limit: int) -> None:
        """Follow another policy from now on."""
        self._name, self._limit = name, limit

    def stopped_by_hand(self, *, for_good: bool = True) -> None:
        """Take note that somebody stopped or signalled it.

        Not `for_good` was a signal that may mean something else: only `unless-stopped` minds.
        """
        self.cancelled = self.cancelled or for_good or self._name == "unless-stopped"
        if self._name != "no":
            os.close(os.open(self._mark, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))

    def pause_before_next(self, code: int, ran_seconds: float) -> float | None:
        """Return the seconds until the next start, None when there is none; count it."""
        if self.cancelled or not self._wants(code):
            return None
        steady = ran_seconds >= STEADY_SECONDS or not self._seconds
        self._seconds = FIRST_SECONDS if steady else min(2 * self._seconds, LONGEST_SECONDS)
        self.count += 1
        return self._seconds

    def _wants(self, code: int) -> bool:
        if self._name == "on-failure":
            return code != 0 and (self._limit == 0 or self.count < self._limit)
        return self._name in ("always", "unless-stopped")
