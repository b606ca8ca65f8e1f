"""What the files of a tree come to: bytes, docker's size of a layer or a volume, and a number."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

__all__ = ["tree_files", "tree_size"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def tree_size(path: str | os.PathLike[str]) -> int:
    """Return the sum of the lengths of all that is no directory, each inode once."""
    seen: set[int] = set()
    total = 0
    for status in _found(path):
        if status.st_nlink == 1 or status.st_ino not in seen:
            seen.add(status.st_ino)
            total += status.st_size
    return total


def tree_files(path: str | os.PathLike[str]) -> int:
    """Return how many names there are that are no directories: in a layer its deletions, too."""
    return sum(1 for _ in _found(path))


def _found(path: str | os.PathLike[str]) -> Iterator[os.stat_result]:
    """Yield the status of all that is no directory.

    The tree may change meanwhile: what is gone is not there.
    """
    try:
        first = os.open(path, _DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return
    statuses, inside = _look(first)
    stack: list[tuple[int, Iterator[str]]] = [(first, inside)]
    try:
        yield from statuses
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
            statuses, inside = _look(fd)
            stack.append((fd, inside))
            yield from statuses
    finally:
        for directory, _ in stack:
            os.close(directory)


def _look(directory: int) -> tuple[list[os.stat_result], Iterator[str]]:
    """Return the statuses of what lies in a directory, and the names of its directories."""
    statuses, directories = [], []
    with os.scandir(directory) as entries:
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(status.st_mode):
                directories.append(entry.name)
            else:
                statuses.append(status)
    return statuses, iter(directories)
