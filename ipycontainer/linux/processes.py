"""The processes of a container, found in /proc by their parents.

For what a cgroup would say where there is one. Reads only what every user may see.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

__all__ = ["Found", "members"]


@dataclass(frozen=True, slots=True)
class Found:
    """A process: its pid here, its parent's, and in how many nested pid namespaces it has one."""

    pid: int
    parent: int
    depth: int


def members(init: int) -> tuple[int, ...]:
    """Return the processes of the container whose init this is, as this pid namespace counts.

    What was executed into it is no child of init, but of init's parent: so everything that descends
    from that parent and stands in a deeper pid namespace belongs to it. None when init is gone.
    """
    table = {found.pid: found for found in _table()}
    first = table.get(init)
    if first is None:
        return ()
    outer = table[first.parent].depth if first.parent in table else 1
    children: dict[int, list[Found]] = {}
    for found in table.values():
        children.setdefault(found.parent, []).append(found)
    reached = [
        each for each in children.get(first.parent, ()) if each.pid == init or each.depth > outer
    ]
    if first.depth <= outer:  # it shares its parent's pid namespace (--pid host): init's own alone
        reached = [first]
    for each in reached:
        reached += children.get(each.pid, ())
    return tuple(sorted(each.pid for each in reached))


def _table() -> list[Found]:
    found = []
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            with open(f"/proc/{name}/status", "rb") as file:
                text = file.read()
        except OSError:  # it has just ended
            continue
        parent, depth = 0, 1
        for line in text.splitlines():
            if line.startswith(b"PPid:"):
                parent = int(line[5:])
            elif line.startswith(b"NSpid:"):
                depth = len(line.split()) - 1
                break
        found.append(Found(int(name), parent, depth))
    return found
