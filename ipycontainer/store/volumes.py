"""Volumes: rows of volumes, and which containers they are part of.

Only rows: the directories are made and thrown away by storage.volumes, inside the transactions that
write the rows, so that a name and its content come and go together. Docker's words in the errors.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping

from ipycontainer.errors import NoSuchVolume, VolumeInUse
from ipycontainer.model.state import ContainerRecord
from ipycontainer.model.volume import DRIVER, VolumeRecord
from ipycontainer.store import events
from ipycontainer.store.database import Transaction

__all__ = ["add", "attach", "find", "get", "list_all", "names", "remove", "tell", "tell_all"]


def add(tx: Transaction, record: VolumeRecord) -> None:
    """Add a new volume, and tell (`create`)."""
    tx.execute(
        "INSERT INTO volumes (name, anonymous, created_ns, labels, options) VALUES (?,?,?,?,?)",
        (
            record.name,
            int(record.anonymous),
            record.created_ns,
            _json(record.labels),
            _json(record.options),
        ),
    )
    tell(tx, record.name, "create")


def attach(tx: Transaction, container_id: str, volumes: Iterable[str]) -> None:
    """Say that volumes are part of a container, so that they stay as long as it does."""
    for name in volumes:
        tx.execute(
            "INSERT OR IGNORE INTO container_volumes (container_id, volume) VALUES (?,?)",
            (container_id, name),
        )


def get(tx: Transaction, name: str) -> VolumeRecord:
    """Return the volume with this name. Raises NoSuchVolume."""
    found = find(tx, name)
    if found is None:
        raise NoSuchVolume(f"get {name}: no such volume")
    return found


def find(tx: Transaction, name: str) -> VolumeRecord | None:
    """Return the volume with this name, None where there is none."""
    row = tx.one("SELECT * FROM volumes WHERE name = ?", (name,))
    if row is None:
        return None
    users = tx.all("SELECT container_id FROM container_volumes WHERE volume = ?", (name,))
    return _record(row, tuple(user["container_id"] for user in users))


def list_all(tx: Transaction) -> list[VolumeRecord]:
    """Return all volumes, by name."""
    users: dict[str, list[str]] = {}
    for row in tx.all("SELECT volume, container_id FROM container_volumes"):
        users.setdefault(row["volume"], []).append(row["container_id"])
    rows = tx.all("SELECT * FROM volumes ORDER BY name")
    return [_record(row, tuple(users.get(row["name"], ()))) for row in rows]


def names(tx: Transaction) -> set[str]:
    """Return the names of all volumes."""
    return {row["name"] for row in tx.all("SELECT name FROM volumes")}


def remove(tx: Transaction, name: str) -> None:
    """Remove a volume's row, and tell (`destroy`). Raises NoSuchVolume, VolumeInUse."""
    record = get(tx, name)
    if record.users:
        raise VolumeInUse(f"remove {name}: volume is in use - [{', '.join(record.users)}]")
    tx.execute("DELETE FROM volumes WHERE name = ?", (name,))
    tell(tx, name, "destroy")


def tell(tx: Transaction, name: str, action: str) -> None:
    """Add an event of a volume."""
    events.add(tx, "volume", action, name, {"driver": DRIVER}, time.time_ns())


def tell_all(tx: Transaction, container: ContainerRecord, action: str, time_ns: int) -> None:
    """Add an event for each place where a container has a volume: `mount`, `unmount`.

    In the order in which they are mounted: what lies deeper comes later.
    """
    points = [point for point in container.config.mounts if point.type == "volume"]
    for point in sorted(points, key=lambda point: point.target.count("/")):
        attributes = {"driver": point.driver or DRIVER, "container": container.id}
        if action == "mount":
            attributes |= {
                "destination": point.target,
                "read/write": "false" if point.read_only else "true",
                "propagation": point.propagation,
            }
        events.add(tx, "volume", action, point.source, attributes, time_ns)


def _json(value: Mapping[str, str]) -> str:
    return json.dumps(dict(value), separators=(",", ":"))


def _record(row: sqlite3.Row, users: tuple[str, ...]) -> VolumeRecord:
    return VolumeRecord(
        name=row["name"],
        created_ns=row["created_ns"],
        anonymous=bool(row["anonymous"]),
        labels=json.loads(row["labels"]),
        options=json.loads(row["options"]),
        users=users,
    )
