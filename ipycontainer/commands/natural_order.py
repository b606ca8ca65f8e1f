"""Natural order, in which docker's client lists names: numbers in them count by their value.

Source: github.com/fvbommel/sortorder, NaturalLess.
"""

from __future__ import annotations

import re

__all__ = ["natural"]

_PARTS = re.compile(r"0*[0-9]+|[^0-9]")


def natural(text: str) -> list[tuple[bool, int, int]]:
    """Return a key for sorting: digits come before all else, fewer zeros before more."""
    return [
        (False, int(part), len(part) - len(part.lstrip("0")))
        if part.isdigit()
        else (True, ord(part), 0)
        for part in _PARTS.findall(text)
    ]
