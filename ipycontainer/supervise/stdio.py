"""All standard streams of one container, as its monitor holds them: program, log and clients.

One `Output` for each stream that the program writes, one `Input` where it reads, the log that all
of it goes to, and the clients that wait for the log to go on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ipycontainer.supervise.clients import Clients
from ipycontainer.supervise.container_record import Record
from ipycontainer.supervise.log import LogPosition, LogWriter, NoLog, Overflow
from ipycontainer.supervise.log_packing import Packing
from ipycontainer.supervise.loop import Loop
from ipycontainer.supervise.protocol import Channel, Message
from ipycontainer.supervise.streams import Input, Output, Sink
from ipycontainer.supervise.terminal import Master

__all__ = ["ProgramStreams"]


class ProgramStreams:
    """The streams of the program, from its start until every client has what it printed."""

    def __init__(
        self,
        loop: Loop,
        clients: Clients,
        bundle: Path,
        request: Mapping[str, Any],
        record: Record,
    ) -> None:
        log, wanted = bundle / "log", request.get("log")
        self._loop = loop
        self._clients = clients
        self._record = record
        self._directory = log
        self._log = LogWriter(str(log))
        if wanted is not None and not wanted["keep"]:
            self._log = NoLog(str(log))
        elif wanted is not None:
            self._log = LogWriter(
                str(log),
                int(wanted["limit"]),
                int(wanted["files"]),
                Overflow(int(wanted["overflow"])) if wanted.get("overflow") else None,
            )
        self._packing = (
            Packing(loop, log) if wanted is not None and wanted.get("compress") else None
        )
        self._outputs: dict[str, Output] = {}
        self._input: Input | None = None
        self._terminal: Master | None = None
        self._followers: list[Channel] = []

    def connect(self, stdin: int, stdout: int, stderr: int, *, once: bool) -> None:
        """Take our ends of the program's pipes; `stdin` is -1 for one that reads nothing.

        With `once` the first client's end is the input's.
        """
        self.read("stdout", stdout)
        self.read("stderr", stderr)
        if stdin >= 0:
            self.write(stdin, once=once)

    def read(self, stream: str, fd: int) -> None:
        """Copy what the program writes to `fd`, a pipe's read end, from now on."""
        self._outputs[stream] = Output(self._loop, fd, stream, self._log, self._log_grew)

    def write(self, fd: int, *, once: bool) -> None:
        """Give what clients send to `fd`; with `once` the first client's end is the input's."""
        self._input = Input(self._loop, fd, once)

    def use_terminal(self, master: int) -> None:
        """Read from and write to a terminal: one stream for both outputs, and its keys."""
        self._terminal = Master(master)
        self.read("stdout", os.dup(master))
        self.write(os.dup(master), once=False)

    def resize(self, channel: Channel, message: Message) -> None:
        """Say how large the terminal is; a program without one has nothing to know."""
        if self._terminal is not None:
            self._terminal.resize(int(message.body["rows"]), int(message.body["columns"]))
        rows, columns = str(message.body["rows"]), str(message.body["columns"])
        self._record.happened("resize", height=rows, width=columns)
        self._clients.tell(channel, {"event": "done"})

    def attach(self, streams: Iterable[str], fds: tuple[int, ...]) -> None:
        """Connect a client's ends, one descriptor a stream."""
        for stream, fd in zip(streams, fds, strict=True):
            if stream == "stdin":
                if self._input is None:
                    os.close(fd)
                else:
                    self._input.take(fd)
            else:
                self._outputs[stream].sinks.append(Sink(self._loop, fd, stream, self._directory))

    def follow(self, channel: Channel, message: Message) -> None:
        """Tell the client when the log goes on after a place: now, or with the next chunk."""
        at = LogPosition(int(message.body["segment"]), int(message.body["offset"]))
        end = self._log.position
        beyond = 0 if end.segment > at.segment else at.offset
        if end.offset > beyond:
            self._clients.tell(channel, {"event": "log"})
        else:
            self._followers.append(channel)

    def _log_grew(self) -> None:
        if self._packing is not None:
            self._packing.add(self._log.full)
            self._log.full = []
        followers, self._followers = self._followers, []
        for channel in followers:
            self._clients.tell(channel, {"event": "log"})

    @property
    def is_behind(self) -> bool:
        """Tell whether a client still waits for something that was printed."""
        return any(output.is_behind for output in self._outputs.values())

    def finish(self) -> None:
        """Copy what is left in the pipes after the container's end; the clients may still read."""
        for output in self._outputs.values():
            output.finish()
        self._log.close()
        if self._packing is not None:
            self._packing.stop()
        if self._input is not None:
            self._input.close()
        if self._terminal is not None:
            self._terminal.close()

    def release(self) -> None:
        """Close every client's end, read or not: they see the end of the stream."""
        for output in self._outputs.values():
            output.close()
