"""Lines of bytes, as programs print them, and the records that docker's log makes of them."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["RECORD_BYTES", "headed", "record_count", "without_records"]

# What docker holds of a line at once (moby, daemon/logger/copier.go: defaultBufSize): a longer one
# stands in its log in such pieces, each with a time of its own before it, and counts as so many.
RECORD_BYTES = 16 * 1024


def _runs(text: bytes) -> Iterator[bytes]:
    """Yield whole lines together, and the pieces of each long one apart.

    A line's last piece comes with the lines that follow it; it is a newline alone where the line is
    a multiple of a record. A window without a newline is found from its end, where short lines have
    one: they cost nothing.
    """
    begin = at = 0
    while len(text) - at >= RECORD_BYTES:
        newline = text.rfind(b"\n", at, at + RECORD_BYTES)
        if newline >= 0:
            at = newline + 1
            continue
        if begin < at:
            yield text[begin:at]
        begin = at = at + RECORD_BYTES
        yield text[at - RECORD_BYTES : at]
    if begin < len(text):
        yield text[begin:]


def _count(run: bytes) -> int:
    return run.count(b"\n") + (not run.endswith(b"\n"))


def record_count(text: bytes) -> int:
    """Return how many records docker's log has of lines, the last of which may have no end."""
    return sum(map(_count, _runs(text)))


def without_records(text: bytes, first: int) -> bytes:
    """Return lines without so many records of their beginning."""
    at = 0
    for run in _runs(text):
        at += len(run)
        count = _count(run)
        if count > first:
            return text[at - len(run.split(b"\n", first)[-1]) :]
        first -= count
    return b""


def headed(head: bytes, text: bytes) -> bytes:
    """Return lines with a head before each record; the last line may have no end."""
    return b"".join(_headed(head, run) for run in _runs(text))


def _headed(head: bytes, run: bytes) -> bytes:
    if run.endswith(b"\n"):
        return head + run[:-1].replace(b"\n", b"\n" + head) + b"\n"
    return head + run.replace(b"\n", b"\n" + head)
