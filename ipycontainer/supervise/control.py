"""What a monitor does to its container as a whole: pause it, limit it, see its memory run out.

Costs a start nothing: the freezer is touched when somebody asks, and memory is watched where there
is a limit to it. A container without a cgroup is paused by signals.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ipycontainer.errors import Conflict, EngineError, ResourceError, Unsupported
from ipycontainer.linux import cgroups, freezer, limits, oom, processes
from ipycontainer.linux.cgroups import Cgroup
from ipycontainer.model.oci import Spec
from ipycontainer.model.resources import Resources
from ipycontainer.runtime.launch import Launched, is_delegated
from ipycontainer.store import monitor_statements
from ipycontainer.store.database import Store, Transaction
from ipycontainer.supervise.clients import Clients
from ipycontainer.supervise.loop import Loop
from ipycontainer.supervise.protocol import Channel, Message

__all__ = ["Control"]

OOM_CODE = 137  # 128 + SIGKILL, by which the kernel frees memory


class Control:
    """The switches of one container."""

    def __init__(self, container_id: str, loop: Loop, clients: Clients, store: Store) -> None:
        self._id = container_id
        self._loop = loop
        self._clients = clients
        self._store = store
        self._cgroup: Cgroup | None = None
        self._init = 0
        self._paused = False
        self._holder: Channel | None = None
        self._watch: oom.Watch | None = None
        self.ran_out_of_memory = False

    def take(self, container: Launched, spec: Spec, note: Path) -> None:
        """Take over a container that has just been launched.

        Where its cgroup is, is noted where a later zygote could not know.
        """
        self._cgroup = container.cgroup
        self._init = container.pid
        self.ran_out_of_memory = False
        cgroup, resources = container.cgroup, spec.linux.resources
        if cgroup is not None and resources is not None and resources.memory_limit:
            self._watch_memory(cgroup)
        if cgroup is not None and cgroup.is_v2 and is_delegated():
            note.write_text(json.dumps(cgroup.to_json()), encoding="utf-8")

    # ── pause ────────────────────────────────────────────────────────────────────────────────

    def pause(self, channel: Channel, message: Message) -> None:
        """Stop all processes where they stand; with `hold` until who asked for it leaves."""
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
        try:
            self._write(monitor_statements.paused)
        except BaseException:
            # nobody would know of it: they go on, whatever of it is in the row by now
            with suppress(Exception):
                self.go_on()
            raise
        if message.body.get("hold"):
            self._holder = channel
            self._clients.when_gone(channel, lambda: self._holder_left(channel))
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
        self._write(monitor_statements.unpaused)  # where that fails, it can be asked for again
        self._paused = False
        self._holder = None

    def _holder_left(self, channel: Channel) -> None:
        if self._holder is channel:  # else it went on meanwhile, and is paused anew perhaps
            self.go_on()

    # ── limits ───────────────────────────────────────────────────────────────────────────────

    def extended(self, container: Launched, spec: Spec, message: Message) -> Launched:
        """Give a running container the controllers that new limits need; return it with them.

        Apart from the limits: processes are in them, whatever of a limit is refused afterwards.
        Raises Unsupported where it has no cgroup.
        """
        resources = Resources.from_json(message.body["resources"])
        cgroup = container.cgroup
        if cgroup is None or resources is None:
            raise Unsupported("the container has no cgroup that could be limited")
        hierarchies = cgroups.detect()
        for controller in limits.controllers(resources, v2=cgroup.is_v2):
            missing = controller not in cgroup.directories
            # one that the machine lacks is refused by its name where it is limited
            if cgroup.is_v2 or (missing and controller in hierarchies.controllers):
                cgroup = cgroups.add(hierarchies, cgroup, controller, spec.linux.cgroups_path)
        self._cgroup = cgroup
        return replace(container, cgroup=cgroup)

    def limit(self, channel: Channel, message: Message) -> None:
        """Change the limits of a running container. Raises StepFailed in runc's words."""
        resources = Resources.from_json(message.body["resources"])
        assert self._cgroup is not None
        assert resources is not None
        limits.apply(self._cgroup, resources)
        if resources.memory_limit:
            self._watch_memory(self._cgroup)
        self._clients.tell(channel, {"event": "done"})

    @property
    def is_paused(self) -> bool:
        """Tell whether all stands still."""
        return self._paused

    def require_unpaused(self) -> None:
        """Raise Conflict, in docker's words for `exec`, where nothing can run now."""
        if self._paused:
            raise Conflict(f"Container {self._id} is paused, unpause the container before exec")

    def _members(self) -> tuple[int, ...]:
        return processes.members(self._init)

    # ── memory ───────────────────────────────────────────────────────────────────────────────

    def _watch_memory(self, cgroup: Cgroup) -> None:
        """Tell from now on when memory runs out; nothing where nobody counts it."""
        if self._watch is None:
            with suppress(OSError, KeyError):
                self._watch = oom.Watch(cgroup)
                self._loop.watch(self._watch.fd, self._watch.events, self._memory_ran_out)

    def _memory_ran_out(self) -> None:
        if self._watch is not None and self._watch.happened():
            self.ran_out_of_memory = True
            self._write(monitor_statements.ran_out_of_memory)

    def end(self, code: int) -> None:
        """Find out, before the cgroup goes, whether a killed program was killed for its memory."""
        if self._watch is not None:
            self._memory_ran_out()  # both may be ready at once
            self._loop.forget(self._watch.fd)
            self._watch.close()
            self._watch = None
        if code == OOM_CODE and self._cgroup is not None and not self.ran_out_of_memory:
            self.ran_out_of_memory = oom.kills(self._cgroup) > 0

    def _write(self, statement: Callable[[Transaction, str, int], bool]) -> None:
        with suppress(EngineError), self._store.write() as tx:
            statement(tx, self._id, time.time_ns())
