"""A container's log: what its program printed, line by line, on disk.

Written by the monitor, read by anybody. The format is CRI's (kubernetes, "CRI container log
format"): `2026-11-24T05:36:49.962532162Z stdout F text`; F ends a line, P is a part of one.
Segments `log/0`, `log/1`, ... are never renamed, so that a follower goes from n to n+1 without a
race; docker's rotation renames and loses lines. Timestamps are UTC. log_reading reads it.
"""

from __future__ import annotations

import gzip
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

__all__ = [
    "PACKED",
    "LogPosition",
    "LogWriter",
    "NoLog",
    "Overflow",
    "open_segment",
    "segments",
]

SEGMENT_LIMIT_BYTES = 16 * 1024 * 1024
# A line without end must not fill the reader's memory: docker's records hold 16 KiB as well.
PART_LIMIT_BYTES = 16 * 1024
PACKED = ".gz"  # after the name of a segment that is compressed
HEAD_BYTES = 40  # of a line, before its text: time, stream and tag
# What docker's json-file writes of a record besides its text, by which `max-size` is counted:
# {"log":"...\n","stream":"stdout","time":"2026-11-24T05:36:49.962532162Z"}
DOCKER_RECORD_BYTES = 71
_TWO_BYTES = b'"\\\r'  # with a backslash before them there (moby `daemon/logger/jsonfilelog`)
_SIX_BYTES = bytes(set(range(32)) - set(b"\r\n")) + b"<>&"  # as \u003c


@dataclass(frozen=True, slots=True)
class LogPosition:
    """A place in the log: segment number and byte offset."""

    segment: int = 0
    offset: int = 0


class LogWriter:
    """Append chunks to the log; the file is opened by the first one.

    With `keep` there are never more than so many segments, each ended by the line that reaches
    `limit_bytes`, as docker counts them: so the same lines are left as there. What the
    disk does not take is lost, as docker's is, unless an `overflow` holds it until it does.
    """

    is_kept = True

    def __init__(
        self,
        directory: str,
        limit_bytes: int = 0,
        keep: int = 0,
        overflow: Overflow | None = None,
    ) -> None:
        self._directory = directory
        self._limit = limit_bytes
        self._keep = keep
        self._overflow = overflow
        self._unfinished: set[bytes] = set()  # streams whose last line has no end yet
        self.full: list[int] = []  # segments that are written, since somebody asked last
        self._fd = -1
        self._segment = 0
        self._size = 0
        self._counted = 0  # what docker would have in its file, where there is a limit
        self._second = -1
        self._stamp = b""

    @property
    def position(self) -> LogPosition:
        """Return where the next chunk will stand."""
        if self._fd < 0:
            try:
                self._open()
            except OSError:  # ENOSPC: what is lost has no place
                return LogPosition(self._segment)
        return LogPosition(self._segment, self._size)

    def write(self, stream: bytes, chunk: bytes) -> None:
        """Write a chunk of `stream` (b"stdout" or b"stderr") under one timestamp.

        A chunk is stamped at once, not line by line: with 64 KiB of short lines the difference is
        thirty-fold, and the lines came out of the pipe together anyway.
        """
        chunks = [(stream, chunk)]
        if self._overflow is not None:
            chunks = [*self._overflow.taken(), (stream, chunk)]
        for place, (name, data) in enumerate(chunks):
            pieces = self._cut(data)
            for number, piece in enumerate(pieces):
                try:
                    self._write(name, piece)
                except OSError:  # ENOSPC, EDQUOT, EIO: the container goes on
                    if self._overflow is not None:
                        rest = b"".join(pieces[number:])
                        self._overflow.put([(name, rest), *chunks[place + 1 :]])
                    return

    def _cut(self, chunk: bytes) -> Sequence[bytes]:
        """Return a chunk, in pieces where it would not fit into one segment."""
        if not self._keep:
            return (chunk,)
        if self._fd < 0:
            with suppress(OSError):  # told when it is written to
                self._open()
        if self._counted + _counted(chunk) <= self._limit:
            return (chunk,)
        return list(_pieces(chunk, self._limit, self._counted))

    def _write(self, stream: bytes, chunk: bytes) -> None:
        is_full = self._counted >= self._limit if self._keep else self._size > SEGMENT_LIMIT_BYTES
        if self._fd < 0 or is_full:
            self._open()
        head = self._now() + b" " + stream + b" "
        body, _, rest = chunk.rpartition(b"\n")
        lines = b""
        if len(rest) < len(chunk):
            lines = head + b"F " + body.replace(b"\n", b"\n" + head + b"F ") + b"\n"
        if rest:
            lines += b"".join(
                head + b"P " + rest[at : at + PART_LIMIT_BYTES] + b"\n"
                for at in range(0, len(rest), PART_LIMIT_BYTES)
            )
        self._append(lines)
        if self._keep:
            self._counted += _counted(chunk)
        if rest:
            self._unfinished.add(stream)
        else:
            self._unfinished.discard(stream)

    def _append(self, lines: bytes) -> None:
        view = memoryview(lines)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            os.ftruncate(self._fd, self._size)  # half a record would spoil the next
            raise
        self._size += len(lines)

    def _now(self) -> bytes:
        second, fraction = divmod(time.time_ns(), 1_000_000_000)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second)).encode()
        return b"%s%09dZ" % (self._stamp, fraction)

    def _open(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self.full.append(self._segment)
            self._segment += 1
        else:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            self._segment = max(segments(self._directory), default=0)
            is_packed = os.path.exists(f"{self._directory}/{self._segment}{PACKED}")
            if is_packed or _is_torn(f"{self._directory}/{self._segment}"):
                self._segment += 1
        path = f"{self._directory}/{self._segment}"
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._fd).st_size
        if self._keep:
            self._counted = _counted_file(path) if self._size else 0
            for number in segments(self._directory)[: -self._keep]:
                for name in (f"{number}", f"{number}{PACKED}"):
                    with suppress(FileNotFoundError):
                        os.unlink(f"{self._directory}/{name}")

    def close(self) -> None:
        """Close the file; a later write opens it again.

        A line without end has its end here: the next start's first line does not belong to it.
        """
        if self._fd < 0:
            return
        ends = b"".join(b"%s %s P \n" % (self._now(), each) for each in sorted(self._unfinished))
        self._unfinished.clear()
        if ends:
            with suppress(OSError):
                self._append(ends)
        os.close(self._fd)
        self._fd = -1


