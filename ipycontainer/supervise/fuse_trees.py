"""The trees of a container whose overlays are served by processes: mounted for its init.

Done by the monitor before each start. A server ends by itself when nobody has its mount any more:
with the container, whoever was killed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ipycontainer.model.oci import ANNOTATION_OVERLAYS, Spec
from ipycontainer.runtime.tree_steps import wants_trees
from ipycontainer.storage.drivers import fuse

__all__ = ["served"]


@contextmanager
def served(spec: Spec, servers: list[int]) -> Iterator[tuple[int, ...]]:
    """Give detached mounts for a bundle that wants them of its parent, else nothing.

    `servers` are the processes of starts before, and takes those of this one. Raises OSError.
    """
    if not wants_trees(spec):
        yield ()
        return
    servers[:] = [pid for pid in servers if os.waitpid(pid, os.WNOHANG) == (0, 0)]
    trees: list[int] = []
    try:
        for entry in json.loads(spec.annotations[ANNOTATION_OVERLAYS]):
            tree, server = fuse.serve(entry["lowers"], entry["upper"], entry["work"])
            trees.append(tree)
            servers.append(server)
        yield tuple(trees)
    finally:
        for tree in trees:
            os.close(tree)
