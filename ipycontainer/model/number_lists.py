"""Lists of processors and memory nodes as the kernel writes them: `0-3,7`."""

from __future__ import annotations

__all__ = ["numbers"]

_MOST = 99_999_999  # more than any kernel has, and few enough for a set


def numbers(text: str, most: int = _MOST) -> frozenset[int]:
    """Return the numbers that a list names, none for an empty text.

    Raises ValueError in docker's words, also for a number beyond `most`.
    """
    found: set[int] = set()
    for part in text.split(",") if text else ():
        first, dash, last = part.partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal()) or not int(first) <= int(last):
            raise ValueError(f"invalid format: {text}")
        if int(last) > most:
            raise ValueError(f"value of out range, maximum is {most}")
        found.update(range(int(first), int(last) + 1))
    return frozenset(found)
