"""Connections, transactions and the schema."""

from __future__ import annotations

import gc
import os
import sqlite3
import sys
import threading
from contextlib import suppress

import pytest

from ipycontainer.errors import ResourceError, Unsupported
from ipycontainer.store import database, events, images, schema
from ipycontainer.store.bell import Bell
from ipycontainer.store.database import Store, Transaction
from ipycontainer.store.home import Home
from tests import rows


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    """An exception undoes the whole block."""
    with suppress(RuntimeError), store.write() as tx:
        images.add(tx, rows.image())
        raise RuntimeError

    with store.read() as tx:
        assert images.list_all(tx) == []


def test_the_bell_rings_for_events_alone_and_after_the_commit(store: Store) -> None:
    """A watcher that is woken finds the event."""
    with store.read() as tx:
        events.last_row(tx)
    with Bell(store.home.bell) as bell:
        with store.write() as tx:
            images.add(tx, rows.image())
        silent = bell.wait(0)
        with store.write() as tx:
            images.tag(tx, rows.image().id, "a:1")
            early = bell.wait(0)
        rung = bell.wait(0)

    assert (silent, early, rung) == (False, False, True)


def test_a_home_of_a_newer_version_is_refused_by_name(store: Store) -> None:
    """It says which schema it found, and nothing is changed."""
    with store.write() as tx:
        tx.execute("PRAGMA user_version")
    store.close()
    with sqlite3.connect(store.home.database) as raw:
        raw.execute(f"PRAGMA user_version={schema.VERSION + 1}")
    raw.close()

    with pytest.raises(Unsupported, match=f"schema {schema.VERSION + 1}"), store.read():
        pass


def test_a_home_of_an_older_version_is_brought_up_to_date(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the missing steps run, and the rows stay."""
    with store.write() as tx:
        images.add(tx, rows.image())
    store.close()
    steps = (*schema.STEPS, "CREATE TABLE later (id INTEGER);\nALTER TABLE images ADD COLUMN x;")
    monkeypatch.setattr(schema, "STEPS", steps)
    monkeypatch.setattr(schema, "VERSION", len(steps))

    with store.read() as tx:
        assert tx.all("SELECT * FROM later") == []
        assert [image.id for image in images.list_all(tx)] == [rows.image().id]


def test_a_connection_that_is_kept_is_of_the_home_that_is_there(store: Store) -> None:
    """One that was removed and made again has none of the rows of the first."""
    with store.write() as tx:
        images.add(tx, rows.image())
    for path in store.home.root.glob(f"{store.home.database.name}*"):
        path.unlink()

    with store.read() as tx:
        assert images.list_all(tx) == []


def test_a_damaged_database_is_one_error(store: Store) -> None:
    """Not a traceback of sqlite3's."""
    store.home.database.write_bytes(b"no database" * 100)

    with pytest.raises(ResourceError, match=r"cannot read .*state\.db"), store.read():
        pass


def test_each_thread_has_its_own_connection(store: Store) -> None:
    """A writer in one thread is not seen by a reader in another until it commits."""
    seen: list[int] = []

    def look() -> None:
        with store.read() as tx:
            seen.append(len(images.list_all(tx)))
        store.close()

    def in_thread() -> None:
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    with store.write() as tx:
        images.add(tx, rows.image())
        in_thread()
    in_thread()

    assert seen == [0, 1]


def test_a_closed_store_opens_again(store: Store) -> None:
    """Who forks closes before, and goes on."""
    with store.write() as tx:
        images.add(tx, rows.image())
    store.close()
    store.close()

    with store.read() as tx:
        assert len(images.list_all(tx)) == 1


def test_a_locked_database_is_an_error_in_the_end(
    store: Store, bare_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the busy timeout the caller learns what is locked."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    other = Store(bare_home)
    with store.write(), pytest.raises(ResourceError, match="is locked"), other.write():
        pass
    other.close()


def test_a_thread_that_ends_leaves_no_connection(store: Store) -> None:
    """Nor a warning of one that was not closed."""
    sizes: list[int] = []

    def look() -> None:
        with store.read() as tx:
            images.list_all(tx)
        sizes.append(len(os.listdir("/proc/self/fd")))

    for _ in range(3):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    assert sizes[1:] == sizes[:1] * 2


def fill(tx: Transaction) -> None:
    """Write more than fits into the pages that the file may have."""
    tx.execute("PRAGMA max_page_count = 1")
    for number in range(1000):
        events.add(tx, "image", "tag", "x" * 4000, {}, number)


def test_a_store_among_garbage_leaves_no_connection(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor a warning of one that was not closed, where it is a part of a circle of objects."""
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    other = Store(store.home)
    with other.read() as tx:
        circle: list[object] = [tx, other]
    circle.append(circle)
    del other, tx, circle
    gc.collect()
    assert told == []


def test_a_full_disk_is_one_error(store: Store) -> None:
    """With nothing of the transaction kept."""
    with store.write() as tx:
        images.add(tx, rows.image())
    full = pytest.raises(ResourceError, match=r"write .*/state.db: no space left on device")
    with full, store.write() as tx:
        fill(tx)

    with store.read() as tx:
        assert events.since(tx, 0) == []
        assert len(images.list_all(tx)) == 1
