"""What a spare monitor practises on, and what of it a killed one has left.

Named after the process, so that a repair knows what nobody is about any more.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

from ipycontainer.linux import cgroups, procfs
from ipycontainer.storage import trash
from ipycontainer.store import containers
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home

__all__ = ["name", "sweep"]

_PREFIX = "rehearsal-"
_ID = re.compile("[0-9a-f]{64}")


def name() -> str:
    """Return the name of what this process practises on."""
    return f"{_PREFIX}{os.getpid()}"


def sweep(home: Home, store: Store, cgroup_home: str) -> None:
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
    for left in (*_left(names), *_never_asked_for(home, store, names)):
        cgroups.locate(hierarchies, f"{cgroup_home}/{left}").remove()


def _never_asked_for(home: Home, store: Store, names: Iterable[str]) -> list[str]:
    """Return the ids of containers that were ready (reservation) and whose monitor was killed.

    Looked for in the order of their way: in the trash, at the place, as a row.
    """
    ids = [name for name in names if _ID.fullmatch(name)]
    ids = [name for name in ids if not trash.holds(home, name)]
    ids = [name for name in ids if not home.container(name).exists()]
    if not ids:
        return []
    with store.read() as tx:
        known = {record.id for record in containers.list_all(tx)}
    return [name for name in ids if name not in known]


def _left(names: Iterable[str]) -> Iterator[str]:
    for found in names:
        if found.startswith(_PREFIX):
            with suppress(ValueError):
                try:
                    procfs.start_ticks(int(found.removeprefix(_PREFIX)))
                except ProcessLookupError:
                    yield found
