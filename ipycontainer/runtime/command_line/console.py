"""Terminals of the OCI command line: handed to a console socket, or carried to the caller's own.

runc's docs/terminals.md: a detached container's terminal goes to whoever listens at
`--console-socket`, one in the foreground is carried here.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import struct
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ipycontainer.errors import InvalidArgument, StepFailed
from ipycontainer.runtime.steps import go_words
from ipycontainer.runtime.terminal_steps import set_size

__all__ = ["carry", "check", "first_size", "hand_over"]

_CHUNK_BYTES = 65536


def check(*, terminal: bool, detach: bool, path: str) -> None:
    """Refuse a terminal that nobody would hold, and a socket that nothing is sent to."""
    if terminal and detach and not path:
        raise InvalidArgument(
            "cannot allocate tty if runc will detach without setting console socket"
        )
    if path and not (terminal and detach):
        raise InvalidArgument("cannot use console socket if runc will not detach or allocate tty")


def first_size(told: tuple[int, int], *, detach: bool) -> tuple[int, int]:
    """Return the rows and columns that a terminal begins with.

    In the foreground those of the caller's own, if it has one: a program that asks at once must not
    see others than `carry` sets.
    """
    return told if detach or not os.isatty(0) else _own_size()


def hand_over(master: int, path: str) -> None:
    """Send a terminal's master to the socket at `path`, and close it. Raises StepFailed."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.connect(path)
            socket.send_fds(sock, [b"/dev/ptmx"], [master])
    except OSError as error:
        raise StepFailed(
            f"unable to send the terminal: connect {path}: {go_words(error)}",
            step="hand over the terminal",
            errno=error.errno or 0,
        ) from error
    finally:
        os.close(master)


def carry(master: int, ended: int) -> None:
    """Carry bytes between standard input and output and a terminal until its program has ended.

    `ended` is a pidfd. What the program has written by then still comes out. Ours becomes raw, and
    its size the program's.
    """
    with _raw(), _following_size(master):
        poll = select.poll()
        poll.register(master, select.POLLIN)
        poll.register(ended, select.POLLIN)
        with suppress(OSError):
            poll.register(0, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll()}
            if master in ready and not _pass_on(master, 1):
                poll.unregister(master)  # EIO: nobody has the other side open
                master_open = False
            else:
                master_open = True
            if 0 in ready and not _pass_on(0, master):
                poll.unregister(0)
            if ended in ready and (master not in ready or not master_open):
                return
            if not master_open and ended not in ready:
                select.select([ended], [], [])
                return


def _pass_on(source: int, target: int) -> bool:
    try:
        data = os.read(source, _CHUNK_BYTES)
        while data:
            data = data[os.write(target, data) :]
            if not data:
                return True
    except OSError:
        pass
    return False


@contextmanager
def _raw() -> Iterator[None]:
    if not os.isatty(0):
        yield
        return
    before = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


@contextmanager
def _following_size(master: int) -> Iterator[None]:
    if not os.isatty(0):
        yield
        return

    def follow(*_: object) -> None:
        with suppress(OSError):
            set_size(master, *_own_size())

    follow()
    before = signal.signal(signal.SIGWINCH, follow)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _own_size() -> tuple[int, int]:
    rows, columns, _x, _y = struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))
    return rows, columns
