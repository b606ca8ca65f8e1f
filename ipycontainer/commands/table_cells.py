"""Single cells of docker's tables: ids, ages, texts that are cut. Below columns, image_columns."""

from __future__ import annotations

import unicodedata

from ipycontainer.model.units import human_duration

__all__ = ["ago", "ellipsis", "short"]

_SECOND = 1_000_000_000


def ago(then_ns: int, now_ns: int) -> str:
    """Return how long ago something was."""
    return f"{human_duration((now_ns - then_ns) / _SECOND)} ago"


def short(digits: str) -> str:
    """Return the first twelve digits of an id."""
    return digits.removeprefix("sha256:")[:12]


def ellipsis(text: str, width: int) -> str:
    """Return a text cut to a number of terminal columns, wide characters counted as two."""
    if sum(map(_columns, text)) <= width:
        return text
    taken, kept = 0, ""
    for character in text:
        taken += _columns(character)
        if taken > width - 1:
            break
        kept += character
    return f"{kept}…"


def _columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
