"""What containers use, as the engine reads it: from the cgroup of init, wherever that was made.

The kernel's own files, world-readable: neither monitor nor zygote is asked. In docker's API shape
for docker-py's `stats`, and typed (`linux.usage`) for everybody else.
"""

from __future__ import annotations

import posixpath
from functools import cache

from ipycontainer.linux import cgroups, processes, usage
from ipycontainer.linux.cgroups import Cgroup, Hierarchies
from ipycontainer.linux.usage import Usage
from ipycontainer.model.state import ContainerRecord

__all__ = ["own_cgroup", "usage_of"]


def usage_of(record: ContainerRecord) -> Usage:
    """Return what a container uses now; zeros for one that does not run."""
    pid = record.state.pid
    if not record.state.status.alive or not pid:
        return Usage()
    try:
        cgroup = own_cgroup(record)
    except ProcessLookupError:  # it has just ended
        return Usage()
    if cgroup is None:
        return usage.read_processes(processes.members(pid), pid)
    return usage.read(cgroup, pid)


def own_cgroup(record: ContainerRecord) -> Cgroup | None:
    """Return a running container's own cgroup; None where it could have none.

    Raises ProcessLookupError when it has just ended.
    """
    found = cgroups.of_process(_hierarchies(), record.state.pid)
    if found is None:
        return None
    own = {
        name: directory
        for name, directory in found.directories.items()
        if posixpath.basename(directory) == record.id
    }
    return Cgroup(own) if own else None


@cache
def _hierarchies() -> Hierarchies:
    return cgroups.detect()
