"""Reading a container's log: whole lines, selected, followed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from ipycontainer.engine.log_tail import tail_start
from ipycontainer.engine.waiting import ready
from ipycontainer.errors import ContainerNotRunning
from ipycontainer.supervise.log import LogEntry, LogPosition, read_entries, segments
from ipycontainer.supervise.protocol import Channel

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container

__all__ = ["Lines", "entries", "lines", "stamp"]


def stamp(entry: LogEntry) -> bytes:
    """Return an entry's time as docker prints it, RFC 3339 with nine digits, and a space."""
    second, fraction = divmod(entry.time_ns, 1_000_000_000)
    return time.strftime(f"%Y-%m-%dT%H:%M:%S.{fraction:09d}Z ", time.gmtime(second)).encode()


def lines(
    entries: Iterator[LogEntry], streams: Collection[str], timestamps: bool
) -> Iterator[bytes]:
    """Yield the lines of some streams, with their times if wanted."""
    for entry in entries:
        if entry.stream in streams:
            yield stamp(entry) + entry.text if timestamps else entry.text


def entries(
    container: Container,
    since_ns: int | None,
    until_ns: int | None,
    tail: int | None,
    follow: bool,
) -> Iterator[LogEntry]:
    """Yield those of the last `tail` lines of a log that are from `since_ns` to `until_ns`.

    With `follow` it goes on until the container ends or `until_ns` has come. A negative `tail` is
    everything. A line without end counts as one. All as in docker.
    """
    read = Lines(container, tail)

    def wanted(entry: LogEntry) -> bool:
        return (since_ns is None or entry.time_ns >= since_ns) and (
            until_ns is None or entry.time_ns <= until_ns
        )

    # A line that has no end yet is the last one, unless it may go on while it is followed.
    standing = read.read() if follow else chain(read.read(), read.rest())
    if tail is not None and tail >= 0:
        last = deque(standing, maxlen=tail)
        for _ in range(min(len(last), len(last) + read.unfinished - tail)):
            last.popleft()
        standing = iter(last)
    yield from filter(wanted, standing)
    if follow:
        yield from filter(wanted, chain(read.follow(until_ns), read.rest()))


class Lines:
    """Join the parts of lines, each stream for itself, and remember where the log was left."""

    def __init__(self, container: Container, tail: int | None = None) -> None:
        self._container = container
        self._directory = container.engine.home.container(container.id) / "log"
        self._at = LogPosition()
        if tail is not None and tail >= 0:
            self._at = tail_start(self._directory, tail)
        self._parts: dict[str, LogEntry] = {}

    @property
    def unfinished(self) -> int:
        """Return how many lines have begun and not ended."""
        return len(self._parts)

    def read(self) -> Iterator[LogEntry]:
        """Yield the whole lines from where the last call ended."""
        for part, following in read_entries(self._directory, self._at):
            self._at, entry = following, part
            begun = self._parts.pop(entry.stream, None)
            if begun is not None:
                entry = replace(begun, text=begun.text + entry.text)
            if entry.text.endswith(b"\n"):
                yield entry
            elif not part.text:  # the container ended without ending its line
                if entry.text:
                    yield entry
            else:
                self._parts[entry.stream] = entry

    @property
    def at(self) -> LogPosition:
        """Return where the reading goes on."""
        return self._at

    @property
    def behind_bytes(self) -> int:
        """Return how many bytes stand after that place."""
        return sum(size for _, size in self._sizes()) - self._at.offset

    def skip(self, keep_bytes: int) -> int:
        """Go on at most so many bytes before the end; return how many are left out.

        The record that is cut by this is passed over, as a torn one is.
        """
        left = self.behind_bytes - keep_bytes
        if left <= 0:
            return 0
        skipped, self._parts = left, {}
        for number, size in self._sizes():
            begin = self._at.offset if number == self._at.segment else 0
            if left < size - begin:
                self._at = LogPosition(number, begin + left)
                break
            left -= size - begin
        return skipped

    def _sizes(self) -> list[tuple[int, int]]:
        """Return the segments that are not read yet, and how large each is."""
        found = []
        for number in segments(self._directory):
            if number >= self._at.segment:
                with suppress(FileNotFoundError):  # trimmed meanwhile
                    found.append((number, (self._directory / str(number)).stat().st_size))
        return found

    def rest(self) -> Iterator[LogEntry]:
        """Yield what was printed without a last newline."""
        yield from sorted(self._parts.values(), key=lambda entry: entry.time_ns)
        self._parts.clear()

    def follow(self, until_ns: int | None) -> Iterator[LogEntry]:
        """Yield new lines until the container ends, woken by its monitor."""
        try:
            channel = self._container.engine.supervisor.monitor(self._container.id)
        except ContainerNotRunning:
            yield from self.read()
            return
        with closing(channel):
            while True:
                yield from self.read()
                if not _log_grew(channel, self._at, until_ns):
                    yield from self.read()
                    return


def _log_grew(channel: Channel, at: LogPosition, until_ns: int | None) -> bool:
    """Ask for the monitor's word and wait for it; False when the container or the time has ended.

    A monitor that has just left cannot be asked: that is the end, too, and no broken pipe of ours.
    """
    try:
        channel.send({"op": "follow", "segment": at.segment, "offset": at.offset})
        left = None if until_ns is None else max(0.0, (until_ns - time.time_ns()) / 1e9)
        if not ready(channel.fileno(), left):
            return False
        message = channel.receive()
    except ConnectionError:
        return False
    return message is not None and message.name == "log"
