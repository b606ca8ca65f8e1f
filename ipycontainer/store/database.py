"""Connections and transactions on a home's SQLite file.

Everything that is kept is written inside `with store.write() as tx`; the statements themselves
stand in the modules by noun (containers, images, events, monitor_statements), each taking the
`Transaction`. Below it stand the schema and the bell.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ipycontainer import faults
from ipycontainer.errors import EngineError, HomeDamaged, ResourceError, Unsupported
from ipycontainer.store import bell, disk_reserve, schema
from ipycontainer.store.home import Home

__all__ = ["BUSY_SECONDS", "Store", "Transaction"]

BUSY_SECONDS = 30.0  # how long a writer waits for the others

_Value = str | int | float | bytes | None


class Transaction:
    """What statements run on: the only writer from `Store.write`, a snapshot from `Store.read`.

    `has_event` is set by `events.add`; the bell is then rung after the commit.
    """

    __slots__ = ("_connection", "has_event")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.has_event = False

    def execute(self, statement: str, values: Sequence[_Value] = ()) -> int:
        """Run a statement that changes rows, and return how many it changed."""
        return self._connection.execute(statement, values).rowcount

    def one(self, statement: str, values: Sequence[_Value] = ()) -> sqlite3.Row | None:
        """Return the first row of a question, None without one."""
        row: sqlite3.Row | None = self._connection.execute(statement, values).fetchone()
        return row

    def all(self, statement: str, values: Sequence[_Value] = ()) -> list[sqlite3.Row]:
        """Return all rows of a question."""
        return self._connection.execute(statement, values).fetchall()

    def scalar(self, statement: str, values: Sequence[_Value] = ()) -> Any:
        """Return the first column of the first row, None without one."""
        row = self._connection.execute(statement, values).fetchone()
        return None if row is None else row[0]


class Store:
    """The database of a home, usable from any thread: each gets a connection of its own.

    The file is opened by the first transaction. A connection must not cross a fork: who forks
    calls `close` before, and goes on using the store afterwards.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self._local = threading.local()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Run a block as one transaction: committed at its end, undone by an exception.

        BEGIN IMMEDIATE takes the write lock first: a plain BEGIN that turns into a writer later
        fails at once under contention, whatever the timeout (measured: 2,264 of 3,200 lost).
        Waits up to 30 s for other writers, then raises ResourceError, as it does where the disk is
        full although the home's reserve was given up.
        """
        disk_reserve.give_up_where_full(self.home)
        connection = self._connection()
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise ResourceError(f"the state of {self.home.root} is locked: {error}") from error
        transaction = Transaction(connection)
        try:
            yield transaction
            faults.point("commit")
            connection.execute("COMMIT")
        except BaseException as error:
            # A full disk has undone the transaction already (sqlite.org/lang_transaction.html).
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.DatabaseError) and _is_damage(error):
                raise damaged(self.home, error) from error
            if isinstance(error, sqlite3.OperationalError):
                raise _unwritten(self.home, error) from error
            raise
        # It is done whatever comes now: who is told of an error here would undo what stands.
        with suppress(OSError):
            faults.point("committed")
            if transaction.has_event:
                bell.ring(self.home.bell)

    @contextmanager
    def rehearse(self) -> Iterator[Transaction]:
        """Run a block as `write` does, and undo it: the next time nothing of it is new."""
        with suppress(_Rehearsed), self.write() as tx:
            yield tx
            raise _Rehearsed

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Run a block of questions on one snapshot of the database. Never waits for a writer."""
        connection = self._connection()
        connection.execute("BEGIN")
        try:
            yield Transaction(connection)
        except sqlite3.DatabaseError as error:
            if _is_damage(error):
                raise damaged(self.home, error) from error
            raise
        finally:
            if connection.in_transaction:
                connection.execute("COMMIT")

    def renew(self) -> None:
        """Have an open connection, for who keeps one while nobody asks."""
        self._connection()

    def close(self) -> None:
        """Close this thread's connection; the next transaction opens another."""
        self._local.open = None

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection, to the file that is at its place by now.

        A home may be removed and made again: who has the old file open would read what was.
        """
        held: _Open | None = getattr(self._local, "open", None)
        if held is None or not held.is_current():
            self.close()
            held = self._local.open = _Open(_open(self.home), self.home)
        return held.connection


class _Rehearsed(Exception):
    """Ends a transaction that must leave nothing."""


class _Open:
    """A thread's connection, closed when the thread ends: by itself it would only be a warning."""

    __slots__ = ("__weakref__", "_file", "_path", "connection")

    def __init__(self, connection: sqlite3.Connection, home: Home) -> None:
        self.connection = connection
        # A __del__ may come after that of the connection, where both are garbage of one circle.
        weakref.finalize(self, connection.close)
        self._path = home.database
        self._file = self._at_place()

    def is_current(self) -> bool:
        """Tell whether it is the file at its place."""
        try:
            return self._at_place() == self._file
        except FileNotFoundError:
            return False

    def _at_place(self) -> tuple[int, int]:
        found = os.stat(self._path)
        return found.st_dev, found.st_ino


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    # the lowest byte is the kind (sqlite.org/rescode.html); a file that was cut is read short
    kind = error.sqlite_errorcode & 0xFF
    cut = error.sqlite_errorcode == sqlite3.SQLITE_IOERR_SHORT_READ
    return cut or kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def damaged(home: Home, error: sqlite3.DatabaseError) -> EngineError:
    """Return what is to be said of a database that cannot be read."""
    if not home.root.exists():
        return HomeDamaged(
            f"the home {home.root} was removed", hint="connect to it again: ipycontainer.connect()"
        )
    return HomeDamaged(
        f"cannot read {home.database}: {error} (ipycontainer doctor says how to go on)",
        hint="a backup can take its place, or: ipycontainer system reset --force "
        "ends what runs and removes the home",
    )


