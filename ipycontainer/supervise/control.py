"""What a monitor does to its container as a whole: pause it, and see that its memory ran out.

Costs a start nothing: the freezer is touched when somebody asks, and memory is watched where there
is a limit to it. A container without a cgroup is paused by signals.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from ipycontainer.errors import Conflict, EngineError, ResourceError
from ipycontainer.linux import freezer, oom, processes
from ipycontainer.linux.cgroups import Cgroup
from ipycontainer.runtime.launch import Launched
from ipycontainer.store import monitor_statements
from ipycontainer.store.database import Store, Transaction
from ipycontainer.supervise.clients import Clients
from ipycontainer.supervise.protocol import Channel, Message

__all__ = ["Control"]

OOM_CODE = 137  # 128 + SIGKILL, by which the kernel frees memory


class Control:
    """The switches of one container."""

    def __init__(self, container_id: str, clients: Clients, store: Store) -> None:
        self._id = container_id
        self._clients = clients
        self._store = store
        self._cgroup: Cgroup | None = None
        self._init = 0
        self._paused = False
        self.ran_out_of_memory = False

    def take(self, container: Launched) -> None:
        """Take over a container that has just been launched."""
        self._cgroup = container.cgroup
        self._init = container.pid
        self.ran_out_of_memory = False

    # ── pause ────────────────────────────────────────────────────────────────────────────────

    def pause(self, channel: Channel, _: Message) -> None:
        """Stop all processes where they stand."""
        if self._paused:
            raise Conflict(f"Container {self._id} is already paused")
        try:
            if self._cgroup is not None:
                freezer.freeze(self._cgroup)
            else:
                freezer.stop(self._members)
        except OSError as error:
            raise ResourceError(f"Cannot pause container {self._id}: {error.strerror}") from None
        self._paused = True
        self._write(monitor_statements.paused)
        self._clients.tell(channel, {"event": "done"})

    def unpause(self, channel: Channel, _: Message) -> None:
        """Let the processes go on."""
        if not self._paused:
            raise Conflict(f"Container {self._id} is not paused")
        self.go_on()
        self._clients.tell(channel, {"event": "done"})

    def go_on(self) -> None:
        """Let the processes go on where they were paused."""
        if not self._paused:
            return
        if self._cgroup is not None:
            freezer.thaw(self._cgroup)
        else:
            freezer.go_on(self._members)
        self._paused = False
        self._write(monitor_statements.unpaused)

    def require_unpaused(self) -> None:
        """Raise Conflict, in docker's words for `exec`, where nothing can run now."""
        if self._paused:
            raise Conflict(f"Container {self._id} is paused, unpause the container before exec")

    def _members(self) -> tuple[int, ...]:
        return processes.members(self._init)

    # ── memory ───────────────────────────────────────────────────────────────────────────────

    def end(self, code: int) -> None:
        """Find out, before the cgroup goes, whether a killed program was killed for its memory."""
        if code == OOM_CODE and self._cgroup is not None and not self.ran_out_of_memory:
            self.ran_out_of_memory = oom.kills(self._cgroup) > 0

    def _write(self, statement: Callable[[Transaction, str, int], bool]) -> None:
        with suppress(EngineError), self._store.write() as tx:
            statement(tx, self._id, time.time_ns())
