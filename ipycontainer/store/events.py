"""Events: what happened, in docker's terms and in the order of the commits.

Each is written in the transaction of the change that it tells of; watchers read on from the row
that they saw last, woken by the bell.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from ipycontainer.store.database import Transaction

__all__ = ["KEPT_EVENTS", "UNTOLD", "Event", "add", "executing", "last_row", "since", "since_time"]

KEPT_EVENTS = 10_000
_TRIM_EVERY = 500
UNTOLD = ""  # the type of what docker has no event for: no watcher reads it


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `row` only grows; `attributes` are docker's `Actor.Attributes`."""

    row: int
    time_ns: int
    type: str
    action: str
    actor: str
    attributes: Mapping[str, str]


def add(
    tx: Transaction,
    type: str,  # noqa: A002  docker's name
    action: str,
    actor: str,
    attributes: Mapping[str, str],
    time_ns: int,
) -> None:
    """Add an event; the bell rings when its transaction is committed.

    The oldest go when there are more than KEPT_EVENTS (and a few): docker itself keeps 256.
    """
    row = tx.scalar(
        "INSERT INTO events (time_ns, type, action, actor, attributes) VALUES (?, ?, ?, ?, ?)"
        " RETURNING rowid",
        (time_ns, type, action, actor, json.dumps(dict(attributes), separators=(",", ":"))),
    )
    if row % _TRIM_EVERY == 0:
        tx.execute("DELETE FROM events WHERE rowid <= ?", (row - KEPT_EVENTS,))
    tx.has_event = True


def last_row(tx: Transaction) -> int:
    """Return the row of the newest event, 0 before the first: where a watcher begins."""
    return int(tx.scalar("SELECT max(rowid) FROM events") or 0)


def since(tx: Transaction, row: int) -> list[Event]:
    """Return the events after `row`, oldest first."""
    return [
        _event(found)
        for found in tx.all(
            "SELECT * FROM events WHERE rowid > ? AND type != ? ORDER BY rowid", (row, UNTOLD)
        )
    ]


def since_time(tx: Transaction, time_ns: int) -> list[Event]:
    """Return the events at or after a time (nanoseconds since the epoch), oldest first."""
    return [
        _event(found)
        for found in tx.all(
            "SELECT * FROM events WHERE time_ns >= ? AND type != ? ORDER BY rowid",
            (time_ns, UNTOLD),
        )
    ]


def executing(tx: Transaction, container_id: str, time_ns: int) -> list[str]:
    """Return the ids of what was executed in a container since `time_ns` and has not ended."""
    begun: dict[str, None] = {}
    for row in tx.all(
        "SELECT action, attributes FROM events WHERE actor = ? AND time_ns >= ?"
        " AND (action GLOB 'exec_start:*' OR action = 'exec_die') ORDER BY rowid",
        (container_id, time_ns),
    ):
        exec_id = json.loads(row["attributes"])["execID"]
        if row["action"] == "exec_die":
            begun.pop(exec_id, None)
        else:
            begun[exec_id] = None
    return list(begun)


def _event(row: sqlite3.Row) -> Event:
    return Event(
        row=row["rowid"],
        time_ns=row["time_ns"],
        type=row["type"],
        action=row["action"],
        actor=row["actor"],
        attributes=json.loads(row["attributes"]),
    )
