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
    """What is needed of the engine's Foreground; a log that is followed has it too."""

    def chunks(self) -> Iterator[tuple[str, bytes]]:
        """Yield the stream's name and bytes until both streams have ended."""

    def signal(self, sig: int, /) -> None:
        """Send a signal to the program."""

    def wait(self) -> int:
        """Return the exit code."""

    def detach(self) -> None:
        """Stop watching; the program goes on."""


# A chunk, the exit code, what reading raised, or _INTERRUPT.
_Item = tuple[str, bytes] | int | BaseException
_INTERRUPT = KeyboardInterrupt()


def watch(
    program: Program, output: Output, clock: Callable[[], float] = time.monotonic
) -> tuple[int, bool]:
    """Show the program's output until it ends; return its exit code and whether we interrupted it.

    First interrupt: SIGINT to the program, and its output goes on; after GRACE_SECONDS SIGTERM,
    after KILL_SECONDS more SIGKILL (a pid namespace's init ignores what it has no handler for:
    pid_namespaces(7)). A second interrupt kills at once.
    """
    reader = _Reader(program)
    escalation = _Escalation(program)
    try:
        with _interrupts(reader.interrupt):
            reader.start()
            while True:
                now = clock()
                item = reader.next(output.wait_seconds(now), escalation.wait_seconds(now))
                now = clock()
                if isinstance(item, tuple):
                    output.add(*item, now)
                elif item is _INTERRUPT:
                    escalation.interrupt(now)
                elif isinstance(item, int):
                    output.end()
                    return item, escalation.asked
                elif item is not None:
                    output.end()
                    raise item
                output.tick(now)
                escalation.tick(now)
    finally:
        reader.leave()


def interrupted(what: str) -> KeyboardInterrupt:
    """Return the exception that ends the cell, shown in one line and still a KeyboardInterrupt."""
    error = KeyboardInterrupt(what)
    error._render_traceback_ = lambda: [f"KeyboardInterrupt: {what}"]  # type: ignore[attr-defined]
    return error


class _Reader:
    """The thread that reads, and the queue from it to the cell's thread."""

    def __init__(self, program: Program) -> None:
        self._program = program
        # SimpleQueue, since its put may be called by a signal handler while get holds it.
        self._items: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._room = threading.BoundedSemaphore(_CHUNKS_AHEAD)
        self._left = threading.Event()
        self._ended = False

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._read, name="container output", daemon=True).start()

    def next(self, *patience: float | None) -> _Item | None:
        """Return the next item; None when the shortest patience, in seconds, ran out before it."""
        limits = [seconds for seconds in patience if seconds is not None]
        try:
            item = self._items.get(timeout=min(limits) if limits else None)
        except queue.Empty:
            return None
        if isinstance(item, tuple):
            self._room.release()
        self._ended = isinstance(item, int)
        return item

    def interrupt(self) -> None:
        """Put an interrupt into the queue; safe in a signal handler."""
        self._items.put(_INTERRUPT)

    def leave(self) -> None:
        """Let the thread go, if the program has not ended: it detaches as soon as it wakes up."""
        if not self._ended:
            self._left.set()
            with contextlib.suppress(ValueError):  # it was not waiting for room
                self._room.release()

    def _read(self) -> None:
        chunks = self._program.chunks()
        try:
            for chunk in chunks:
                self._room.acquire()
                if self._left.is_set():
                    self._program.detach()
                    return
                self._items.put(chunk)
            self._items.put(self._program.wait())
        except BaseException as error:  # noqa: BLE001  raised again in the cell's thread
            self._items.put(error)


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
        with contextlib.suppress(ProcessLookupError, BrokenPipeError, ContainerNotRunning):
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
