"""The home's trash: trees on their way out, and trees that are not whole yet.

A name says which process a tree is of, so that a sweep lets be what a living one is about, and
takes what a killed one has left: nothing outside the trash is ever half made or half deleted.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ipycontainer import faults
from ipycontainer.linux import procfs
from ipycontainer.storage import trees
from ipycontainer.store import disk_reserve
from ipycontainer.store.home import Home

__all__ = ["delete", "empty", "holds", "place", "throw_away", "unowned"]


def place(home: Home, container_id: str = "") -> Path:
    """Return a path in the trash that is this process's alone; it makes what it wants there.

    With `container_id` it is to become the directory of that container.
    """
    pid = os.getpid()
    return home.trash / f"{pid}-{procfs.start_ticks(pid)}-{container_id or os.urandom(8).hex()}"


def holds(home: Home, container_id: str) -> bool:
    """Tell whether a living process has the directory of a container that is to be."""
    names = os.listdir(home.trash)
    return any(name.endswith(f"-{container_id}") and _is_owned(name) for name in names)


def unowned(home: Home) -> list[str]:
    """Return the names of the trees whose process has ended."""
    return [name for name in os.listdir(home.trash) if not _is_owned(name)]


def _is_owned(name: str) -> bool:
    try:
        pid, ticks, _ = name.split("-")
        return procfs.is_running(int(pid), int(ticks))
    except ValueError:
        return False


def throw_away(home: Home, path: Path) -> None:
    """Delete a tree of the home; a missing one is no error.

    Renamed into the trash first: killed midway, what is left is nobody's, and the next sweep
    deletes it.
    """
    thrown = place(home)
    faults.point("discard")
    with suppress(FileNotFoundError):
        os.rename(path, thrown)
        delete(home, thrown.name)


def delete(home: Home, name: str) -> None:
    """Delete one tree of the trash; a missing one is no error."""
    directory = os.open(home.trash, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        trees.remove(directory, name)
    finally:
        os.close(directory)
    disk_reserve.keep(home)


def empty(home: Home) -> None:
    """Delete what killed processes left; safe beside others that do the same."""
    for name in unowned(home):
        delete(home, name)
