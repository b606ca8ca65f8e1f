"""One line of CSV as Go's encoding/csv reads it, in whose words docker's client refuses one.

Python's own reader takes a quote in the middle of a field, and one that is never closed.
"""

from __future__ import annotations

__all__ = ["fields"]


def fields(line: str) -> list[str]:
    """Return the fields of a line; none of an empty one. Raises ValueError in Go's words."""
    found: list[str] = []
    at = 0
    while line:
        if line.startswith('"', at):
            field, at = _quoted(line, at + 1)
        else:
            end = line.find(",", at)
            end = len(line) if end < 0 else end
            field = line[at:end]
            if '"' in field:
                raise _error(line, at + field.index('"'), 'bare " in non-quoted-field')
            at = end
        found.append(field)
        if at == len(line):
            return found
        at += 1  # the comma
    return found


def _quoted(line: str, at: int) -> tuple[str, int]:
    """Return a field whose quote is open, and where it ends."""
    field = ""
    while True:
        end = line.find('"', at)
        if end < 0:
            raise _error(line, len(line), 'extraneous or missing " in quoted-field')
        field += line[at:end]
        at = end + 1
        if at == len(line) or line[at] == ",":
            return field, at
        if line[at] != '"':
            raise _error(line, end, 'extraneous or missing " in quoted-field')
        field += '"'
        at += 1


def _error(line: str, at: int, why: str) -> ValueError:
    column = len(line[:at].encode()) + 1
    return ValueError(f"parse error on line 1, column {column}: {why}")
