"""Paths of this machine in a line that is being typed: as it is quoted, with spaces and with ~.

Beside completion. IPython's own paths come among every name of Python, and know no quotes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from IPython.core.error import UsageError

from ipycontainer.commands.completing import Candidate
from kernel_ext.split import split

__all__ = ["fitting", "open_quote", "typed_name"]

_MOST = 5_000  # entries of a directory that are looked at: who is typing waits for it
_SPECIAL = re.compile(r"[^\w@%+=:,./~-]")
# What cannot stand in quotes as it is, or would be expanded there.
_NOT_IN = {"": "\n", "'": "'\n", '"': '"$`\\{}\n'}


def open_quote(line: str) -> str:
    """Return the quote that nobody has closed yet; "" where there is none."""
    for quote in ("", "'", '"'):
        with suppress(UsageError):
            split(line + quote)
            return quote
    return ""


def typed_name(line: str, path: str, quote: str) -> str | None:
    """Return the last part of a path as it stands at the line's end; None where it cannot be."""
    name = path.rpartition("/")[2]
    return next((each for each in (_written(name, quote), name) if line.endswith(each)), None)


def fitting(path: str, quote: str) -> list[Candidate]:
    """Return the names that may end a path, written so that they can follow what is typed."""
    if path == "~" and not quote:
        return [Candidate("~/", "directory")]
    directory, slash, begun = path.rpartition("/")
    place = f"{directory}{slash}"
    try:
        entries = list(islice(os.scandir(_home(place, quote) or "."), _MOST))
    except OSError:  # there is no such directory, or it is not for us
        return []
    return sorted(_candidates(entries, begun, quote), key=lambda each: each.text)


def _candidates(entries: list[os.DirEntry[str]], begun: str, quote: str) -> Iterator[Candidate]:
    for entry in entries:
        hidden = entry.name.startswith(".") and not begun.startswith(".")
        if hidden or not entry.name.startswith(begun) or set(entry.name) & set(_NOT_IN[quote]):
            continue
        name = _written(entry.name, quote)
        yield Candidate(f"{name}/", "directory") if entry.is_dir() else Candidate(name, "file")


def _home(place: str, quote: str) -> str:
    """Return a directory with ~ as a line's words have it: unquoted, and one's own alone."""
    return os.path.expanduser(place) if place.startswith("~/") and not quote else place


def _written(name: str, quote: str) -> str:
    return name if quote else _SPECIAL.sub(lambda found: f"\\{found[0]}", name)
