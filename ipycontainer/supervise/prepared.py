"""What a spare monitor hands to the monitor that it becomes."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ipycontainer.linux.lending import Mould
from ipycontainer.runtime.sandbox import Sandbox
from ipycontainer.runtime.steps import Stdio
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from ipycontainer.supervise.processes import open_null
from ipycontainer.supervise.reservation import Reservation

__all__ = ["Ends", "Prepared"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a spare monitor has made before it knows of its container.

    A store that may be open, the pipes (read and write end) for what the program prints, and an
    init that waits: in `sandbox`, or in that of the container that is ready. The `mould` that it
    came from, if there is one, will be wanted when this container has ended.
    """

    store: Store
    stdout: tuple[int, int]
    stderr: tuple[int, int]
    sandbox: Sandbox | None = None
    reservation: Reservation | None = None
    mould: Mould | None = None

    def give_back(self, home: Home, *, asked: bool) -> None:
        """Let go of all of it but the store; an engine may have been told of it (`asked`)."""
        if self.reservation is not None:
            self.reservation.give_back(home, self.store, asked=asked)
        elif self.sandbox is not None:
            self.sandbox.end()
        for fd in (*self.stdout, *self.stderr):
            os.close(fd)
        self.store.close()

    def let_go_of_mould(self) -> None:
        """End what only the next container would need: it is as large as a monitor."""
        if self.mould is not None:
            self.mould.end()

    def ends(self, *, wants_input: bool) -> Ends:
        """Return both ends of the program's streams; its input is a null device unless wanted."""
        stdin, writer = os.pipe() if wants_input else (open_null(), -1)
        (out, out_writer), (err, err_writer) = self.stdout, self.stderr
        return Ends(Stdio(stdin, out_writer, err_writer), writer, out, err)


@dataclass(frozen=True, slots=True)
class Ends:
    """The program's ends of its streams, and ours; -1 for an input that nobody feeds."""

    program: Stdio
    stdin: int
    stdout: int
    stderr: int

    def close_program(self) -> None:
        """Close our copies of what the program has by now."""
        for fd in (self.program.stdin, self.program.stdout, self.program.stderr):
            os.close(fd)

    def close_own(self) -> None:
        """Close our ends, for a program that has a terminal instead."""
        for fd in (self.stdin, self.stdout, self.stderr):
            if fd >= 0:
                os.close(fd)
