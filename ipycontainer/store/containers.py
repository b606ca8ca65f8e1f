"""Containers: the statements that the engine runs on their rows.

The engine writes what is wanted and never `running`: what happened to a container is written by its
monitor (store.monitor_statements). Every function takes a `Transaction` of `Store.write`, or of
`Store.read` where it only asks.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import lru_cache

from ipycontainer.errors import (
    AmbiguousId,
    Conflict,
    ImageNotFound,
    InvalidArgument,
    NameInUse,
    NoSuchContainer,
)
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.ids import check_name
from ipycontainer.model.state import (
    DEFAULT_DRIVER,
    ContainerRecord,
    ContainerState,
    Overlay,
    Status,
)
from ipycontainer.store import events
from ipycontainer.store.database import Transaction

__all__ = [
    "add",
    "check_free",
    "configure",
    "find",
    "get",
    "keep_endpoints",
    "list_all",
    "mark_removing",
    "remove",
    "rename",
    "tell",
    "using_image",
]

_COLUMNS = (
    "id, name, image_id, config, overlays, created_ns, status, pid, start_ticks, boot_id,"
    " exit_code, error, oom, started_ns, finished_ns, restart_count"
)


def add(tx: Transaction, record: ContainerRecord) -> None:
    """Add a new container, take its name, and keep the layers of its image from being removed.

    Raises NameInUse (docker's words, with the holder's id) and ImageNotFound when the image went
    away meanwhile; `host` needs its row like any other (`images.add`, in the same transaction).
    """
    check_name(record.name)
    if tx.one("SELECT 1 FROM images WHERE id = ?", (record.image_id,)) is None:
        raise ImageNotFound(f"No such image: {record.image_id}")
    check_free(tx, record.name)
    state = record.state
    tx.execute(
        f"INSERT INTO containers ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            record.id,
            record.name,
            record.image_id,
            json.dumps(record.config.to_json(), separators=(",", ":")),
            json.dumps([asdict(overlay) for overlay in record.overlays], separators=(",", ":")),
            record.created_ns,
            state.status.value,
            state.pid,
            state.start_ticks,
            state.boot_id,
            state.exit_code,
            state.error,
            int(state.oom_killed),
            state.started_ns,
            state.finished_ns,
            record.restart_count,
        ),
    )
    tx.execute(
        "INSERT OR IGNORE INTO container_layers (container_id, chain_id)"
        " SELECT ?, chain_id FROM image_layers WHERE image_id = ?",
        (record.id, record.image_id),
    )
    tell(tx, record, "create", record.created_ns)


def get(tx: Transaction, container_id: str) -> ContainerRecord:
    """Return the container with this full id. Raises NoSuchContainer."""
    row = tx.one(f"SELECT {_COLUMNS} FROM containers WHERE id = ?", (container_id,))
    if row is None:
        raise NoSuchContainer(f"No such container: {container_id}")
    return _record(row)


def find(tx: Transaction, ref: str) -> ContainerRecord:
    """Return the container that a user's word means: full id, exact name, then prefix of an id.

    Names never match by a prefix; one leading slash is dropped, as docker does. `CONTAINER/ALIAS`
    is what a link of that container leads to. Raises NoSuchContainer, or InvalidArgument for a
    prefix that several ids have.
    """
    if not ref:
        raise InvalidArgument('invalid name or ID supplied: ""')
    name = ref.removeprefix("/")
    row = (
        tx.one(f"SELECT {_COLUMNS} FROM containers WHERE id = ?", (ref,))
        or _named(tx, name)
        or _behind_link(tx, name)
    )
    if row is not None:
        return _record(row)
    # Between the prefix and the prefix with a character above every hex digit after it: a range of
    # the primary key, where LIKE would read each row.
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM containers WHERE id >= ? AND id < ? LIMIT 2", (ref, ref + "g")
    )
    if len(rows) > 1:
        raise AmbiguousId(f"multiple IDs found with provided prefix: {ref}")
    if not rows:
        raise NoSuchContainer(f"No such container: {ref}")
    return _record(rows[0])


def _named(tx: Transaction, name: str) -> sqlite3.Row | None:
    return tx.one(f"SELECT {_COLUMNS} FROM containers WHERE name = ?", (name,))


def _behind_link(tx: Transaction, path: str) -> sqlite3.Row | None:
    """Return the row of what a link leads to: on the default bridge docker makes names of links."""
    holder, _, alias = path.rpartition("/")
    row = _named(tx, holder) if holder else None
    links = () if row is None else _config(row["config"]).bridge_links
    return next((_named(tx, name) for name, own in links if own == alias), None)


def list_all(tx: Transaction, statuses: Iterable[Status] | None = None) -> list[ContainerRecord]:
    """Return the containers, newest first; only those in `statuses`, where given."""
    if statuses is None:
        rows = tx.all(f"SELECT {_COLUMNS} FROM containers ORDER BY created_ns DESC, id")
    else:
        wanted = [status.value for status in statuses]
        marks = ",".join("?" * len(wanted))
        rows = tx.all(
            f"SELECT {_COLUMNS} FROM containers WHERE status IN ({marks})"
            " ORDER BY created_ns DESC, id",
            wanted,
        )
    return [_record(row) for row in rows]


def using_image(tx: Transaction, image_id: str) -> list[ContainerRecord]:
    """Return the containers that stand on an image, newest first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM containers WHERE image_id = ? ORDER BY created_ns DESC, id",
        (image_id,),
    )
    return [_record(row) for row in rows]