class Overflow:
    """What the disk would not take (`mode=non-blocking`), up to a limit: the oldest is lost."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._chunks: deque[tuple[bytes, bytes]] = deque()

    def put(self, chunks: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep chunks, each with its stream, the newest last."""
        self._chunks.extend(chunks)
        excess = sum(len(chunk) for _, chunk in self._chunks) - self._limit
        while excess > 0:
            stream, chunk = self._chunks.popleft()
            if len(chunk) > excess:  # its first lines alone
                cut = chunk.find(b"\n", excess - 1) + 1
                if 0 < cut < len(chunk):
                    self._chunks.appendleft((stream, chunk[cut:]))
            excess -= len(chunk)

    def taken(self) -> list[tuple[bytes, bytes]]:
        """Return all of it, and keep nothing."""
        chunks = list(self._chunks)
        self._chunks.clear()
        return chunks


class NoLog(LogWriter):
    """Keep nothing (`--log-driver none`): what no client takes at once is lost, as a pipe's is."""

    is_kept = False

    @property
    def position(self) -> LogPosition:
        """Return the one place that there is."""
        return LogPosition()

    def write(self, stream: bytes, chunk: bytes) -> None:
        """Drop it."""


def _counted(chunk: bytes) -> int:
    """Return the bytes that docker's json-file has of a chunk."""
    lines = chunk.count(b"\n") + (chunk[-1:] != b"\n")
    two, six = (len(chunk) - len(chunk.translate(None, each)) for each in (_TWO_BYTES, _SIX_BYTES))
    return len(chunk) + (DOCKER_RECORD_BYTES - 1) * lines + two + 5 * six


def _counted_file(path: str) -> int:
    """Return the bytes that docker's json-file would have of a segment, but for its escapes."""
    with open(path, "rb") as file:
        data = file.read()
    return len(data) + (DOCKER_RECORD_BYTES - HEAD_BYTES - 1) * data.count(b"\n")


def _pieces(chunk: bytes, limit_bytes: int, begun: int) -> Iterator[bytes]:
    """Cut a chunk after lines, into pieces that each reach a limit when they are written.

    `begun` is what the segment has already; a full one is not written to any more.
    """
    piece, size = b"", 0 if begun >= limit_bytes else begun
    for line in chunk.splitlines(keepends=True):
        piece += line
        size += _counted(line)
        if size >= limit_bytes:
            yield piece
            piece, size = b"", 0
    if piece:
        yield piece


def _is_torn(path: str) -> bool:
    """Tell whether a killed writer left half a record at the end, which must not swallow ours."""
    try:
        with open(path, "rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except FileNotFoundError:
        return False


def segments(directory: str | Path) -> list[int]:
    """Return the numbers of the segments on disk, oldest first."""
    try:
        names = {name.removesuffix(PACKED) for name in os.listdir(directory)}
    except FileNotFoundError:
        return []
    return sorted(int(name) for name in names if name.isdigit())


def open_segment(directory: Path, number: int) -> FileIO | gzip.GzipFile | None:
    """Open a segment, packed or not; None where it was trimmed meanwhile.

    Without a buffer: who reads takes large pieces anyway.
    """
    path = directory / str(number)
    for _ in range(2):  # it may be packed between two looks
        with suppress(FileNotFoundError):
            return open(path, "rb", buffering=0)
        with suppress(FileNotFoundError):
            return gzip.open(f"{path}{PACKED}")
    return None
