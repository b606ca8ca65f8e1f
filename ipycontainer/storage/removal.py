"""The last step of a container's removal: its row, and the volumes that go with it.

Run by a worker (`rm`), by a monitor (`--rm`) and by repair, with the statements of the frozen
contract.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ipycontainer.storage import volumes as storage_volumes
from ipycontainer.store import monitor_statements
from ipycontainer.store.database import Store, Transaction
from ipycontainer.store.home import Home

__all__ = ["forget"]


def _nothing(_: Transaction) -> None:
    pass


def forget(
    home: Home,
    store: Store,
    container_id: str,
    *,
    volumes: bool,
    first: Callable[[Transaction], None] = _nothing,
) -> None:
    """Remove the row of a container, with `volumes` its anonymous volumes too.

    `first` runs in the same transaction: a monitor tells the container's end there.
    """
    thrown: list[str] = []
    with store.write() as tx:
        first(tx)
        if volumes:
            names = monitor_statements.anonymous_volumes(tx, container_id)
            thrown = storage_volumes.take_away(home, names) if names else []
        monitor_statements.removed(tx, container_id, time.time_ns())
    if thrown:
        storage_volumes.empty(home, thrown)