def rename(tx: Transaction, container_id: str, name: str) -> None:
    """Give a container another name.

    Raises InvalidArgument, NameInUse and NoSuchContainer in docker's words for `rename`.
    """
    record = get(tx, container_id)
    name = name.removeprefix("/")
    if not name:
        raise InvalidArgument("Neither old nor new names may be empty")
    if record.name == name:
        raise InvalidArgument("Renaming a container with the same name as its current name")
    try:
        check_name(name, shown=f"/{name}")
        check_free(tx, name)
    except (InvalidArgument, NameInUse) as error:
        raise type(error)(f"Error when allocating new name: {error.message}") from None
    tx.execute("UPDATE containers SET name = ? WHERE id = ?", (name, container_id))
    _follow(tx, record.name, name)
    tell(tx, get(tx, container_id), "rename", time.time_ns(), oldName=f"/{record.name}")


def _follow(tx: Transaction, old: str, new: str) -> None:
    """Let the links of the default bridge that lead to a renamed container go on doing so."""
    for row in tx.all("SELECT id, config FROM containers WHERE config LIKE '%\"links\":%'"):
        config = _config(row["config"])
        pairs = config.bridge_links
        if any(name == old for name, _ in pairs):
            links = tuple(f"{new if name == old else name}:{own}" for name, own in pairs)
            keep_endpoints(tx, row["id"], replace(config, links=links))


def configure(tx: Transaction, container_id: str, config: ContainerConfig) -> None:
    """Keep a changed configuration, and tell (`update`). Raises NoSuchContainer."""
    text = json.dumps(config.to_json(), separators=(",", ":"))
    tx.execute("UPDATE containers SET config = ? WHERE id = ?", (text, container_id))
    tell(tx, get(tx, container_id), "update", time.time_ns())


def keep_endpoints(tx: Transaction, container_id: str, config: ContainerConfig) -> None:
    """Keep a configuration in which only the networks have changed; the network tells of it."""
    text = json.dumps(config.to_json(), separators=(",", ":"))
    tx.execute("UPDATE containers SET config = ? WHERE id = ?", (text, container_id))


def mark_removing(tx: Transaction, container_id: str) -> ContainerRecord:
    """Say that a stopped container is being removed, so that nobody starts it meanwhile.

    A remover that dies here leaves a row that the next one (or the sweep of a connect) finishes.
    Raises Conflict for one that lives, NoSuchContainer.
    """
    record = get(tx, container_id)
    if record.state.status.alive:
        raise Conflict(f"container {container_id} is {record.state.status}")
    tx.execute(
        "UPDATE containers SET status = ? WHERE id = ?", (Status.REMOVING.value, container_id)
    )
    return record


def remove(tx: Transaction, container_id: str, time_ns: int | None = None) -> bool:
    """Remove a container's row, free its name, and tell (`destroy`). False when it was gone."""
    try:
        record = get(tx, container_id)
    except NoSuchContainer:
        return False
    tx.execute("DELETE FROM containers WHERE id = ?", (container_id,))
    tell(tx, record, "destroy", time.time_ns() if time_ns is None else time_ns)
    return True


def tell(
    tx: Transaction, record: ContainerRecord, action: str, time_ns: int, **attributes: str
) -> None:
    """Add an event of a container, with docker's attributes: labels, image, name and the given."""
    shared = {**record.config.labels, "image": record.config.image, "name": record.name}
    events.add(tx, "container", action, record.id, {**shared, **attributes}, time_ns)


def check_free(tx: Transaction, name: str) -> None:
    """Raise NameInUse, in docker's words, for a name that a container has."""
    holder = tx.scalar("SELECT id FROM containers WHERE name = ?", (name,))
    if holder is not None:
        raise NameInUse(
            f'Conflict. The container name "/{name}" is already in use by container "{holder}".'
            " You have to remove (or rename) that container to be able to reuse that name."
        )


def _record(row: sqlite3.Row) -> ContainerRecord:
    return ContainerRecord(
        id=row["id"],
        name=row["name"],
        image_id=row["image_id"],
        created_ns=row["created_ns"],
        config=_config(row["config"]),
        state=ContainerState(
            status=Status(row["status"]),
            pid=row["pid"],
            start_ticks=row["start_ticks"],
            boot_id=row["boot_id"],
            exit_code=row["exit_code"],
            error=row["error"],
            oom_killed=bool(row["oom"]),
            started_ns=row["started_ns"],
            finished_ns=row["finished_ns"],
        ),
        overlays=_overlays(row["overlays"]),
        restart_count=row["restart_count"],
    )


# Kept, since a life reads the same row half a dozen times, each in a transaction of its own.
@lru_cache(maxsize=16)
def _config(text: str) -> ContainerConfig:
    return ContainerConfig.from_json(json.loads(text))


@lru_cache(maxsize=16)
def _overlays(text: str) -> tuple[Overlay, ...]:
    return tuple(
        Overlay(
            each["target"],
            tuple(each["lowers"]),
            each["upper"],
            each["work"],
            each.get("driver", DEFAULT_DRIVER),
        )
        for each in json.loads(text)
    )
