"""A terminal of the tests' own: the command line runs on it as a person's would."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import ipycontainer

__all__ = ["ShellOnTerminal"]

PATIENCE_SECONDS = 20


class ShellOnTerminal:
    """The command line on a terminal of `rows` by `columns`; `seen` is all that it has shown."""

    def __init__(
        self,
        home: Path,
        *words: str,
        program: tuple[str, ...] = (sys.executable, "-m", "ipycontainer"),
        rows: int = 30,
        columns: int = 100,
    ) -> None:
        package = Path(ipycontainer.__file__).parents[1]
        environment = {**os.environ, "IPYCONTAINER_HOME": str(home), "PYTHONPATH": str(package)}
        self.seen = b""
        self._status: int | None = None
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.chdir(home.parent)
            os.execvpe(program[0], [*program, *words], environment)

    def resize(self, rows: int, columns: int) -> None:
        """Change the window: the kernel tells the shell."""
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._fd, keys)

    def expect(self, text: bytes) -> bytes:
        """Return all that came up to `text`, and forget it."""
        self._read_until(lambda: text in self.seen)
        before, found, self.seen = self.seen.partition(text)
        assert found, f"{text!r} did not come; there was {before[-500:]!r}"
        return before

    def end(self) -> int:
        """Return the exit code once the shell has ended; `seen` holds what it showed last."""
        self._read_until(lambda: False)
        _, status = os.waitpid(self.pid, 0)
        self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def _read_until(self, enough: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not enough():
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._fd], [], [], left)[0]:
                raise AssertionError(f"nothing more came after {self.seen[-500:]!r}")
            try:
                data = os.read(self._fd, 65536)
            except OSError:  # EIO: the shell has left its terminal
                return
            self.seen += data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._status is None:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        os.close(self._fd)
