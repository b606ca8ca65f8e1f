"""The process of a monitor: it holds the container's lock and lives as long as its `Monitor`."""

from __future__ import annotations

import os
from contextlib import suppress

from ipycontainer.errors import BeingStarted
from ipycontainer.linux import syscalls
from ipycontainer.store import liveness
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from ipycontainer.supervise.monitor import Monitor
from ipycontainer.supervise.prepared import Prepared
from ipycontainer.supervise.protocol import Channel, Message

__all__ = ["main", "run"]

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h: what an exec leaves behind becomes our child
PATIENCE_SECONDS = 0.5  # for a repair that looks at a stopped container; a monitor's lock stays


def main(
    home: Home,
    channel: Channel,
    message: Message,
    seccomp: bytes,
    prepared: Prepared | None = None,
) -> int:
    """Run the monitor that `message` asks for, talking on `channel`; return its own exit code."""
    return 1 if run(home, channel, message, seccomp, prepared) is None else 0


def run(
    home: Home,
    channel: Channel,
    message: Message,
    seccomp: bytes,
    prepared: Prepared | None = None,
) -> Monitor | None:
    """Do what `main` does, and return the monitor, whose container has ended; None for none."""
    with suppress(OSError):  # who asked has left; it runs nevertheless
        channel.send({"event": "taken"})
    request = message.body
    container_id = str(request["id"])
    prepared = prepared or Prepared(Store(home), os.pipe(), os.pipe())
    reservation, sandbox = prepared.reservation, prepared.sandbox
    if reservation is not None and (reservation.id != container_id or not reservation.stands()):
        reservation.give_back(home, prepared.store, asked=reservation.id == container_id)
        reservation = None
    if reservation is not None:
        sandbox = reservation.sandbox
    try:
        lock = liveness.hold(home.lock(container_id), PATIENCE_SECONDS)
    except BlockingIOError:
        error = BeingStarted(f"container {container_id[:12]} is being started already")
        channel.send({"event": "failed", "error": error.to_wire()})
        return None
    ends = prepared.ends(wants_input=bool(request.get("open_stdin")))
    # Before anything else: init works while we go on with our own preparations.
    begun = sandbox is not None and sandbox.begin(str(home.container(container_id)), ends.program)
    syscalls.prctl(PR_SET_CHILD_SUBREAPER, 1)
    syscalls.set_name(f"ipyc-{container_id[:10]}")  # what ps and top show
    monitor = Monitor(home, request, seccomp, prepared.store)
    if monitor.start(channel, message, ends, sandbox if begun else None):
        monitor.serve(prepared.let_go_of_mould)
    monitor.learn()
    # In this order: no name is taken from the next monitor, which begins when the lock is free,
    # and whoever sees the end of a connection finds it free.
    monitor.hide()
    lock.release()
    monitor.leave()
    return monitor
