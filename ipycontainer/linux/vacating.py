"""Empty a cgroup of version 2 whose own processes keep it from being divided.

A cgroup has processes, or cgroups that are counted, never both (cgroup-v2.rst, "No Internal Process
Constraint"). Who starts a program in a delegated cgroup starts it right there, and leaves it to the
program to make a leaf for it (systemd's CGROUP_DELEGATION.md): a notebook server does not.
"""

from __future__ import annotations

import os
from contextlib import suppress

from ipycontainer.linux.cgroups import Cgroup, Hierarchies
from ipycontainer.linux.hierarchies import is_given, is_occupied

__all__ = ["LEAF", "vacate"]

LEAF = "init"  # as podman and docker's image of itself name it
ROUNDS = 100  # each moves who was forked during the one before


def vacate(hierarchies: Hierarchies) -> None:
    """Move what lives in the cgroup that was given to us into a leaf below it.

    Never out of it, nor anything from above it. A process of a pid namespace that we cannot see
    (it is listed as 0) stays, and the cgroup cannot be divided. Raises OSError.
    """
    base = hierarchies.base or hierarchies.unified
    if hierarchies.version != "v2" or not is_occupied(base) or not is_given(base):
        return
    leaf = Cgroup({"": f"{base}/{LEAF}"})
    with suppress(FileExistsError):
        os.mkdir(f"{base}/{LEAF}", 0o755)
    for _ in range(ROUNDS):
        for pid in Cgroup({"": base}).pids():
            with suppress(ProcessLookupError):  # it has ended meanwhile
                leaf.attach(pid)
        if not is_occupied(base):
            return
