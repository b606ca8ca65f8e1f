"""The process of a monitor: it holds the container's lock and lives as long as its `Monitor`."""

from __future__ import annotations

import os

from ipycontainer.errors import Conflict
from ipycontainer.linux import syscalls
from ipycontainer.store import liveness
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from ipycontainer.supervise.monitor import Monitor
from ipycontainer.supervise.prepared import Prepared
from ipycontainer.supervise.protocol import Channel, Message

__all__ = ["main"]

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
    request = message.body
    try:
        lock = liveness.hold(home.lock(str(request["id"])), PATIENCE_SECONDS)
    except BlockingIOError:
        error = Conflict(f"container {str(request['id'])[:12]} is being started already")
        channel.send({"event": "failed", "error": error.to_wire()})
        return 1
    syscalls.prctl(PR_SET_CHILD_SUBREAPER, 1)
    comm = os.open("/proc/self/comm", os.O_WRONLY | os.O_CLOEXEC)  # what ps and top show
    os.write(comm, b"ipyc-" + str(request["id"])[:10].encode())
    os.close(comm)
    prepared = prepared or Prepared(Store(home), os.pipe(), os.pipe())
    monitor = Monitor(home, request, seccomp, prepared.store)
    if monitor.start(channel, message, prepared):
        monitor.serve()
    # In this order: whoever sees the end of a connection, or no socket, finds the lock free.
    lock.release()
    monitor.leave()
    return 0
