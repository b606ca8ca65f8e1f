"""Networks: the statements on their rows.

Docker's own three (`bridge`, `host`, `none`) get their rows with the first command that needs one:
a home that never does has none.
"""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import replace
from functools import lru_cache

from ipycontainer.errors import Conflict, InvalidArgument, NetworkInUse, NoSuchNetwork
from ipycontainer.model.network import BRIDGE, NetworkConfig, NetworkRecord
from ipycontainer.model.state import ContainerRecord
from ipycontainer.store import containers, endpoints, events
from ipycontainer.store.database import Transaction

__all__ = ["add", "find", "get", "is_named", "list_all", "remove", "tell", "tell_all"]


def add(tx: Transaction, record: NetworkRecord) -> None:
    """Add a network and take its name. Raises Conflict in docker's words."""
    if is_named(tx, record.name):
        raise Conflict(f"network with name {record.name} already exists")
    tx.execute(
        "INSERT INTO networks (id, name, created_ns, config) VALUES (?, ?, ?, ?)",
        (
            record.id,
            record.name,
            record.created_ns,
            json.dumps(record.config.to_json(), separators=(",", ":")),
        ),
    )


def get(tx: Transaction, network_id: str) -> NetworkRecord:
    """Return the network with this full id. Raises NoSuchNetwork."""
    row = tx.one("SELECT * FROM networks WHERE id = ?", (network_id,))
    if row is None:
        raise NoSuchNetwork(f"network {network_id} not found")
    return _record(row)


def find(tx: Transaction, ref: str) -> NetworkRecord:
    """Return the network that a user's word means: full id, exact name, then prefix of an id."""
    row = tx.one("SELECT * FROM networks WHERE id = ?", (ref,)) or tx.one(
        "SELECT * FROM networks WHERE name = ?", (ref,)
    )
    if row is not None:
        return _record(row)
    rows = tx.all("SELECT * FROM networks WHERE id >= ? AND id < ? LIMIT 2", (ref, ref + "g"))
    if len(rows) > 1 and ref:
        raise InvalidArgument(f"network {ref} is ambiguous (2 matches found on ID prefix)")
    if not rows or not ref:
        raise NoSuchNetwork(f"network {ref} not found")
    return _record(rows[0])


def is_named(tx: Transaction, name: str) -> bool:
    """Tell whether a network has this name."""
    return tx.one("SELECT 1 FROM networks WHERE name = ?", (name,)) is not None


def list_all(tx: Transaction) -> list[NetworkRecord]:
    """Return all networks, by name."""
    return [_record(row) for row in tx.all("SELECT * FROM networks ORDER BY name")]


def remove(tx: Transaction, record: NetworkRecord) -> None:
    """Remove a network that no container is on. Raises NetworkInUse in docker's words.

    Those that only want to be on it, stopped, lose their place; docker too lets them fail later.
    """
    taken = tx.scalar(
        "SELECT count(*) FROM endpoints WHERE network_id = ? AND endpoint_id != ''", (record.id,)
    )
    if taken:
        raise NetworkInUse(
            f"error while removing network: network {record.name} id {record.id} "
            "has active endpoints"
        )
    _tell_those_who_wait(tx, record)
    tx.execute("DELETE FROM endpoints WHERE network_id = ?", (record.id,))
    tx.execute("DELETE FROM networks WHERE id = ?", (record.id,))
    tell(tx, record, "destroy", time.time_ns())


def _tell_those_who_wait(tx: Transaction, record: NetworkRecord) -> None:
    """Write to the stopped containers that were on a network which one it was."""
    rows = tx.all("SELECT container_id FROM endpoints WHERE network_id = ?", (record.id,))
    for row in rows:
        waiting = containers.get(tx, row["container_id"])
        if not waiting.state.started_ns:  # it looks for the name at its first start
            continue
        wanted = tuple(
            replace(each, gone=record.id) if each.network == record.name else each
            for each in waiting.config.endpoints
        )
        containers.keep_endpoints(tx, waiting.id, replace(waiting.config, endpoints=wanted))


def tell(
    tx: Transaction, record: NetworkRecord, action: str, time_ns: int, **attributes: str
) -> None:
    """Add an event of a network, with docker's attributes."""
    shared = {"name": record.name, "type": record.config.driver}
    events.add(tx, "network", action, record.id, {**shared, **attributes}, time_ns)


def tell_all(tx: Transaction, container: ContainerRecord, action: str, time_ns: int) -> None:
    """Add an event of each network that a container is on, at its start or its end.

    The default one comes first, as in docker. One that it is coming to, or leaving, is told of by
    who is about it.
    """
    if apart := container.config.stands_on:
        rows = tx.all("SELECT * FROM networks WHERE name = ?", (apart,))
    else:
        rows = tx.all(
            "SELECT networks.* FROM networks JOIN endpoints ON network_id = networks.id"
            " WHERE container_id = ? AND position != ? ORDER BY name != ?, position",
            (container.id, endpoints.UNSETTLED, BRIDGE),
        )
    for row in rows:
        tell(tx, _record(row), action, time_ns, container=container.id)


def last_chosen(tx: Transaction) -> str:
    """Return the subnet that was chosen last for a network that named none, "" before the first."""
    return str(tx.scalar("SELECT subnet FROM chosen_subnets") or "")


def keep_chosen(tx: Transaction, subnet: str) -> None:
    """Remember which subnet was chosen last."""
    tx.execute("INSERT OR REPLACE INTO chosen_subnets (one, subnet) VALUES (1, ?)", (subnet,))


def _record(row: sqlite3.Row) -> NetworkRecord:
    return NetworkRecord(
        row["id"],
        row["name"],
        row["created_ns"],
        _config(row["config"]),
    )


@lru_cache(maxsize=16)  # each start and each end tells of the same one
def _config(text: str) -> NetworkConfig:
    return NetworkConfig.from_json(json.loads(text))
