"""`--timeout`: a program that may take so long, and no longer, whoever watches it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from signal import SIGKILL, SIGTERM
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ipycontainer.errors import InvalidArgument, OperationTimeout
from ipycontainer.model.units import parse_duration

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import Foreground

    _Type = click.ParamType[Any]
else:
    _Type = click.ParamType  # takes no parameter before click 8.5

__all__ = ["GRACE_SECONDS", "Limited", "Seconds", "limited", "timeout_option"]

GRACE_SECONDS = 2.0  # from SIGTERM to SIGKILL
Function = TypeVar("Function", bound=Callable[..., Any])


class Seconds(_Type):
    """A time: seconds, or Go's `1m30s`."""

    name = "duration"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds, more than none."""
        try:
            seconds = float(value)
        except ValueError:
            try:
                seconds = parse_duration(str(value)) / 1e9
            except InvalidArgument as error:
                self.fail(error.message, param, ctx)
        if not 0 < seconds < float("inf"):
            self.fail("a time limit is more than 0 seconds", param, ctx)
        return seconds


def timeout_option(function: Function) -> Function:
    """Declare the option on a verb."""
    declare = click.option(
        "--timeout", type=Seconds(), help="End it after that time, exit with 124"
    )
    return declare(function)


def limited(foreground: Foreground, seconds: float | None, name: str) -> Foreground:
    """Return the program as it is without a limit, else with its end as an OperationTimeout."""
    return foreground if seconds is None else Limited(foreground, seconds, name)


class Limited:
    """A program in the foreground that gets SIGTERM when its time is over, and SIGKILL after that.

    What it prints until its end is there all the same; then `wait` raises OperationTimeout.
    """

    def __init__(self, foreground: Foreground, seconds: float, name: str) -> None:
        self._inner = foreground
        self._seconds = seconds
        self._name = name
        self._deadline: float | None = time.monotonic() + seconds
        self._next = SIGTERM
        self._over = False

    @property
    def detached(self) -> bool:
        """Tell whether the keys for leaving were typed."""
        return self._inner.detached

    @property
    def out_of_memory(self) -> bool:
        """Tell whether the kernel killed something of it for want of memory."""
        return self._inner.out_of_memory

    def chunks(self) -> Iterator[tuple[str, bytes]]:
        """Yield what the program prints until its end."""
        while (chunk := self.read()) is not None:
            yield chunk

    def read(self, timeout: float | None = None) -> tuple[str, bytes] | None:
        """Return the next chunk, None at the end; raises OperationTimeout for `timeout` alone."""
        own = None if timeout is None else time.monotonic() + timeout
        while True:
            nearest = min((at for at in (own, self._deadline) if at is not None), default=None)
            try:
                left = None if nearest is None else nearest - time.monotonic()
                if left is not None and left <= 0:  # also for one that never stops printing
                    raise OperationTimeout("the program did not print or end in time")
                return self._inner.read(left)
            except OperationTimeout:
                if self._deadline is None or self._deadline > time.monotonic():
                    raise
                self._end()

    def _end(self) -> None:
        self._over = True
        with suppress(OSError):  # it has ended in this very moment
            self._inner.signal(self._next)
        again = self._next is SIGTERM
        self._next = SIGKILL
        self._deadline = time.monotonic() + GRACE_SECONDS if again else None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code; raises OperationTimeout where the time was over before."""
        while self.read(timeout) is not None:
            pass
        code = self._inner.wait(timeout)
        if self._over:
            raise OperationTimeout(
                f"{self._name} did not end within {self._seconds:g} seconds and was ended",
                hint="--timeout gives it longer",
            )
        return code

    def signal(self, number: int) -> None:
        """Send a signal to the program."""
        self._inner.signal(number)

    def detach(self) -> None:
        """Stop watching; the program goes on, without a limit."""
        self._inner.detach()

    def resize(self, rows: int, columns: int) -> None:
        """Say how large the window on the program's terminal is."""
        self._inner.resize(rows, columns)

    def await_input(self) -> None:
        """Return when all input is fed; the program goes on unwatched."""
        self._inner.await_input()
