"""The one thread behind all live views: it sleeps until one of them has something to do."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

__all__ = ["PUMP", "Pump", "Pumped"]


class Pumped(Protocol):
    """A view, as the thread knows it: all of these are called by the thread alone."""

    def waits_for(self) -> Iterable[int]:
        """Return the descriptors that it waits to read."""

    def due(self) -> float | None:
        """Return when it has something to do anyway (time.monotonic)."""

    def turn(self, now: float, ready: frozenset[int]) -> bool:
        """Do what is to be done; False when nothing will be any more."""

    def failed(self, error: Exception) -> None:
        """Learn that its turn raised: it gets no other one."""


class Pump:
    """Turns views one after the other; the thread is there only while one of them is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._views: list[Pumped] = []
        self._thread: threading.Thread | None = None
        self._reader = self._writer = -1

    def add(self, view: Pumped) -> None:
        """Begin to turn a view; at once, then as it says."""
        with self._lock:
            self._views.append(view)
            if self._thread is None:
                self._reader, self._writer = os.pipe()
                os.set_blocking(self._reader, False)
                os.set_blocking(self._writer, False)
                self._thread = threading.Thread(
                    target=self._run, name="container views", daemon=True
                )
                self._thread.start()
        self.wake()

    def wake(self) -> None:
        """Have every view turned now: one of them was told something."""
        with self._lock:
            if self._writer >= 0:
                with suppress(BlockingIOError):  # full: it is awake
                    os.write(self._writer, b"!")

    @property
    def is_own_thread(self) -> bool:
        """Tell whether it is the thread that asks."""
        return threading.current_thread() is self._thread

    def _run(self) -> None:
        while True:
            with self._lock:
                views = list(self._views)
                if not views:
                    os.close(self._reader)
                    os.close(self._writer)
                    self._reader = self._writer = -1
                    self._thread = None
                    return
            ready = self._wait(views)
            now = time.monotonic()
            over = [view for view in views if not _turned(view, now, ready)]
            with self._lock:
                self._views = [view for view in self._views if view not in over]

    def _wait(self, views: Iterable[Pumped]) -> frozenset[int]:
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        dues = []
        for view in views:
            for fd in view.waits_for():
                poll.register(fd, select.POLLIN)
            if (due := view.due()) is not None:
                dues.append(due)
        # poll counts whole milliseconds: a little later rather than again and again too early.
        patience = max(0.0, min(dues) - time.monotonic()) * 1000 + 1 if dues else None
        found = frozenset(fd for fd, _ in poll.poll(patience))
        if self._reader in found:
            with suppress(BlockingIOError):
                while os.read(self._reader, 4096):
                    pass
        return found


def _turned(view: Pumped, now: float, ready: frozenset[int]) -> bool:
    try:
        return view.turn(now, ready)
    except Exception as error:  # noqa: BLE001 - whatever one view meets, the others go on
        view.failed(error)
        return False


PUMP = Pump()
