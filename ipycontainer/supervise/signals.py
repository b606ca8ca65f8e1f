"""Signals that somebody asks a container's monitor for: `kill`, and `stop` with its grace."""

from __future__ import annotations

import signal
import time
from contextlib import suppress

from ipycontainer.errors import Conflict
from ipycontainer.linux import pidfd
from ipycontainer.store import monitor_statements
from ipycontainer.store.database import Store
from ipycontainer.supervise.clients import Clients
from ipycontainer.supervise.control import Control
from ipycontainer.supervise.loop import Loop
from ipycontainer.supervise.protocol import Channel, Message
from ipycontainer.supervise.restarts import Restarts

__all__ = ["Signals"]


class Signals:
    """Sends them to one program, tells of them, and lets its restart policy know."""

    def __init__(
        self,
        container_id: str,
        loop: Loop,
        clients: Clients,
        store: Store,
        control: Control,
        restarts: Restarts,
    ) -> None:
        self._id = container_id
        self._loop = loop
        self._clients = clients
        self._store = store
        self._control = control
        self._restarts = restarts
        self._pidfd = -1
        self.stopping = False

    def take(self, program: int) -> None:
        """Take over a program by its pidfd."""
        self._pidfd = program

    def send(self, number: int, *, thaw: bool = True) -> None:
        """Send a signal; a paused container goes on, as it would not take it otherwise."""
        with suppress(ProcessLookupError):  # it has just ended: its exit is on the way
            pidfd.send_signal(self._pidfd, number)
        if thaw:
            self._control.go_on()

    def _send_and_tell(self, number: int, *, thaw: bool = True) -> None:
        with self._store.write() as tx:
            monitor_statements.killed(tx, self._id, number, time.time_ns())
        self.send(number, thaw=thaw)

    def kill(self, channel: Channel, message: Message) -> None:
        """Send what a client wants."""
        thaw = bool(message.body.get("thaw", True))
        self._restarts.stopped_by_hand(for_good=thaw)
        self._send_and_tell(int(message.body["signal"]), thaw=thaw)
        self._clients.tell(channel, {"event": "done"})

    def change_policy(self, channel: Channel, message: Message) -> None:
        """Follow another restart policy from now on."""
        self._restarts.change(str(message.body["name"]), int(message.body["limit"]))
        self._clients.tell(channel, {"event": "done"})

    def stop(self, channel: Channel, message: Message) -> None:
        """Ask with a signal, and kill after `grace` seconds; a negative grace waits for ever."""
        self.stopping = True
        self._restarts.stopped_by_hand()
        self._send_and_tell(int(message.body["signal"]))
        grace = float(message.body["grace"])
        if grace >= 0:
            self._loop.at("stop", grace, lambda: self._send_and_tell(signal.SIGKILL))
        self._clients.tell(channel, {"event": "done"})

    def between(self, channel: Channel, message: Message) -> None:
        """Answer while the container waits to begin again: an end is all that can be had."""
        if message.name not in ("signal", "stop"):
            raise Conflict(
                f"Container {self._id} is restarting, wait until the container is running"
            )
        self.stopping = message.name == "stop"
        self._restarts.stopped_by_hand()
        self._clients.tell(channel, {"event": "done"})

    def end(self) -> None:
        """Forget the kill that a stop had put off."""
        self._loop.cancel("stop")
