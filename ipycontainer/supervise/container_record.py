"""What a monitor writes of its container as a whole: that it runs, failed, ended, is gone.

Each call is one transaction with its events (store.monitor_statements). The database is open only
between forks: whoever forks closes the store before.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

from ipycontainer import faults
from ipycontainer.errors import EngineError, NoSuchContainer, ResourceError, StepFailed
from ipycontainer.linux import procfs
from ipycontainer.model.oci import ANNOTATION_VOLUMES, Spec
from ipycontainer.storage import removal, snapshots, trash, vacated, volumes
from ipycontainer.store import containers, monitor_statements
from ipycontainer.store.database import Store, Transaction
from ipycontainer.store.home import Home
from ipycontainer.store.monitor_statements import CAME_AND_LEFT
from ipycontainer.supervise import wording
from ipycontainer.supervise.container_networks import Connection
from ipycontainer.supervise.processes import SIGNALLED

__all__ = ["Beginning", "End", "Record"]


@dataclass(frozen=True, slots=True)
class End:
    """How a run has ended. `restart_count` is None where no other one follows."""

    code: int
    out_of_memory: bool
    restart_count: int | None
    connected: bool
    by_stop: bool


class Beginning:
    """A transaction that says a container runs, open while its program is being executed.

    So it costs no time of its own. One that is neither kept nor dropped ends with the process.
    """

    def __init__(self, record: Record, restart_count: int, *, attached: bool) -> None:
        self._record = record
        self._restart_count = restart_count
        record.attached = attached
        self._open: AbstractContextManager[bool] | None = None
        self._known = False

    def write(self, pid: int) -> None:
        """Write the row, unless it is written; nobody sees it yet."""
        if self._open is not None:
            return
        self._open = self._record.started(pid, self._restart_count)
        self._known = self._open.__enter__()

    def drop(self) -> None:
        """Undo what is written; nothing is fine."""
        if self._open is not None:
            opened, self._open = self._open, None
            with suppress(_Dropped):
                opened.__exit__(_Dropped, _Dropped(), None)

    def keep(self, pid: int) -> bool:
        """Let it be seen; False when the container was removed between the request and now."""
        self.write(pid)
        try:
            self._close()
        except ResourceError:  # the program has filled the disk: the next try gets the reserve
            self.write(pid)
            self._close()
        return self._known

    def _close(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            opened.__exit__(None, None, None)


class _Dropped(Exception):
    """Ends a transaction that is not to be kept."""


class Record:
    """The rows and files of one container. `failure` is docker's sentence for a step that fails.

    `attached`: somebody watches its start.
    """

    def __init__(self, home: Home, store: Store, container_id: str, failure: str) -> None:
        self._home = home
        self._store = store
        self._id = container_id
        self._failure = failure
        self.attached = False

    @contextmanager
    def started(self, pid: int, restart_count: int) -> Iterator[bool]:
        """Say that it runs; False when it was removed between the request and now."""
        with self._store.write() as tx:
            yield monitor_statements.started(
                tx,
                self._id,
                pid,
                procfs.start_ticks(pid),
                procfs.boot_id(),
                time.time_ns(),
                restart_count,
                attached=self.attached,
            )

    def happened(self, action: str, **attributes: str) -> None:
        """Say what a client did that changes nothing in the row."""
        with suppress(EngineError, OSError), self._store.write() as tx:
            monitor_statements.happened(tx, self._id, action, time.time_ns(), **attributes)

    def executes(self, exec_id: str, line: str) -> None:
        """Say what is executed in it."""
        with suppress(EngineError, OSError), self._store.write() as tx:
            monitor_statements.execution_began(tx, self._id, exec_id, line, time.time_ns())

    def could_not_execute(self, exec_id: str, line: str) -> None:
        """Say that something was to be executed in it that could not."""
        with suppress(EngineError, OSError), self._store.write() as tx:
            monitor_statements.could_not_execute(tx, self._id, exec_id, line, time.time_ns())

    def rehearse_execution(self) -> None:
        """Do what `executes` does and leave nothing: the next time it is fast."""
        with suppress(EngineError, OSError), self._store.rehearse() as tx:
            monitor_statements.execution_began(tx, self._id, "", "", time.time_ns())

    def executed(self, exec_id: str, code: int) -> None:
        """Say how it has ended."""
        with suppress(EngineError, OSError), self._store.write() as tx:
            monitor_statements.executed(tx, self._id, exec_id, code, time.time_ns())

    def failed(self, error: EngineError, connection: Connection | None) -> None:
        """Keep why it could not start, a failed step as docker words it, and let go of networks."""
        told = error.message
        if isinstance(error, StepFailed):
            told = wording.sentence(self._failure, error.message)
        code = error.run_code
        if code == EngineError.run_code:
            code = wording.start_code(error.message, SIGNALLED)
        with self._store.write() as tx:
            monitor_statements.failed(
                tx,
                self._id,
                code,
                told,
                time.time_ns(),
                CAME_AND_LEFT if connection is None else connection.reached,
                attached=self.attached,
            )
            monitor_statements.released(tx, self._id, time.time_ns())

    def health_changed(self, status: str) -> None:
        """Say that its health is another one by now."""
        with self._store.write() as tx:
            monitor_statements.health_changed(tx, self._id, status, time.time_ns())

    def given_up(self, *, by_stop: bool) -> None:
        """Say that it will not begin again after all."""
        with self._store.write() as tx:
            monitor_statements.given_up(tx, self._id, by_stop, time.time_ns())

    def ended(self, end: End) -> None:
        """Say that it has ended, and what that means for it."""
        with self._store.write() as tx:
            self._tell(tx, end)

    def let_go_of_volumes(self, spec: Spec) -> None:
        """Unmount the volumes of this container that are mounted and that no other one has."""
        if names := spec.annotations.get(ANNOTATION_VOLUMES):
            volumes.unmount_unused(self._home, self._store, json.loads(names), self._id)

    def remove(self, end: End, successor: str = "", *, volumes: bool) -> bool:
        """Remove what the container wrote, and its row: end and removal in one transaction.

        With `volumes` its anonymous ones go too.

        Tells whether its directories are kept, empty, for a `successor` (storage.vacated). Killed
        before it, the row still says running without a lock, and repair finishes the work; killed
        after it, what is left lies in the trash.
        """
        trashed = snapshots.put_away(self._home, self._id, successor)
        try:
            faults.point("monitor: discarded")
            removal.forget(
                self._home,
                self._store,
                self._id,
                volumes=volumes,
                first=lambda tx: self._tell(tx, end),
            )
        except BaseException:
            if self._is_known():
                snapshots.take_back(self._home, self._id, trashed)
            else:
                trash.delete(self._home, trashed)
            raise
        if successor:
            return vacated.vacate(self._home, trashed)
        trash.delete(self._home, trashed)
        return False

    def _is_known(self) -> bool:
        try:
            with self._store.read() as tx:
                containers.get(tx, self._id)
        except NoSuchContainer:
            return False
        return True

    def _tell(self, tx: Transaction, end: End) -> None:
        now = time.time_ns()
        monitor_statements.exited(tx, self._id, end.code, "", end.out_of_memory, now)
        if end.restart_count is not None:
            monitor_statements.restarting(tx, self._id, end.restart_count)
        if end.connected:
            monitor_statements.released(tx, self._id, time.time_ns())
        if end.by_stop:
            monitor_statements.stopped(tx, self._id, time.time_ns())
