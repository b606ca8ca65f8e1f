"""A question to the person at the shell, whose answer is a line, a Ctrl-D or a Ctrl-C."""

from __future__ import annotations

import os
import select
import signal
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["ask", "read_line"]

_LONGEST_ANSWER = 1024
_ECHO = 3  # the index of the local modes, termios(3)


def ask(question: str, hidden: bool, *, keys: int = 0, screen: int = 1) -> str:
    """Show a question on a terminal and return the line that answers it.

    `hidden`: what is typed is not shown. Raises EOFError where nothing but a Ctrl-D was typed, and
    KeyboardInterrupt at a Ctrl-C or a SIGTERM, which docker's client takes as one.
    """
    os.write(screen, question.encode())
    if not hidden:
        return read_line(keys)
    with _unseen(keys):
        answer = read_line(keys)
    os.write(screen, b"\n")
    return answer


def read_line(fd: int) -> str:
    """Return one line without its end, and take nothing of what follows it.

    Raises EOFError where there is none, and KeyboardInterrupt as `ask` does. For the main thread,
    which alone may say what a signal does.
    """
    line = b""
    with _woken() as signalled:
        while len(line) < _LONGEST_ANSWER and not line.endswith(b"\n"):
            # A signal that came just before a read would else be looked at after the next key.
            ready, _, _ = select.select([fd, signalled], [], [])
            if fd not in ready:  # a signal whose handler let us go on
                os.read(signalled, select.PIPE_BUF)
                continue
            byte = os.read(fd, 1)
            if not byte:
                break
            line += byte
    if not line:
        raise EOFError
    return line.decode(errors="replace").removesuffix("\n")


@contextmanager
def _unseen(keys: int) -> Iterator[None]:
    before = termios.tcgetattr(keys)
    silent = list(before)
    silent[_ECHO] &= ~termios.ECHO
    termios.tcsetattr(keys, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)


@contextmanager
def _woken() -> Iterator[int]:
    """Give a descriptor that can be read from when a signal has come; SIGTERM is an interrupt."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    wakes = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    ends = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield reading
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if ends is None else ends)
        signal.set_wakeup_fd(wakes)
        os.close(reading)
        os.close(writing)
