"""What the verbs that start or watch a program share about terminals, keys and signals."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ipycontainer.commands.types import String
from ipycontainer.errors import InvalidArgument, UsageError
from ipycontainer.model.window import DETACH_KEYS, NO_WINDOW, Window, parse_keys

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import Stdin
    from ipycontainer.commands.verb import Session

__all__ = [
    "NOTEBOOK_SIZE",
    "Keyboard",
    "check_keys",
    "detach_keys_option",
    "open_window",
    "refuse_other_input",
    "sig_proxy_option",
]

Function = TypeVar("Function", bound=Callable[..., Any])

BAD_KEYS = "unable to upgrade to tcp, received 400"  # docker's client of its daemon's refusal
NOTEBOOK_SIZE = (24, 80)  # until the window itself says how large it is

detach_keys_option = click.option(
    "--detach-keys",
    type=String(),
    default="",
    help="Override the key sequence for detaching a container",
)
sig_proxy_option = click.option(
    "--sig-proxy/--no-sig-proxy",
    default=True,
    help="Proxy all received signals to the process (default true)",
)


class Keyboard:
    """Where a program's input comes from and where its terminal is seen.

    `stdin` is for the engine. In a notebook nobody types before there is a window: then it is the
    reading end of `pipe`, which the window writes into.
    """

    def __init__(
        self, stdin: Stdin, window: Window = NO_WINDOW, pipe: tuple[int, int] | None = None
    ) -> None:
        self.stdin = stdin
        self.window = window
        self.pipe = pipe

    def close(self) -> None:
        """Close the pipe of a program that could not be started."""
        for end in self.pipe or ():
            os.close(end)


def check_keys(text: str) -> bytes:
    """Return the bytes of `--detach-keys`, docker's default without it.

    Raises UsageError in docker's words.
    """
    try:
        return parse_keys(text or DETACH_KEYS)
    except InvalidArgument as error:
        raise UsageError(BAD_KEYS, hint=error.hint, exit_code=1) from None


def open_window(session: Session, stdin: Stdin, *, tty: bool, reads: bool, keys: str) -> Keyboard:
    """Return the input of a program in the foreground and the window on its terminal.

    `reads`: the caller's input is wanted. Raises UsageError where that is no terminal, and in a
    notebook where there are no widgets.
    """
    sequence = check_keys(keys)
    if not tty:
        return Keyboard(stdin)
    if isinstance(stdin, bytes) and stdin:
        raise UsageError(
            "the input device is not a TTY",
            hint="a cell's body is no terminal: leave out -t, or write a line without a body",
            exit_code=1,
        )
    if not reads or isinstance(session.stdin, bytes):
        return Keyboard(None, Window(_size(session)))
    if session.stdin is None:
        session.need_terminal()
        pipe = os.pipe()
        return Keyboard(pipe[0], Window(NOTEBOOK_SIZE, sequence), pipe)
    return Keyboard(stdin, Window(_size(session), sequence))


def refuse_other_input(session: Session, *, tty: bool, reads: bool) -> None:
    """Raise docker's refusal where a terminal's keys would come from a pipe or a file."""
    if tty and reads and isinstance(session.stdin, int) and not os.isatty(session.stdin):
        raise UsageError("the input device is not a TTY", exit_code=1)


def _size(session: Session) -> tuple[int, int]:
    """Return rows and columns of the caller's terminal, where its output is one."""
    if not isinstance(session.stdin, int):
        return NOTEBOOK_SIZE
    try:
        columns, rows = os.get_terminal_size(1)
    except OSError:
        return (0, 0)
    return rows, columns
