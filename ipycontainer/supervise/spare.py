"""A spare monitor: forked ahead, so that a start finds a warm process instead of making one.

It has an init waiting in a sandbox (runtime.sandbox), has touched the pages that a monitor needs,
and becomes the monitor of the next container: it accepts the request itself, on the socket that it
has from the zygote. It ends with the zygote.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
from contextlib import suppress

from ipycontainer import faults
from ipycontainer.errors import EngineError, ProtocolError
from ipycontainer.linux import cgroups, procfs
from ipycontainer.linux.cgroups import Hierarchies
from ipycontainer.model import oci_json
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.state import ContainerRecord, ContainerState
from ipycontainer.runtime import launch, plan, sandbox
from ipycontainer.storage import trees
from ipycontainer.store import containers, images, liveness, monitor_statements
from ipycontainer.store.database import Store, Transaction
from ipycontainer.store.home import Home
from ipycontainer.supervise import monitor_process, rehearsals
from ipycontainer.supervise.prepared import Prepared
from ipycontainer.supervise.protocol import Channel, check_peer
from ipycontainer.supervise.repair import cgroup_path

__all__ = ["main"]


def main(home: Home, zygote: Channel, starts: socket.socket, seccomp: bytes) -> int:
    """Wait for a container and be its monitor; return the process's exit code.

    The end of `zygote` is the end of us; our closing it says that we are taken.
    """
    # before any database is open
    waiting = sandbox.prepare(seccomp, home.empty_dir, _promised_cgroups(home))
    prepared = Prepared(Store(home), os.pipe(), os.pipe(), waiting)
    with suppress(OSError, EngineError), faults.rehearsal():
        _rehearse(home, prepared.store)
    client = _accept(zygote, starts)
    zygote.close()
    starts.close()
    request = client.receive() if client is not None else None
    if client is None or request is None or request.name != "monitor":
        return 0
    return monitor_process.main(home, client, request, seccomp, prepared)


def _accept(zygote: Channel, starts: socket.socket) -> Channel | None:
    """Return the first client that is ours to serve; None when the zygote has ended."""
    poll = select.poll()
    poll.register(zygote.fileno(), select.POLLIN)
    poll.register(starts, select.POLLIN)
    while all(fd != zygote.fileno() for fd, _ in poll.poll()):
        with suppress(BlockingIOError):
            sock, _ = starts.accept()
            sock.setblocking(True)
            try:
                check_peer(sock)
            except ProtocolError as error:
                print(error, file=sys.stderr, flush=True)
                sock.close()
                continue
            return Channel(sock)
    return None


def _promised_cgroups(home: Home) -> Hierarchies | None:
    """Return where containers get cgroups; None where this user may make none, seen by trying."""
    hierarchies = launch.preload()
    try:
        group = cgroups.create(hierarchies, cgroup_path(home, rehearsals.name()))
    except OSError:
        return None
    if group is None:
        return None
    group.remove()
    return hierarchies


class _Undone(Exception):
    """Ends a transaction that must leave nothing."""


def _live_a_life(tx: Transaction, container_id: str) -> None:
    """Write what a monitor writes from a start to a removal."""
    known = images.list_all(tx)
    if known:
        config, state = ContainerConfig("nothing", ("true",)), ContainerState()
        record = ContainerRecord(container_id, container_id, known[0].id, 0, config, state)
        containers.add(tx, record)
    monitor_statements.started(tx, container_id, 0, 0, procfs.boot_id(), 0)
    monitor_statements.exited(tx, container_id, 0, "", False, 0)
    monitor_statements.removed(tx, container_id, 0)


def _rehearse(home: Home, store: Store) -> None:
    """Go through a monitor's motions, so that its pages are ours before anybody waits."""
    raw = json.dumps(oci_json.to_json(sandbox.sample(home.rootless, "/nowhere")))
    plan.plan(oci_json.from_json(json.loads(raw)), "/nowhere", userns=home.rootless)
    nobody = rehearsals.name()
    liveness.hold(home.runtime / nobody).release()
    with suppress(_Undone), store.write() as tx:
        _live_a_life(tx, nobody)
        raise _Undone
    for name in ("upper0", "work0/work"):
        os.makedirs(home.cache / nobody / name)
    place = os.open(home.cache / nobody, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    trees.empty(place)
    os.close(place)
    os.rmdir(home.cache / nobody)
