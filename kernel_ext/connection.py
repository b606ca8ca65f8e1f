"""The kernel's engine: one a home, made by the first line that needs it.

Used by magics, and by extension for the number of containers. Loading makes no home.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = ["connect", "disconnect", "running"]

_engines: dict[str, Engine] = {}


def connect() -> Engine:
    """Return the engine of the home that IPYCONTAINER_HOME names now.

    A home that was reset, here or elsewhere, gets a fresh one.
    """
    home = os.environ.get("IPYCONTAINER_HOME", "")
    engine = _engines.get(home)
    if engine is not None and engine.is_current:
        return engine
    if engine is not None:
        _engines.pop(home).close()
    import ipycontainer

    _engines[home] = ipycontainer.connect()
    return _engines[home]


def disconnect() -> None:
    """Close every engine; containers go on."""
    while _engines:
        _engines.popitem()[1].close()


def running() -> int | None:
    """Return how many containers run, those of an earlier kernel too; None where no home is.

    Only reads: neither makes a home nor starts a process, so one that died unsaid is left out
    here, and repaired by the next command.
    """
    from ipycontainer.errors import NotFound
    from ipycontainer.model.state import Status
    from ipycontainer.store import containers, liveness
    from ipycontainer.store.database import Store
    from ipycontainer.store.home import open_home

    try:
        home = open_home(create=False)
    except NotFound:
        return None
    store = Store(home)
    try:
        with store.read() as tx:
            alive = containers.list_all(tx, [status for status in Status if status.alive])
        return sum(liveness.holder(home.lock(record.id)) is not None for record in alive)
    finally:
        store.close()
