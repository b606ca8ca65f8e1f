"""A program in the foreground is shown while it runs, and interrupts reach it, not the kernel."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from ipycontainer.errors import ContainerNotRunning, EngineError
from kernel_ext import foreground
from kernel_ext.foreground import interrupted, watch
from kernel_ext.output import Output

END = object()


class Script:
    """A program that the test plays: it writes what `say` gets, and `obeys` some signals.

    `when_watched` is called once somebody reads, `when_signalled` after each signal.
    """

    def __init__(self, obeys: set[int] | None = None) -> None:
        self.obeys = obeys or set()
        self.when_watched: Callable[[], object] = lambda: None
        self.when_signalled: Callable[[], object] = lambda: None
        self.signals: list[int] = []
        self.detached = threading.Event()
        self.code = 0
        self._queue: queue.Queue[object] = queue.Queue()

    def say(self, data: bytes, stream: str = "stdout") -> None:
        self._queue.put((stream, data))

    def fail(self, error: Exception) -> None:
        self._queue.put(error)

    def end(self, code: int = 0) -> None:
        self.code = code
        self._queue.put(END)

    def chunks(self) -> Iterator[tuple[str, bytes]]:
        self.when_watched()
        while (item := self._queue.get()) is not END:
            if isinstance(item, Exception):
                raise item
            assert isinstance(item, tuple)
            yield item

    def signal(self, sig: int, /) -> None:
        self.signals.append(sig)
        if sig in self.obeys:
            self.end(128 + sig)
        self.when_signalled()

    def wait(self) -> int:
        return self.code

    def detach(self) -> None:
        self.detached.set()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreground, "GRACE_SECONDS", 0.15)
    monkeypatch.setattr(foreground, "KILL_SECONDS", 0.1)


def press_interrupt() -> None:
    """Send the signal that a kernel gets when its user presses the stop button."""
    os.kill(os.getpid(), signal.SIGINT)


def test_output_and_code(capsys: pytest.CaptureFixture[str]) -> None:
    """Both streams are shown where they belong, and the exit code comes back."""
    script = Script()
    script.say(b"out")
    script.say(b"err", "stderr")
    script.end(3)
    assert watch(script, Output()) == (3, False)
    assert tuple(capsys.readouterr()) == ("out", "err")


def test_output_appears_while_the_program_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written is shown although nothing follows it and the program goes on."""
    shown: list[tuple[str, float]] = []

    def write(text: str) -> int:
        shown.append((text, time.monotonic()))
        return len(text)

    monkeypatch.setattr(sys.stdout, "write", write)
    script = Script()
    script.say(b"a")
    script.say(b"b")
    script.when_watched = lambda: threading.Timer(0.6, script.end).start()
    watch(script, Output())
    ended = time.monotonic()
    assert "".join(text for text, _ in shown) == "ab"
    assert all(ended - at > 0.2 for _, at in shown)


def test_interrupt_goes_to_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    """The program gets SIGINT once, and its last words are shown."""
    script = Script()

    def say_goodbye() -> None:
        script.say(b"cleaning up\n")
        script.end(0)

    script.when_watched = press_interrupt
    script.when_signalled = say_goodbye
    assert watch(script, Output()) == (0, True)
    assert script.signals == [signal.SIGINT]
    assert capsys.readouterr().out == "cleaning up\n"


def test_a_deaf_program_is_killed() -> None:
    """One that ignores INT and TERM gets KILL, each after its grace."""
    script = Script(obeys={signal.SIGKILL})
    script.when_watched = press_interrupt
    assert watch(script, Output()) == (137, True)
    assert script.signals == [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]


def test_second_interrupt_kills_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who presses twice does not wait for any grace."""
    monkeypatch.setattr(foreground, "GRACE_SECONDS", 3600)
    script = Script(obeys={signal.SIGKILL})
    script.when_watched = press_interrupt

    def press_again() -> None:
        if len(script.signals) == 1:
            press_interrupt()

    script.when_signalled = press_again
    assert watch(script, Output()) == (137, True)
    assert script.signals == [signal.SIGINT, signal.SIGKILL]


def test_a_signal_that_comes_too_late_is_nothing() -> None:
    """A program that ended in the same moment is no error."""
    script = Script()

    def gone(sig: int) -> None:
        script.end(5)
        raise ContainerNotRunning(f"container x is not running ({sig})")

    script.signal = gone  # type: ignore[method-assign]
    script.when_watched = press_interrupt
    assert watch(script, Output()) == (5, True)


def test_the_handler_of_before_is_back() -> None:
    """After the program, an interrupt is the kernel's again."""
    before = signal.getsignal(signal.SIGINT)
    script = Script()
    script.end()
    watch(script, Output())
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_of_the_engine_comes_through(capsys: pytest.CaptureFixture[str]) -> None:
    """What reading raises is raised in the cell, after what was read."""
    script = Script()
    script.say(b"first")
    script.fail(EngineError("the connection broke"))
    with pytest.raises(EngineError, match="the connection broke"):
        watch(script, Output())
    assert capsys.readouterr().out == "first"


def test_a_broken_cell_leaves_the_program_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """When output cannot be shown the watcher leaves; the program is neither killed nor blocked."""

    def broken(_text: str) -> int:
        raise OSError("closed")

    script = Script()
    with monkeypatch.context() as patch:
        patch.setattr(sys.stdout, "write", broken)
        script.say(b"x")
        with pytest.raises(OSError, match="closed"):
            watch(script, Output())
    script.say(b"y")
    assert script.detached.wait(5)
    assert script.signals == []


def test_in_another_thread_there_is_no_interrupt() -> None:
    """A watcher in a callback's thread works, without a handler of its own."""
    script = Script()
    script.end(4)
    results: list[tuple[int, bool]] = []
    thread = threading.Thread(target=lambda: results.append(watch(script, Output())))
    thread.start()
    thread.join(5)
    assert results == [(4, False)]


def test_interrupted_is_a_keyboard_interrupt_in_one_line() -> None:
    """The cell ends as with any interrupt, but shows one line."""
    error = interrupted("web was stopped")
    assert type(error) is KeyboardInterrupt
    assert error._render_traceback_() == [  # type: ignore[attr-defined]
        "KeyboardInterrupt: web was stopped"
    ]
