"""Lists of processors and memory nodes as the kernel writes them: `0-3,7`."""

from __future__ import annotations

from ipycontainer.errors import InvalidArgument

__all__ = ["numbers"]

MOST = 8191  # the largest NR_CPUS of any kernel (arch/x86/Kconfig), less one


def numbers(text: str, what: str) -> frozenset[int]:
    """Return the numbers that a list names, none for an empty text. Raises InvalidArgument."""
    found: set[int] = set()
    for part in text.split(",") if text else ():
        first, dash, last = part.strip().partition("-")
        if not (first.isdecimal() and (last if dash else first).isdecimal()):
            raise InvalidArgument(f"{what}: {text!r} is no list of numbers and ranges")
        low, high = int(first), int(last if dash else first)
        if not low <= high <= MOST:
            raise InvalidArgument(f"{what}: {part} is no range below {MOST + 1}")
        found.update(range(low, high + 1))
    return frozenset(found)
