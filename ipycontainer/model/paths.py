"""Which absolute path lies below which, by their names alone. Imports the standard library only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

__all__ = ["is_inside", "is_inside_any", "parents"]


def parents(path: str) -> Iterator[str]:
    """Yield the directories above a path, the next first; not `/`."""
    while (path := os.path.dirname(path)) != "/":
        yield path


def is_inside(path: str, directory: str) -> bool:
    """Tell whether a path lies strictly below a directory."""
    return path.startswith("/" if directory == "/" else directory + "/") and path != directory


def is_inside_any(path: str, directories: Iterable[str]) -> bool:
    """Tell whether a path lies strictly below one of the directories."""
    return any(is_inside(path, directory) for directory in directories)
