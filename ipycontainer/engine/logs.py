"""Reading a container's log: whole lines, selected, followed.

Lines that were stamped at once stay one entry until somebody wants them apart (`single`): what only
passes them on is ten times as fast.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from ipycontainer.engine.log_tail import tail_start
from ipycontainer.engine.waiting import ready
from ipycontainer.errors import ContainerNotRunning
from ipycontainer.model.lines import RECORD_BYTES, headed, record_count, without_records
from ipycontainer.model.log_range import LogRange
from ipycontainer.model.units import rfc3339nano_fixed
from ipycontainer.supervise.log import LogPosition, segments
from ipycontainer.supervise.log_reading import LogEntry, read_entries
from ipycontainer.supervise.protocol import Channel

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container

__all__ = ["Lines", "apart", "chunks", "last_records", "single", "stamped"]

# A line beyond that comes in pieces: one of a gigabyte must not fill its reader's memory. They are
# whole records, so that the next one begins where docker's does.
LINE_LIMIT_BYTES = 256 * RECORD_BYTES


def stamped(entry: LogEntry) -> bytes:
    """Return an entry's text with its time before each line, as docker has it."""
    return headed(f"{rfc3339nano_fixed(entry.time_ns)} ".encode(), entry.text)


def apart(text: bytes) -> list[bytes]:
    """Return the lines of a text, each with its newline; the last may have none."""
    *ended, rest = text.split(b"\n")
    lines = [line + b"\n" for line in ended]
    return [*lines, rest] if rest else lines


def single(entries: Iterable[LogEntry]) -> Iterator[LogEntry]:
    """Yield an entry for each line."""
    for entry in entries:
        for line in apart(entry.text):
            yield LogEntry(entry.time_ns, entry.stream, line)


def chunks(
    container: Container, wanted: LogRange, *, follow: bool, runs: bool = False
) -> Iterator[LogEntry]:
    """Yield the lines of a log that are wanted.

    With `follow` it goes on until the container ends or the range's end has come. A line without
    end counts as one; while the container `runs` its last record is not shown yet, since it may
    grow. All as in docker. An entry holds several lines where they were printed at once.
    """
    tail = None if wanted.tail is None or wanted.tail < 0 else wanted.tail

    def is_wanted(entry: LogEntry) -> bool:
        return wanted.holds(entry.time_ns)

    read = Lines(container, tail)
    # A line that has no end yet is the last one, unless it may go on while it is followed.
    standing = read.read() if follow else chain(read.read(), read.rest(may_grow=runs))
    if tail is not None:
        counted = Lines(container, tail)
        records = sum(record_count(entry.text) for entry in counted.read())
        records += counted.unfinished(may_grow=follow or runs)
        standing = last_records(standing, records, tail)
    yield from filter(is_wanted, standing)
    if follow:
        yield from filter(is_wanted, chain(read.follow(wanted.until_ns), read.rest()))


def last_records(entries: Iterable[LogEntry], records: int, tail: int) -> Iterator[LogEntry]:
    """Yield the last `tail` of so many records, as docker counts them: a long line has several."""
    first = records - tail
    for entry in entries:
        if first > 0:
            count = record_count(entry.text)
            if count > first:
                text = without_records(entry.text, first)
                yield LogEntry(entry.time_ns, entry.stream, text)
            first -= count
        else:
            yield entry


@dataclass(slots=True)
class _Begun:
    """A line that has no end yet: when it began, and its parts."""

    time_ns: int
    parts: list[bytes]
    size: int = 0


class Lines:
    """Join the parts of lines, each stream for itself, and remember where the log was left.

    With a `tail` it begins at least so many lines before the end.
    """

    def __init__(self, container: Container, tail: int | None = None) -> None:
        self._container = container
        self._directory = container.engine.home.container(container.id) / "log"
        self._at = LogPosition()
        if tail is not None:
            self._at = tail_start(self._directory, tail)
        self._begun: dict[str, _Begun] = {}
        self._whole: deque[LogEntry] = deque()  # not given out yet

    def unfinished(self, *, may_grow: bool) -> int:
        """Return how many records the lines have that have begun and not ended."""
        more = 0 if may_grow else RECORD_BYTES - 1
        return sum((begun.size + more) // RECORD_BYTES for begun in self._begun.values())

    def read(self) -> Iterator[LogEntry]:
        """Yield whole lines from where the last call ended."""
        for entry, following in read_entries(self._directory, self._at):
            self._at = following
            self._take(entry)
            yield from self._given()
        yield from self._given()

    def _given(self) -> Iterator[LogEntry]:
        while self._whole:
            yield self._whole.popleft()

    def _take(self, entry: LogEntry) -> None:
        """Join what a record holds with what its stream has begun."""
        text, begun = entry.text, self._begun.get(entry.stream)
        if text.endswith(b"\n"):
            if begun is not None:
                end, _, text = text.partition(b"\n")
                line = b"".join((*begun.parts, end, b"\n"))
                self._whole.append(LogEntry(begun.time_ns, entry.stream, line))
                del self._begun[entry.stream]
            if text:
                self._whole.append(LogEntry(entry.time_ns, entry.stream, text))
        elif not text:  # the container ended without ending its line
            if begun is not None:
                if begun.parts:
                    line = b"".join(begun.parts)
                    self._whole.append(LogEntry(begun.time_ns, entry.stream, line))
                del self._begun[entry.stream]
        else:
            if begun is None:
                begun = self._begun[entry.stream] = _Begun(entry.time_ns, [])
            begun.parts.append(text)
            begun.size += len(text)
            if begun.size > LINE_LIMIT_BYTES:
                line = b"".join(begun.parts)
                piece, rest = line[:LINE_LIMIT_BYTES], line[LINE_LIMIT_BYTES:]
                self._whole.append(LogEntry(begun.time_ns, entry.stream, piece))
                begun.parts, begun.size = [rest], len(rest)

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
        skipped, self._begun = left, {}
        self._whole.clear()
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

    def rest(self, *, may_grow: bool = False) -> Iterator[LogEntry]:
        """Yield what was printed without a last newline: whole records of it, if it may grow."""
        for stream, begun in sorted(self._begun.items(), key=lambda item: item[1].time_ns):
            end = begun.size - (begun.size % RECORD_BYTES if may_grow else 0)
            if end:
                yield LogEntry(begun.time_ns, stream, b"".join(begun.parts)[:end])
        self._begun.clear()

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