def _unwritten(home: Home, error: sqlite3.OperationalError) -> ResourceError:
    """Return why a transaction failed; the next one gets the reserve, where the disk is full."""
    if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
        disk_reserve.give_up(home)
        return ResourceError(
            f"write {home.database}: no space left on device",
            hint="rm of a container and system prune give room back",
        )
    return ResourceError(f"cannot write {home.database}: {error}")


def _open(home: Home) -> sqlite3.Connection:
    """Open the file and bring it to our schema.

    What stays in the file (the journal's mode, the tables) is set once, so that opening is cheap.
    Raises Unsupported, by name, for a home that a newer version has written.
    """
    disk_reserve.give_up_where_full(home)
    try:
        connection = sqlite3.connect(
            home.database,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            cached_statements=64,
            # What is left of a thread may be cleared away by another; two never use one.
            check_same_thread=False,
        )
    except sqlite3.OperationalError as error:
        raise damaged(home, error) from error
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        version = _version(connection)
        if version < schema.VERSION:
            _migrate(connection, home)
        elif version > schema.VERSION:
            raise Unsupported(
                f"{home.root} was written by a newer ipycontainer "
                f"(schema {version}, this one knows {schema.VERSION})",
                hint="pip install --upgrade ipycontainer",
            )
    except sqlite3.DatabaseError as error:
        connection.close()
        if _is_damage(error):
            raise damaged(home, error) from error
        raise ResourceError(f"cannot open {home.database}: {error}") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _migrate(connection: sqlite3.Connection, home: Home) -> None:
    # The change to WAL answers SQLITE_BUSY at once to the second of two that try, busy timeout or
    # not: so one at a time, by a lock of its own.
    with open(home.setup_lock, "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("BEGIN IMMEDIATE")
        try:
            for number, step in enumerate(schema.STEPS):
                if _version(connection) <= number:
                    for statement in _statements(step):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version={number + 1}")
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
    home.database.chmod(0o600)


def _statements(script: str) -> Iterator[str]:
    """Yield a script's statements: executescript would commit what went before."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
