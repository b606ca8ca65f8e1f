"""The processes of a container, found in /proc by their parents.

For what a cgroup would say where there is one. Reads only what every user may see.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Found", "Table", "members", "table"]


@dataclass(frozen=True, slots=True)
class Found:
    """A process: its pid here, its parent's, and in how many nested pid namespaces it has one."""

    pid: int
    parent: int
    depth: int


Table: TypeAlias = Mapping[int, Found]


def members(init: int, machine: Table | None = None) -> tuple[int, ...]:
    """Return the processes of the container whose init this is, as this pid namespace counts.

    Who asks for many containers reads the `machine`'s table once.

    What was executed into it is no child of init, but of init's parent: so everything that descends
    from that parent and stands in a deeper pid namespace belongs to it. None when init is gone.
    """
    machine = table() if machine is None else machine
    first = machine.get(init)
    if first is None:
        return ()
    outer = machine[first.parent].depth if first.parent in machine else 1
    children: dict[int, list[Found]] = {}
    for found in machine.values():
        children.setdefault(found.parent, []).append(found)
    reached = [
        each for each in children.get(first.parent, ()) if each.pid == init or each.depth > outer
    ]
    if first.depth <= outer:  # it shares its parent's pid namespace (--pid host): init's own alone
        reached = [first]
    for each in reached:
        reached += children.get(each.pid, ())
    return tuple(sorted(each.pid for each in reached))


def table() -> Table:
    """Return all processes that can be seen, by their pids."""
    found = {}
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
        found[int(name)] = Found(int(name), parent, depth)
    return found
