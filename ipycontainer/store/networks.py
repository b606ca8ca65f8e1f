"""Networks: the statements on their rows.

Docker's own three (`bridge`, `host`, `none`) get their rows with the first command that needs one:
a home that never does has none.
"""

from __future__ import annotations

import json
import sqlite3
import time

from ipycontainer.errors import Conflict, InvalidArgument, NetworkInUse, NoSuchNetwork
from ipycontainer.model.network import NetworkConfig, NetworkRecord
from ipycontainer.store import events
from ipycontainer.store.database import Transaction

__all__ = ["add", "find", "get", "list_all", "remove", "tell"]


def add(tx: Transaction, record: NetworkRecord) -> None:
    """Add a network and take its name. Raises Conflict in docker's words."""
    if tx.one("SELECT 1 FROM networks WHERE name = ?", (record.name,)) is not None:
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
    tx.execute("DELETE FROM endpoints WHERE network_id = ?", (record.id,))
    tx.execute("DELETE FROM networks WHERE id = ?", (record.id,))
    tell(tx, record, "destroy", time.time_ns())


def tell(
    tx: Transaction, record: NetworkRecord, action: str, time_ns: int, **attributes: str
) -> None:
    """Add an event of a network, with docker's attributes."""
    shared = {"name": record.name, "type": record.config.driver}
    events.add(tx, "network", action, record.id, {**shared, **attributes}, time_ns)


def _record(row: sqlite3.Row) -> NetworkRecord:
    return NetworkRecord(
        row["id"],
        row["name"],
        row["created_ns"],
        NetworkConfig.from_json(json.loads(row["config"])),
    )
