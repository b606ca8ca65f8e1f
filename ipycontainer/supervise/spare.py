"""A spare monitor: forked ahead, so that a start finds a warm process instead of making one.

It has an init waiting in a sandbox (runtime.sandbox), or a whole container ready where one is
expected, has touched the pages that a monitor needs, and becomes the monitor of the next container:
it accepts the request itself, on the socket that it has from the zygote. It ends with the zygote.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field

from ipycontainer import faults
from ipycontainer.errors import EngineError, ProtocolError
from ipycontainer.linux import cgroups, procfs, syscalls
from ipycontainer.linux.cgroups import Hierarchies
from ipycontainer.model import ids, oci_json
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.state import ContainerRecord, ContainerState
from ipycontainer.runtime import beforehand, launch, plan, sandbox
from ipycontainer.runtime.practice import Practice
from ipycontainer.runtime.sandbox import Sandbox
from ipycontainer.storage import trees
from ipycontainer.store import containers, images, liveness, monitor_statements
from ipycontainer.store.database import Store, Transaction
from ipycontainer.store.home import Home
from ipycontainer.supervise import expectation, monitor_process, rehearsals
from ipycontainer.supervise.prepared import Prepared
from ipycontainer.supervise.protocol import Channel, check_peer
from ipycontainer.supervise.repair import cgroup_path
from ipycontainer.supervise.reservation import Reservation, reserve

__all__ = ["Practices", "main"]


@dataclass(frozen=True, slots=True)
class Practices:
    """What this zygote's monitors and inits have learned of themselves; made before the first."""

    monitor: Practice = field(default_factory=Practice)
    init: Practice = field(default_factory=Practice)


def main(
    home: Home, zygote: Channel, starts: socket.socket, seccomp: bytes, practices: Practices
) -> int:
    """Wait for a container and be its monitor; return the process's exit code.

    The end of `zygote` is the end of us; we tell it when we are ready, and our closing it says that
    we are taken, or gone.
    """
    # before any database is open
    waiting, reservation = _init(home, seccomp, practices.init)
    prepared = Prepared(Store(home), os.pipe(), os.pipe(), waiting, reservation)
    with suppress(OSError, EngineError), faults.rehearsal():
        _rehearse(home, prepared.store)
    practices.monitor.use()
    syscalls.set_name("ipyc-spare")
    zygote.send({"event": "ready"})
    client = _accept(zygote, starts)
    starts.close()
    request = None
    if client is not None:
        zygote.close()
        with suppress(OSError):
            told = {} if reservation is None else reservation.to_wire()
            client.send({"event": "reserved", **told})
        request = client.receive()
    if client is None or request is None or request.name != "monitor":
        if reservation is not None:
            reservation.give_back(home, prepared.store, asked=client is not None)
        return 0
    code = monitor_process.main(home, client, request, seccomp, prepared)
    practices.monitor.note()
    return code


def _init(
    home: Home, seccomp: bytes, practice: Practice
) -> tuple[Sandbox | None, Reservation | None]:
    """Make an init that waits; where a container is expected, one that has gone ahead for it."""
    promised = _promised_cgroups(home)
    container_id = ids.new_id()
    config = expectation.expected(home, container_id)
    if config is not None:
        waiting = sandbox.prepare(
            seccomp, home.empty_dir, promised, rehearse=False, practice=practice
        )
        reservation = reserve(home, container_id, config, waiting)
        if reservation is not None:
            return None, reservation
        expectation.forget(home)
    return sandbox.prepare(seccomp, home.empty_dir, promised, practice=practice), None


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
    raw = json.dumps(oci_json.to_json(beforehand.sample(home.rootless, "/nowhere")))
    plan.plan(oci_json.from_json(json.loads(raw)), "/nowhere", userns=home.rootless)
    nobody = rehearsals.name()
    liveness.hold(home.runtime / nobody).release()
    with store.rehearse() as tx:
        _live_a_life(tx, nobody)
    for name in ("upper0", "work0/work"):
        os.makedirs(home.cache / nobody / name)
    place = os.open(home.cache / nobody, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    trees.empty(place)
    os.close(place)
    os.rmdir(home.cache / nobody)
