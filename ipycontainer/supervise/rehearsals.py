"""What a spare monitor practises on, and what of it a killed one has left.

Named after the process, so that a repair knows what nobody is about any more.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress

from ipycontainer.linux import cgroups, procfs
from ipycontainer.storage import trash
from ipycontainer.store.home import Home

__all__ = ["name", "sweep"]

_PREFIX = "rehearsal-"


def name() -> str:
    """Return the name of what this process practises on."""
    return f"{_PREFIX}{os.getpid()}"


def sweep(home: Home, cgroup_home: str) -> None:
    """Remove what spare monitors have left that were killed; `cgroup_home` holds containers'."""
    for path in (home.cache, home.runtime):
        for left in _left(os.listdir(path)):
            if path == home.cache:
                trash.throw_away(home, path / left)
            else:
                (path / left).unlink(missing_ok=True)
    hierarchies = cgroups.detect()
    names: set[str] = set()
    for directory in cgroups.locate(hierarchies, cgroup_home).directories.values():
        with suppress(OSError):  # no container has had one yet
            names.update(os.listdir(directory))
    for left in _left(names):
        cgroups.locate(hierarchies, f"{cgroup_home}/{left}").remove()


def _left(names: Iterable[str]) -> Iterator[str]:
    for found in names:
        if found.startswith(_PREFIX):
            with suppress(ValueError):
                try:
                    procfs.start_ticks(int(found.removeprefix(_PREFIX)))
                except ProcessLookupError:
                    yield found
