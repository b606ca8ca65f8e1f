"""The terminal of a program, seen from its monitor: it holds the master.

That of the container's own program is an ordinary output and input (supervise.stdio); that of an
`exec` belongs to the client who asked, and goes on without it when that client leaves.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from ipycontainer.runtime.terminal_steps import open_slave, set_size
from ipycontainer.supervise.loop import READ, WRITE, Loop
from ipycontainer.supervise.streams import CHUNK_BYTES, Input

__all__ = ["ExecTerminal", "Master"]

LAST_CHUNKS = 1024  # of at most 4 KiB each, as a terminal gives them
SIZE_LIMIT = 0xFFFF  # struct winsize holds unsigned shorts


class Master:
    """A terminal's master, kept as long as its program lives.

    The other side is held open, too: a program that closes its terminal for a moment, as login
    programs do, would else leave a master that reads as ended (EIO).
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._slave = open_slave(fd)

    def resize(self, rows: int, columns: int) -> None:
        """Say how large it is now; what is out of range counts as unknown."""
        known = 0 <= rows <= SIZE_LIMIT and 0 <= columns <= SIZE_LIMIT
        set_size(self.fd, *((rows, columns) if known else (0, 0)))

    def close(self) -> None:
        """Let go of both sides."""
        os.close(self.fd)
        os.close(self._slave)


class ExecTerminal:
    """Copy between an executed program's terminal and its one client.

    The program waits for a client that does not read; what a client that has left would have got
    is dropped, so that the program goes on.
    """

    def __init__(self, loop: Loop, master: int, source: int | None, sink: int | None) -> None:
        self._loop = loop
        self._master = Master(master)
        self._sink = -1 if sink is None else sink
        self._pending = b""
        self._ended: Callable[[], None] | None = None
        self._input = Input(loop, os.dup(master), once=False)
        os.set_blocking(master, False)
        if self._sink >= 0:
            os.set_blocking(self._sink, False)
        if source is not None:
            self._input.take(source)
        loop.watch(master, READ, self._read)

    def resize(self, rows: int, columns: int) -> None:
        """Say how large the client's window is."""
        self._master.resize(rows, columns)

    def end(self, then: Callable[[], None]) -> None:
        """Deliver what the ended program has printed last, and call `then`."""
        self._ended = then
        self._input.close()
        if not self._pending:
            self._read()

    def release(self) -> None:
        """Wait for the client no more."""
        self._leave()
        if self._ended is not None:
            self._finish()

    def _read(self) -> None:
        """Copy a chunk; after the program's end all there is, but no more than a terminal holds."""
        for _ in range(1 if self._ended is None else LAST_CHUNKS):
            try:
                self._pending = os.read(self._master.fd, CHUNK_BYTES)
            except OSError:  # EAGAIN; EIO after a hangup of the session
                break
            if not self._flush():
                return
        if self._ended is not None:
            self._finish()

    def _go_on(self) -> None:
        if self._flush():
            self._read()

    def _flush(self) -> bool:
        """Deliver what was read; False when that has to wait for the client."""
        try:
            while self._pending and self._sink >= 0:
                self._pending = self._pending[os.write(self._sink, self._pending) :]
        except BlockingIOError:
            self._loop.forget(self._master.fd)
            self._loop.watch(self._sink, WRITE, self._go_on)
            return False
        except OSError:  # EPIPE: the client left
            self._leave()
        self._pending = b""
        if self._sink >= 0:
            self._loop.forget(self._sink)
        self._loop.watch(self._master.fd, READ, self._read)
        return True

    def _leave(self) -> None:
        self._pending = b""
        if self._sink >= 0:
            self._loop.forget(self._sink)
            os.close(self._sink)
            self._sink = -1

    def _finish(self) -> None:
        then, self._ended = self._ended, None
        self._leave()
        self._loop.forget(self._master.fd)
        self._master.close()
        if then is not None:
            then()
