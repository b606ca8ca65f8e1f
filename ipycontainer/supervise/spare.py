"""A spare monitor: forked ahead, so that a start finds a warm process instead of making one.

It has an init waiting in a sandbox (runtime.sandbox), has touched the pages that a monitor needs,
and becomes the monitor of the next container that the zygote hands to it. It ends with the zygote.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress

from ipycontainer.errors import EngineError
from ipycontainer.model import oci_json
from ipycontainer.runtime import plan, sandbox
from ipycontainer.storage import snapshots
from ipycontainer.store import liveness, monitor_statements
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from ipycontainer.supervise import monitor
from ipycontainer.supervise.protocol import Channel, Message

__all__ = ["hand_over", "main"]


def main(home: Home, zygote: Channel, seccomp: bytes) -> int:
    """Wait for a container and be its monitor; return the process's exit code."""
    waiting = sandbox.prepare(seccomp, home.empty_dir)  # before any database is open
    store = Store(home)
    with suppress(OSError, EngineError):
        _rehearse(home, store)
    message = zygote.receive()
    zygote.close()
    if message is None:
        return 0
    client, *streams = message.fds
    request = Message(message.body["request"], tuple(streams))
    return monitor.main(
        home, Channel(socket.socket(fileno=client)), request, seccomp, store, waiting
    )


def hand_over(spare: Channel, client: Channel, request: Message) -> bool:
    """Give a client's request to a spare monitor; False when it is gone."""
    try:
        spare.send(
            {"op": "monitor", "request": dict(request.body)}, (client.fileno(), *request.fds)
        )
    except OSError:
        return False
    return True


def _rehearse(home: Home, store: Store) -> None:
    """Go through a monitor's motions, so that its pages are ours before anybody waits."""
    raw = json.dumps(oci_json.to_json(sandbox.sample(home.rootless, "/nowhere")))
    plan.plan(oci_json.from_json(json.loads(raw)), "/nowhere", userns=home.rootless)
    nobody = f"rehearsal-{os.getpid()}"
    liveness.hold(home.runtime / nobody).release()
    with store.write() as tx:
        monitor_statements.started(tx, nobody, 0, 0, "", 0)
        monitor_statements.exited(tx, nobody, 0, "", False, 0)
        monitor_statements.removed(tx, nobody, 0)
    directory = home.cache / nobody
    for name in ("upper0", "work0/work"):
        os.makedirs(directory / name)
    snapshots.throw_away(home, directory)
