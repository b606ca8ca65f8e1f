"""A container's standard streams, seen from its monitor.

What the program prints goes to the log and to every attached client. The log waits for nobody: a
client that is more than 1 MiB behind is fed from the log, at its own pace, instead of from memory,
so that nothing is lost and a stuck client neither stops the program nor fills the monitor.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ipycontainer.supervise.log import LogPosition, LogWriter
from ipycontainer.supervise.log_reading import read_entries
from ipycontainer.supervise.loop import READ, WRITE, Loop

__all__ = ["Input", "Output", "Sink"]

BEHIND_LIMIT_BYTES = 1024 * 1024
CHUNK_BYTES = 65536  # what a pipe holds


def _nothing() -> None:
    """Do nothing."""


class Sink:
    """One attached client's end of one stream."""

    def __init__(self, loop: Loop, fd: int, stream: str, log_directory: Path) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self._loop = loop
        self._stream = stream
        self._log_directory = log_directory
        self._pending = b""
        self._replay: LogPosition | None = None
        self.drained: Callable[[], None] = _nothing

    @property
    def is_behind(self) -> bool:
        """Tell whether something is still to be delivered."""
        return self.fd >= 0 and (bool(self._pending) or self._replay is not None)

    def feed(self, chunk: bytes, at: LogPosition, *, replayable: bool = True) -> None:
        """Deliver a chunk, or remember to; `at` is where the log will hold it, if there is one."""
        if self.fd < 0 or self._replay is not None:
            return
        if replayable and len(self._pending) + len(chunk) > BEHIND_LIMIT_BYTES:
            self._replay = at
            return
        was_behind = bool(self._pending)
        self._pending += chunk
        if not was_behind:
            self._flush()

    def _flush(self) -> None:
        try:
            while self._pending or self._refill():
                self._pending = self._pending[os.write(self.fd, self._pending) :]
        except BlockingIOError:
            self._loop.watch(self.fd, WRITE, self._flush)
            return
        except OSError:  # EPIPE: the client left
            self.close()
            self.drained()
            return
        self._loop.forget(self.fd)
        self.drained()

    def _refill(self) -> bool:
        """Take the next piece from the log; return False when caught up."""
        if self._replay is None:
            return False
        parts, size = [], 0
        for entry, following in read_entries(self._log_directory, self._replay):
            self._replay = following
            if entry.stream == self._stream:
                parts.append(entry.text)
                size += len(entry.text)
            if size > CHUNK_BYTES:
                break
        else:
            self._replay = None
        self._pending = b"".join(parts)
        return bool(parts)

    def close(self) -> None:
        """Close the client's end, delivered or not."""
        if self.fd >= 0:
            self._loop.forget(self.fd)
            os.close(self.fd)
            self.fd = -1


class Output:
    """Copy what the program prints on one stream to the log and to the sinks."""

    def __init__(
        self, loop: Loop, fd: int, stream: str, log: LogWriter, wrote: Callable[[], None]
    ) -> None:
        os.set_blocking(fd, False)
        self.sinks: list[Sink] = []
        self._wrote = wrote
        self._loop = loop
        self._fd = fd
        self._stream = stream.encode()
        self._log = log
        # One chunk a turn, so that a flood on one stream does not starve the rest of the loop.
        loop.watch(fd, READ, self._copy)

    def _copy(self) -> bool:
        try:
            chunk = os.read(self._fd, CHUNK_BYTES)
        except BlockingIOError:
            return False
        except OSError:  # EIO: a terminal whose session has hung up
            chunk = b""
        if not chunk:
            self._loop.forget(self._fd)  # every writer closed its end; the container may live on
            return False
        at = self._log.position
        self._log.write(self._stream, chunk)
        self._wrote()
        for sink in self.sinks:
            sink.feed(chunk, at, replayable=self._log.is_kept)
        if not self._log.is_kept and self.is_behind:
            self._loop.forget(self._fd)  # the program waits, since no log holds it for the client
            for sink in self.sinks:
                sink.drained = self._resume
        return True

    def _resume(self) -> None:
        if self._fd >= 0 and not self.is_behind:
            self._loop.watch(self._fd, READ, self._copy)

    def finish(self) -> None:
        """Copy what is left after the container's end, and read no more."""
        while self._copy():
            pass
        self._loop.forget(self._fd)
        os.close(self._fd)
        self._fd = -1

    @property
    def is_behind(self) -> bool:
        """Tell whether a client still waits for something."""
        return any(sink.is_behind for sink in self.sinks)

    def close(self) -> None:
        """Close every client's end: they see the end of the stream."""
        for sink in self.sinks:
            sink.close()


class Input:
    """Copy what clients send to the program's standard input, in the order in which it comes.

    With `once`, the program sees the end of its input when the first attached client leaves
    (docker's StdinOnce); otherwise the pipe, or the terminal, stays open for the next one.
    """

    def __init__(self, loop: Loop, fd: int, once: bool) -> None:
        os.set_blocking(fd, False)
        self._loop = loop
        self._fd = fd
        self._once = once
        self._pending = b""
        self._sources: list[int] = []

    def take(self, source: int) -> None:
        """Copy from `source`, a pipe's read end, from now on."""
        if self._fd < 0:
            os.close(source)
            return
        os.set_blocking(source, False)
        self._sources.append(source)
        if not self._pending:
            self._listen(source)

    def _listen(self, source: int) -> None:
        self._loop.watch(source, READ, lambda: self._read(source))

    def _read(self, source: int) -> None:
        if self._pending:  # another one was faster in this turn
            return
        try:
            data = os.read(source, CHUNK_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._sources.remove(source)
            self._loop.forget(source)
            os.close(source)
            if self._once:
                self.close()
            return
        self._pending = data
        self._write()

    def _write(self) -> None:
        try:
            while self._pending:
                self._pending = self._pending[os.write(self._fd, self._pending) :]
        except BlockingIOError:
            for source in self._sources:  # until the program has taken this
                self._loop.forget(source)
            self._loop.watch(self._fd, WRITE, self._resume)
            return
        except OSError:  # EPIPE: the program closed its input
            self.close()

    def _resume(self) -> None:
        self._write()
        if not self._pending and self._fd >= 0:
            self._loop.forget(self._fd)
            for source in self._sources:
                self._listen(source)

    def close(self) -> None:
        """Give the program the end of its input, and take no more."""
        for fd in (self._fd, *self._sources):
            if fd >= 0:
                self._loop.forget(fd)
                os.close(fd)
        self._fd = -1
        self._pending = b""
        self._sources.clear()
