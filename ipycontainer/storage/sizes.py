"""How many bytes the files of a tree have: what docker calls the size of a layer or a volume."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

__all__ = ["tree_size"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def tree_size(path: str | os.PathLike[str]) -> int:
    """Return the sum of the lengths of all that is no directory, each inode once.

    The tree may change meanwhile: what is gone is not counted.
    """
    try:
        first = os.open(path, _DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    seen: set[int] = set()
    total, inside = _look(first, seen)
    stack: list[tuple[int, Iterator[str]]] = [(first, inside)]
    try:
        while stack:
            directory, names = stack[-1]
            name = next(names, None)
            if name is None:
                os.close(stack.pop()[0])
                continue
            try:
                fd = os.open(name, _DIRECTORY, dir_fd=directory)
            except OSError:
                continue
            size, inside = _look(fd, seen)
            total += size
            stack.append((fd, inside))
    finally:
        for directory, _ in stack:
            os.close(directory)
    return total


def _look(directory: int, seen: set[int]) -> tuple[int, Iterator[str]]:
    """Return the bytes of what lies in a directory, and the names of its directories."""
    total, directories = 0, []
    with os.scandir(directory) as entries:
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(status.st_mode):
                directories.append(entry.name)
            elif status.st_nlink == 1 or status.st_ino not in seen:
                seen.add(status.st_ino)
                total += status.st_size
    return total, iter(directories)
