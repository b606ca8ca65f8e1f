"""The notebook's end of a scratch process: start it, have it run cells, interrupt and end it.

Used by kernel_ext.byhand. The kernel never forks: it starts a fresh interpreter, which is the
keeper.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

__all__ = ["CellRun", "Failure", "Scratch"]

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from ipycontainer.byhand import keeper; keeper.main(*map(int, sys.argv[2:]))"
)
_READ_BYTES = 65536
_DRAIN_BYTES = 1 << 20  # of what others write while nobody reads, after a cell's end


@dataclass(frozen=True, slots=True)
class Failure:
    """What a cell raised: the traceback's `lines`, `error` in one line."""

    lines: tuple[str, ...]
    error: str
    interrupted: bool = False


class Scratch:
    """A scratch process that runs, and its keeper."""

    def __init__(self) -> None:
        self._kernel, keepers = socket.socketpair()
        self._cells, scratchs = socket.socketpair()
        self._output, output = os.pipe()
        self._errors, errors = os.pipe()
        theirs = (keepers.fileno(), scratchs.fileno(), output, errors)
        try:
            self._keeper = subprocess.Popen(
                [sys.executable, "-u", "-c", _BOOT, json.dumps(sys.path), *map(str, theirs)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                pass_fds=theirs,
                start_new_session=True,
            )
        finally:
            keepers.close()
            scratchs.close()
            os.close(output)
            os.close(errors)
        self.exit_code: int | None = None

    @property
    def pid(self) -> int:
        """Return the keeper's pid, whose child the scratch process is."""
        return self._keeper.pid

    def run(self, text: str, name: str) -> CellRun:
        """Send a cell; what it shows is read from what is returned. Raises BrokenPipeError."""
        self._cells.sendall(json.dumps({"text": text, "name": name}).encode() + b"\n")
        return CellRun(self)

    def signal(self, number: int) -> None:
        """Send a signal to the scratch process and what it runs."""
        with suppress(BrokenPipeError):
            self._kernel.sendall(bytes([number]))

    def end(self) -> None:
        """Throw the process away, with all that it started; wait until nothing is left."""
        with suppress(OSError):
            self._kernel.shutdown(socket.SHUT_WR)
        self._keeper.wait()
        for each in (self._kernel, self._cells):
            each.close()
        for fd in (self._output, self._errors):
            with suppress(OSError):
                os.close(fd)

    def chunks(self, cell: CellRun) -> Iterator[tuple[str, bytes]]:
        """Yield what the process writes, until it is done with the cell or has ended."""
        streams = {self._output: "stdout", self._errors: "stderr"}
        with selectors.DefaultSelector() as selector:
            sources: tuple[int | socket.socket, ...] = (*streams, self._cells, self._kernel)
            for source in sources:
                selector.register(source, selectors.EVENT_READ)
            done = False
            while not done:
                for key, _ in selector.select():
                    if key.fd in streams:
                        if data := os.read(key.fd, _READ_BYTES):
                            yield streams[key.fd], data
                        else:
                            selector.unregister(key.fd)
                    elif key.fileobj is self._cells:
                        answer = _line(self._cells)
                        if answer is None:  # it has become another program: wait for its end
                            selector.unregister(self._cells)
                        else:
                            done = True
                            cell.failure = _failure(answer)
                    else:
                        ended = _line(self._kernel) or {}
                        self.exit_code = int(ended.get("ended", -signal.SIGKILL))
                        done = True
        yield from self._rest(streams)

    def _rest(self, streams: dict[int, str]) -> Iterator[tuple[str, bytes]]:
        """Yield what was written before the word that a cell is done, and is not read yet."""
        for fd, name in streams.items():
            os.set_blocking(fd, False)
            taken = 0
            with suppress(BlockingIOError):
                while taken < _DRAIN_BYTES and (data := os.read(fd, _READ_BYTES)):
                    taken += len(data)
                    yield name, data
            os.set_blocking(fd, True)


def _line(line: socket.socket) -> dict[str, Any] | None:
    """Return the next message, None at the end. Its sender sends nothing before it is asked."""
    data = b""
    with suppress(ConnectionResetError):
        while not data.endswith(b"\n") and (more := line.recv(_READ_BYTES)):
            data += more
    return json.loads(data) if data.endswith(b"\n") else None


def _failure(answer: dict[str, Any]) -> Failure | None:
    if not answer:
        return None
    return Failure(tuple(answer["lines"]), answer["error"], bool(answer["interrupted"]))


class CellRun:
    """A cell that runs: what `kernel_ext.foreground` watches."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self.failure: Failure | None = None

    def chunks(self) -> Iterator[tuple[str, bytes]]:
        """Yield the stream's name and bytes until the cell is done."""
        yield from self._scratch.chunks(self)

    def signal(self, number: int, /) -> None:
        """Send a signal to what the cell runs."""
        self._scratch.signal(number)

    def wait(self) -> int:
        """Return 0, or 1 where the cell failed or its process ended."""
        return int(self.failure is not None or self._scratch.exit_code is not None)

    def detach(self) -> None:
        """End it: nobody would know when it is done."""
        self._scratch.signal(signal.SIGKILL)
