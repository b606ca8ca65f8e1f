"""What a person answers at the shell, and what a signal does to the question."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from ipycontainer.commands.prompt import read_line

SOON_SECONDS = 0.05


@pytest.fixture
def keys() -> Iterator[tuple[int, int]]:
    """Where the answer is read from, and where it is typed."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_one_line_is_taken_and_nothing_of_what_follows(keys: tuple[int, int]) -> None:
    """A program that is started next reads the rest."""
    os.write(keys[1], b"yes\nno\n")
    assert read_line(keys[0]) == "yes"
    assert os.read(keys[0], 10) == b"no\n"


def test_a_signal_that_is_handled_asks_on(keys: tuple[int, int]) -> None:
    """A change of the window's size is no answer; each that comes is handled at once."""
    handled: list[int] = []

    def type_and_signal() -> None:
        for _ in range(2):
            signal.raise_signal(signal.SIGWINCH)
        os.write(keys[1], b"y\n")

    before = signal.signal(signal.SIGWINCH, lambda number, _frame: handled.append(number))
    timer = threading.Timer(SOON_SECONDS, type_and_signal)
    try:
        timer.start()
        assert read_line(keys[0]) == "y"
        timer.join()
    finally:
        signal.signal(signal.SIGWINCH, before)
    assert handled


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_question(keys: tuple[int, int], number: signal.Signals) -> None:
    """As docker's client takes both; what each did before it does again."""
    before = signal.getsignal(number)
    timer = threading.Timer(SOON_SECONDS, lambda: os.kill(os.getpid(), number))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        read_line(keys[0])
    timer.join()
    assert signal.getsignal(number) is before


def test_nothing_typed_is_an_end() -> None:
    """Ctrl-D at the beginning of a line."""
    reading, writing = os.pipe()
    os.close(writing)
    try:
        with pytest.raises(EOFError):
            read_line(reading)
    finally:
        os.close(reading)
