"""Patterns of names as Go's path.Match reads them: docker's filters of images go by those.

Source: Go `path/match.go`. Unlike a shell's, a class is negated by `^`, and a pattern that is no
pattern is an error, whatever it is held against.
"""

from __future__ import annotations

import re

from ipycontainer.errors import InvalidArgument

__all__ = ["path_match"]

_NEVER = "(?!)"


def path_match(pattern: str, name: str) -> bool:
    """Tell whether the whole name fits. Raises InvalidArgument in Go's words."""
    return _expression(pattern).fullmatch(name) is not None


def _expression(pattern: str) -> re.Pattern[str]:
    found, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        if char == "[":
            piece, at = _class(pattern, at + 1)
            found += piece
            continue
        if char == "\\":
            at += 1
            found += re.escape(_char(pattern, at))
        else:
            found += {"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char))
        at += 1
    return re.compile(found, re.DOTALL)


def _class(pattern: str, at: int) -> tuple[str, int]:
    """Return the expression of a class that begins at a place, and the place behind it."""
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges = ""
    begin = at
    while at == begin or _char(pattern, at) != "]":
        low, at = _bound(pattern, at)
        high = low
        if _char(pattern, at) == "-":
            high, at = _bound(pattern, at + 1)
        if low <= high:
            ranges += f"{re.escape(low)}-{re.escape(high)}"
    if not ranges:
        return ("." if negated else _NEVER), at + 1
    return f"[{'^' if negated else ''}{ranges}]", at + 1


def _bound(pattern: str, at: int) -> tuple[str, int]:
    if _char(pattern, at) in "-]":
        raise _bad()
    if pattern[at] == "\\":
        at += 1
    return _char(pattern, at), at + 1


def _char(pattern: str, at: int) -> str:
    if at >= len(pattern):
        raise _bad()
    return pattern[at]


def _bad() -> InvalidArgument:
    return InvalidArgument("syntax error in pattern")
