"""Watch a program in the cell that started it, and bring an interrupt to it.

Between display and the engine's Foreground. Chunks are read in a thread, because reading blocks and
the cell's thread must wake up to show what is waiting; everything shown is written by the cell's
own thread, since a kernel assigns output by thread. SIGINT is taken by a handler of our own while
the program runs: a KeyboardInterrupt thrown between two lines would lose a chunk.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Protocol

from ipycontainer.errors import ContainerNotRunning
from kernel_ext.output import Output

__all__ = ["GRACE_SECONDS", "KILL_SECONDS", "Program", "interrupted", "watch"]

GRACE_SECONDS = 2.0  # from the first interrupt to SIGTERM
KILL_SECONDS = 1.0  # from SIGTERM to SIGKILL
_CHUNKS_AHEAD = 64  # read but not yet taken over


class Program(Protocol):
    """What is needed of the engine's Foreground."""

    def chunks(self) -> Iterator[tuple[str, bytes]]:
        """Yield the stream's name and bytes until both streams have ended."""

    def signal(self, sig: int, /) -> None:
        """Send a signal to the program."""

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code."""

    def detach(self) -> None:
        """Stop watching; the program goes on."""


_Item = tuple[str, bytes] | BaseException | None  # None: both streams ended; an error: from reading
_INTERRUPT = KeyboardInterrupt()


def watch(
    program: Program, output: Output, clock: Callable[[], float] = time.monotonic
) -> tuple[int, bool]:
    """Show the program's output until it ends; return its exit code and whether we interrupted it.

    First interrupt: SIGINT to the program, and its output goes on; after GRACE_SECONDS SIGTERM,
    after KILL_SECONDS more SIGKILL (a pid namespace's init ignores what it has no handler for:
    pid_namespaces(7)). A second interrupt kills at once.
    """
    # SimpleQueue, since its put may be called by a signal handler while get holds it.
    items: queue.SimpleQueue[_Item] = queue.SimpleQueue()
    room = threading.BoundedSemaphore(_CHUNKS_AHEAD)
    threading.Thread(target=_read, args=(program, items, room), daemon=True).start()
    escalation = _Escalation(program)
    finished = False
    try:
        with _interrupts(lambda: items.put(_INTERRUPT)):
            while True:
                now = clock()
                item = _next(
                    items, _soonest(output.wait_seconds(now), escalation.wait_seconds(now))
                )
                now = clock()
                if isinstance(item, tuple):
                    room.release()
                    output.add(*item, now)
                elif item is _INTERRUPT:
                    escalation.interrupt(now)
                elif isinstance(item, BaseException):
                    raise item
                elif item is None:
                    break
                output.tick(now)
                escalation.tick(now)
            output.end()
            code = _exit_code(program, items, escalation, clock)
        finished = True
    finally:
        if not finished:
            program.detach()
    return code, escalation.asked


def interrupted(what: str) -> KeyboardInterrupt:
    """Return the exception that ends the cell, shown in one line and still a KeyboardInterrupt."""
    error = KeyboardInterrupt(what)
    error._render_traceback_ = lambda: [f"KeyboardInterrupt: {what}"]  # type: ignore[attr-defined]
    return error


class _Timeout:
    """The answer of `_next` when nothing came."""


def _next(items: queue.SimpleQueue[_Item], seconds: float | None) -> _Item | _Timeout:
    try:
        return items.get(timeout=seconds)
    except queue.Empty:
        return _Timeout()


def _soonest(*seconds: float | None) -> float | None:
    known = [value for value in seconds if value is not None]
    return min(known) if known else None


def _read(
    program: Program, items: queue.SimpleQueue[_Item], room: threading.BoundedSemaphore
) -> None:
    try:
        for chunk in program.chunks():
            room.acquire()
            items.put(chunk)
    except BaseException as error:  # noqa: BLE001  raised again in the cell's thread
        items.put(error)
    else:
        items.put(None)


def _exit_code(
    program: Program,
    items: queue.SimpleQueue[_Item],
    escalation: _Escalation,
    clock: Callable[[], float],
) -> int:
    """Wait for the exit code; a program may close its streams long before it ends."""
    codes: queue.SimpleQueue[int | BaseException] = queue.SimpleQueue()

    def wait() -> None:
        try:
            codes.put(program.wait())
        except BaseException as error:  # noqa: BLE001  raised again in the cell's thread
            codes.put(error)
        items.put(None)

    threading.Thread(target=wait, daemon=True).start()
    while True:
        item = _next(items, escalation.wait_seconds(clock()))
        if item is _INTERRUPT:
            escalation.interrupt(clock())
        elif item is None:
            code = codes.get()
            if isinstance(code, BaseException):
                raise code
            return code
        escalation.tick(clock())


class _Escalation:
    """Which signal the program gets next, and when."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.asked = False
        self._next: signal.Signals | None = None
        self._at = 0.0

    def interrupt(self, now: float) -> None:
        """Take an interrupt of the user."""
        if self.asked:
            self._send(signal.SIGKILL)
            self._next = None
        else:
            self.asked = True
            self._send(signal.SIGINT)
            self._next, self._at = signal.SIGTERM, now + GRACE_SECONDS

    def wait_seconds(self, now: float) -> float | None:
        """Return the seconds until `tick` has something to do."""
        return max(0.0, self._at - now) if self._next is not None else None

    def tick(self, now: float) -> None:
        """Send what is due."""
        if self._next is None or now < self._at:
            return
        self._send(self._next)
        if self._next is signal.SIGTERM:
            self._next, self._at = signal.SIGKILL, now + KILL_SECONDS
        else:
            self._next = None

    def _send(self, number: signal.Signals) -> None:
        # It may have ended in this very moment: then its streams say so next.
        with contextlib.suppress(ProcessLookupError, ContainerNotRunning):
            self._program.signal(number)


@contextlib.contextmanager
def _interrupts(taken: Callable[[], None]) -> Iterator[None]:
    """Call `taken` for each SIGINT; outside the main thread none arrives."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(_number: int, _frame: FrameType | None) -> None:
        taken()

    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
