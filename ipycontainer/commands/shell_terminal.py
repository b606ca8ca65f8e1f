"""The shell's own terminal, while it shows that of a program: raw keys, and its size passed on."""

from __future__ import annotations

import os
import signal
import termios
import tty as raw_mode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import Foreground

__all__ = ["shown"]

_KEYS, _SCREEN = 0, 1  # descriptors: where keys come from, what is as large as the window


@contextmanager
def shown(foreground: Foreground, *, tty: bool, reads: bool) -> Iterator[None]:
    """Let every key go to the program while it `reads`, and tell it when the window changes."""
    with ExitStack() as until_left:
        if tty:
            until_left.enter_context(_size_passed_on(foreground))
        if tty and reads and os.isatty(_KEYS):
            until_left.enter_context(_raw_keys())
        yield


@contextmanager
def _raw_keys() -> Iterator[None]:
    before = termios.tcgetattr(_KEYS)
    try:
        raw_mode.setraw(_KEYS, termios.TCSANOW)  # what was typed ahead stays
        yield
    finally:
        termios.tcsetattr(_KEYS, termios.TCSADRAIN, before)


@contextmanager
def _size_passed_on(foreground: Foreground) -> Iterator[None]:
    def changed(_number: int, _frame: FrameType | None) -> None:
        try:
            columns, rows = os.get_terminal_size(_SCREEN)
        except OSError:  # our output is no terminal
            return
        foreground.resize(rows, columns)

    before = signal.signal(signal.SIGWINCH, changed)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
