"""Reading a container's log: what was stamped at once comes at once.

A gigabyte of short lines is ten million records, and an object for each would take minutes. But the
writer stamps a whole chunk of lines alike, so the head of a record is the same as its neighbour's
all through a chunk: where a run of them ends is found by halving, and their heads go in one pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from operator import itemgetter
from pathlib import Path

from ipycontainer.supervise.log import LogPosition, open_segment, segments

__all__ = ["LogEntry", "entries_of", "parse_record", "read_entries"]

BLOCK_BYTES = 256 * 1024
STAMP_BYTES = 30  # 2026-11-24T05:36:49.962532162Z
# After the stamp, of what ends a line; both streams' names are of one length.
_ENDS = {b" stdout F ": "stdout", b" stderr F ": "stderr"}
_HEAD = STAMP_BYTES + 10
_beheaded = itemgetter(slice(_HEAD, None))  # in C, where a comprehension makes a slice a line


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What was printed at once: whole lines, or a part of one.

    Time in nanoseconds since the epoch, stream, text. `text` holds the newline of each line that
    ended; where it is empty, the line ended without one.
    """

    time_ns: int
    stream: str
    text: bytes


def read_entries(
    directory: Path, start: LogPosition | None = None
) -> Iterator[tuple[LogEntry, LogPosition]]:
    """Yield what stands from `start` (the log's beginning) to its present end.

    The position that comes with an entry is where the next one begins: a follower goes on there.
    A last record without its newline is being written and is left for the next call; one with a
    segment after it was torn by a crash and is passed over.
    """
    start = start or LogPosition()
    for number in segments(directory):
        if number < start.segment:
            continue
        offset = start.offset if number == start.segment else 0
        file = open_segment(directory, number)
        if file is None:
            continue
        with file:
            file.seek(offset)
            rest = b""
            while block := file.read(BLOCK_BYTES):
                data = rest + block if rest else block
                done = 0
                for entry, end in entries_of(data):
                    yield entry, LogPosition(number, offset + end)
                    done = end
                rest = data[max(done, data.rfind(b"\n") + 1) :]
                offset += len(data) - len(rest)


def entries_of(data: bytes) -> Iterator[tuple[LogEntry, int]]:
    """Yield what the whole records in `data` hold, each with the place in there where it ends."""
    at, limit = 0, data.rfind(b"\n") + 1
    while at < limit:
        stream = _ENDS.get(data[at + STAMP_BYTES : at + _HEAD])
        time_ns = None if stream is None else _parse_stamp(data[at : at + STAMP_BYTES])
        if stream is not None and time_ns is not None:
            text, end = _run_of(data, at, limit)
            yield LogEntry(time_ns, stream, text), end
        else:
            end = data.index(b"\n", at) + 1
            entry = parse_record(data[at:end])
            if entry is not None:
                yield entry, end
        at = end


def _run_of(data: bytes, at: int, limit: int) -> tuple[bytes, int]:
    """Return the lines of the records that have the head of the one at `at`, and where they end."""
    head = data[at : at + _HEAD]
    first = end = data.index(b"\n", at) + 1
    if not data.startswith(head, end):
        return data[at + _HEAD : end], end  # a program that writes line by line has a stamp a line
    beyond = limit  # a record's begin, as `end` is; the run ends between the two
    while end < beyond:
        middle = data.index(b"\n", (end + beyond) // 2) + 1
        if middle < beyond and not data.startswith(head, middle):
            beyond = middle
        elif middle < beyond:
            end = data.index(b"\n", middle) + 1
        elif data.startswith(head, end):
            end = data.index(b"\n", end) + 1
        else:
            break
    # Cutting each head off is faster than one replace, whose search for 40 bytes takes longer, and
    # a file's lines are found by memchr(3), where bytes.split looks at each byte.
    text = b"".join(map(_beheaded, BytesIO(data[at:end])))
    # Between two alike there may be another's, if two chunks have the same stamp.
    if len(text) + _HEAD * (data.count(b"\n" + head, at, end) + 1) != end - at:
        return data[at + _HEAD : first], first
    return text, end


_seconds: dict[bytes, int] = {}


def _parse_stamp(stamp: bytes) -> int | None:
    """Return a stamp's nanoseconds since the epoch, or None for what is none."""
    second = _seconds.get(stamp[:19])
    try:
        if second is None:
            moment = datetime.fromisoformat(f"{stamp[:19].decode('ascii')}+00:00")
            _seconds.clear()  # neighbours share a second: one is enough to remember
            second = _seconds[stamp[:19]] = int(moment.timestamp())
        return second * 1_000_000_000 + int(stamp[20:29])
    except ValueError:
        return None


def parse_record(line: bytes) -> LogEntry | None:
    """Return one record's entry, or None for a line that a crash left torn."""
    stamp, _, rest = line.partition(b" ")
    stream, _, rest = rest.partition(b" ")
    tag, _, text = rest.partition(b" ")
    if tag not in (b"F", b"P") or len(stamp) != STAMP_BYTES:
        return None
    time_ns = _parse_stamp(stamp)
    if time_ns is None:
        return None
    return LogEntry(time_ns, stream.decode("ascii", "replace"), text if tag == b"F" else text[:-1])
