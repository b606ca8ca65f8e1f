"""Where the last lines of a log begin: read from its end, at the cost of those lines.

The log may hold gigabytes. Records are looked at backwards, a block at a time, until enough of them
end a line; each stream's oldest line in there may lack its beginning, and does not count.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

from ipycontainer.supervise.log import LogPosition, open_segment, segments
from ipycontainer.supervise.log_reading import entries_of, parse_record

__all__ = ["tail_start"]

BLOCK_BYTES = 64 * 1024
# How far before enough lines the beginning of a longer one is looked for.
LOOK_BACK_BYTES = 4 * 1024 * 1024


def tail_start(directory: Path, lines: int) -> LogPosition:
    """Return a place from which at least the last `lines` lines are read whole."""
    ended = looked_at = 0
    pending: set[str] = set()  # streams whose oldest line may have begun earlier
    whole: set[str] = set()
    for segment, offset, block in _backwards(directory):
        found = [entry for entry, _ in entries_of(block)]
        pending.update(entry.stream for entry in found)
        count = sum(entry.text.count(b"\n") or not entry.text for entry in found)
        if ended + count < lines:  # none of them is the first: no need to look at each
            ended += count
            continue
        for place, record in _records(block, segment, offset):
            entry = parse_record(record)
            if entry is None:
                continue
            ends_line = not entry.text or entry.text.endswith(b"\n")
            if ends_line and ended >= lines:
                whole.add(entry.stream)
            ended += ends_line
            looked_at = looked_at + len(record) if ended > lines else 0
            if ended > lines and (pending <= whole or looked_at > LOOK_BACK_BYTES):
                return place
    return LogPosition()


def _backwards(directory: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield blocks of whole records, each with its segment and offset, the newest first."""
    for number in reversed(segments(directory)):
        file = open_segment(directory, number)
        if file is None:
            continue
        with file:
            if isinstance(file, gzip.GzipFile):  # there is no way into it from its end
                yield number, 0, file.read()
                continue
            end, rest = file.seek(0, os.SEEK_END), b""
            while end > 0:
                start = max(0, end - BLOCK_BYTES)
                file.seek(start)
                data = file.read(end - start) + rest
                cut = data.find(b"\n") + 1 if start else 0  # what is before it began earlier
                if cut or not start:
                    yield number, start + cut, data[cut:]
                    data = data[:cut]
                rest, end = data, start


def _records(data: bytes, segment: int, offset: int) -> Iterator[tuple[LogPosition, bytes]]:
    """Yield the whole records of a piece of a segment, the newest first."""
    at = data.rfind(b"\n") + 1
    for record in reversed(data[:at].split(b"\n")[:-1]):
        at -= len(record) + 1
        yield LogPosition(segment, offset + at), record + b"\n"
