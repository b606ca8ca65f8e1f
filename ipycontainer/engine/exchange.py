"""Where values of a notebook's cell lie on their way into its container, and back.

A directory beside the bundle, so that it goes with the container, whoever owns what is in it. What
lies in `out` was written by the container: whoever reads it trusts neither names nor contents.
"""

from __future__ import annotations

from pathlib import Path

from ipycontainer.store.home import Home

__all__ = ["directory", "make"]


def directory(home: Home, container_id: str) -> Path:
    """Return the directory of a container that holds `in` and `out`."""
    return home.container(container_id) / "exchange"


def make(home: Home, container_id: str) -> None:
    """Make both; any user of the container may write into `out`.

    The container's own directory is closed to everybody else of this machine.
    """
    place = directory(home, container_id)
    for name, mode in (("in", 0o755), ("out", 0o777)):
        (place / name).mkdir(parents=True)
        (place / name).chmod(mode)
