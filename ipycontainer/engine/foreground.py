"""A program whose output somebody watches: what `run`, `start -a` and `exec` give back.

The engine's end of the pipes to a container's (or an exec's) standard streams. It has no thread:
whoever wants output reads it, and standard input is fed in between. An interrupt while reading
loses nothing: reading goes on with the next call.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from contextlib import suppress
from signal import SIGKILL
from typing import TYPE_CHECKING, TypeAlias

from ipycontainer.engine import ending
from ipycontainer.engine.waiting import poll_until
from ipycontainer.errors import EngineError, OperationTimeout, from_wire
from ipycontainer.model.window import DetachKeys
from ipycontainer.supervise.protocol import Channel

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container

__all__ = ["Foreground", "Pipes", "Source"]

Source: TypeAlias = "bytes | int | None"  # what to feed, a descriptor to copy from, or nothing

CHUNK_BYTES = 65536


class Pipes:
    """The pipes for one program: our ends, and the ends to hand over.

    `stdin` is bytes to feed, a descriptor to copy from, or None for no input at all.
    """

    def __init__(self, stdin: Source, outputs: tuple[str, ...]) -> None:
        self.readers: dict[int, str] = {}
        self.streams: list[str] = []
        self.theirs: list[int] = []
        self.feed: Source = stdin
        self.writer = -1
        if stdin is not None:
            reader, self.writer = os.pipe()
            os.set_blocking(self.writer, False)
            self._hand("stdin", reader)
        for stream in outputs:
            reader, writer = os.pipe()
            os.set_blocking(reader, False)
            self.readers[reader] = stream
            self._hand(stream, writer)

    def _hand(self, stream: str, fd: int) -> None:
        self.streams.append(stream)
        self.theirs.append(fd)

    def handed(self) -> None:
        """Close our copies of the ends that the other process has now."""
        for fd in self.theirs:
            os.close(fd)
        self.theirs = []

    def close(self) -> None:
        """Close everything, for a program that could not be started."""
        self.handed()
        for fd in self.readers:
            os.close(fd)
        self.readers = {}
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1


class Foreground:
    """Watch a program: read what it prints, signal it, wait for its exit code.

    `detached` tells that the keys for leaving were typed: the program goes on without us;
    `out_of_memory` that the kernel killed something of it for want of memory.
    """

    def __init__(
        self,
        container: Container,
        channel: Channel,
        pipes: Pipes,
        *,
        is_exec: bool,
        detach_keys: bytes = b"",
    ) -> None:
        self.detached = False
        self.out_of_memory = False
        self._keys = DetachKeys(detach_keys)
        self.container = container
        self._channel = channel
        self._pipes = pipes
        self._is_exec = is_exec
        self._code: int | None = None
        self._ended = False  # the channel told the exit code, or broke
        self._pending = pipes.feed if isinstance(pipes.feed, bytes) else b""
        self._source = pipes.feed if isinstance(pipes.feed, int) else -1
        self._poll = select.poll()
        self._poll.register(channel.fileno(), select.POLLIN)
        for fd in pipes.readers:
            self._poll.register(fd, select.POLLIN)
        if self._source >= 0:
            self._poll.register(self._source, select.POLLIN)
        elif pipes.writer >= 0:
            self._feed()

    def chunks(self) -> Iterator[tuple[str, bytes]]:
        """Yield what the program prints, as (`stdout` or `stderr`, bytes), until it has ended."""
        while (chunk := self.read()) is not None:
            yield chunk

    def read(self, timeout: float | None = None) -> tuple[str, bytes] | None:
        """Return the next chunk, None when the program has ended and all is read.

        Raises OperationTimeout when `timeout` seconds pass without one.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (self._pipes.readers or not self._ended) and not self.detached:
            if self._ended and self._is_exec:  # what it left behind may write on for ever
                chunk = self._drain()
                if chunk is None:
                    break
                return chunk
            ready = poll_until(self._poll, deadline)
            if not ready:
                raise OperationTimeout("the program did not print or end in time")
            for fd, _ in ready:
                if fd in self._pipes.readers:
                    chunk = self._take(fd)
                    if chunk is not None:
                        return chunk
                else:
                    self._tend(fd)
        self._stop_feeding()
        return None

    def _tend(self, fd: int) -> None:
        """Do what a descriptor other than an output is ready for."""
        if fd == self._pipes.writer or fd == self._source:
            self._feed()
        elif fd == self._channel.fileno() and not self._ended:
            self._listen()

    def collect(self, timeout: float | None = None) -> tuple[list[tuple[str, bytes]], bool]:
        """Return all that the program prints, and whether it had to be killed after `timeout`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        collected: list[tuple[str, bytes]] = []
        timed_out = False
        while True:
            try:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:  # also for one that never stops printing
                    raise OperationTimeout("the program did not end in time")
                chunk = self.read(left)
            except OperationTimeout:
                timed_out, deadline = True, None
                self.signal(SIGKILL)
                continue
            if chunk is None:
                return collected, timed_out
            collected.append(chunk)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code when the program has ended; what it prints meanwhile is dropped.

        Raises OperationTimeout when that takes longer than `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.read(None if deadline is None else max(0, deadline - time.monotonic())):
            pass
        if self.detached:
            return 0
        if not self._is_exec:
            # The end of the connection says that all is done: state written, container removed.
            with suppress(EngineError, OSError):
                while self._channel.receive() is not None:
                    pass
        self._channel.close()
        if self._code is None:
            self._code = ending.code_after_loss(self.container)
        return self._code

    def signal(self, number: int) -> None:
        """Send a signal to the program; one that has ended is fine."""
        if self._is_exec:
            self._channel.send({"op": "exec-signal", "signal": number})
        elif not self._ended:
            with suppress(OSError):
                self._channel.send({"op": "signal", "signal": number})

    def resize(self, rows: int, columns: int) -> None:
        """Say how large the window on the program's terminal is."""
        if not self._ended:
            name = "exec-resize" if self._is_exec else "resize"
            with suppress(OSError):
                self._channel.send({"op": name, "rows": rows, "columns": columns})

    def await_input(self) -> None:
        """Return when all input is fed, or the program has ended; it goes on unwatched then."""
        while self._pipes.writer >= 0 and not self._ended and not self.detached:
            for fd, _ in poll_until(self._poll, None):
                self._tend(fd)
        if not self.detached:
            self.detach()

    def detach(self) -> None:
        """Leave the program running and watch it no longer."""
        self.detached = True
        self._stop_feeding()
        self._pipes.close()
        self._channel.close()

    # ── inside ───────────────────────────────────────────────────────────────────────────────

    def _take(self, fd: int) -> tuple[str, bytes] | None:
        stream = self._pipes.readers[fd]
        try:
            data = os.read(fd, CHUNK_BYTES)
        except BlockingIOError:
            return None
        if data:
            return stream, data
        self._drop(fd)
        return None

    def _drop(self, fd: int) -> None:
        self._poll.unregister(fd)
        del self._pipes.readers[fd]
        os.close(fd)

    def _drain(self) -> tuple[str, bytes] | None:
        """Return what is left in a pipe of an exec.

        Its other ends may be kept open by what it left in the background, which is not waited for.
        A monitor's are read to their end: it closes both after the last byte of either, so that
        neither can be waited for alone.
        """
        for fd in list(self._pipes.readers):
            while (chunk := self._take(fd)) is not None:
                return chunk
            if fd in self._pipes.readers:
                self._drop(fd)
        return None

    def _listen(self) -> None:
        message = self._channel.receive()
        if message is None:
            self._end(None)
        elif message.name == "exited":
            self.out_of_memory = bool(message.body.get("oom"))
            self._end(int(message.body["code"]))
        elif message.name == "failed":
            raise from_wire(dict(message.body["error"]))

    def _end(self, code: int | None) -> None:
        self._code = code
        self._ended = True
        self._poll.unregister(self._channel.fileno())

    def _feed(self) -> None:
        """Move input along: from the source to us, from us to the program."""
        try:
            if not self._pending and self._source >= 0:
                typed = os.read(self._source, CHUNK_BYTES)
                self._pending, left = self._keys.feed(typed)
                if left:
                    self._leave()
                    return
                if not typed:
                    self._poll.unregister(self._source)
                    self._source = -1
            while self._pending:
                written = os.write(self._pipes.writer, self._pending)
                self._pending = self._pending[written:]
        except BlockingIOError:
            self._poll.register(self._pipes.writer, select.POLLOUT)
            with suppress(KeyError, ValueError):
                self._poll.unregister(self._source)
            return
        except OSError:  # EPIPE: the program wants no more
            self._stop_feeding()
            return
        if self._source < 0:
            self._stop_feeding()
            return
        with suppress(KeyError):
            self._poll.unregister(self._pipes.writer)
        self._poll.register(self._source, select.POLLIN)

    def _leave(self) -> None:
        """Give the program what was typed before the keys for leaving, and leave it."""
        with suppress(OSError):
            os.write(self._pipes.writer, self._pending)
        self.detach()

    def _stop_feeding(self) -> None:
        for fd in (self._source, self._pipes.writer):
            with suppress(KeyError, ValueError):
                self._poll.unregister(fd)
        self._source = -1
        if self._pipes.writer >= 0:
            os.close(self._pipes.writer)
            self._pipes.writer = -1
