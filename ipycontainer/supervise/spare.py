"""A spare monitor: forked ahead, so that a start finds a warm process instead of making one.

It has an init waiting in a sandbox (runtime.sandbox), or a whole container ready where one is
expected, has touched the pages that a monitor needs, and becomes the monitor of the next container:
it accepts the request itself, on the socket that it has from the zygote. When that container has
ended, and left nothing in this process, it comes back and waits for another one: its pages are its
own already. While it waits it ends with the zygote. What the two say to each other stands in
`spares`, the zygote's side.
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
from ipycontainer.linux.lending import Mould
from ipycontainer.model import ids, oci_json
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.state import ContainerRecord, ContainerState
from ipycontainer.runtime import beforehand, launch, plan, sandbox
from ipycontainer.runtime.practice import Practice
from ipycontainer.runtime.sandbox import Making, Sandbox
from ipycontainer.storage import trash, trees
from ipycontainer.store import containers, images, liveness, monitor_statements
from ipycontainer.store.database import Store, Transaction
from ipycontainer.store.home import Home
from ipycontainer.supervise import expectation, monitor_process, rehearsals
from ipycontainer.supervise.monitor_process import PR_SET_CHILD_SUBREAPER
from ipycontainer.supervise.own_state import OwnState, is_alone
from ipycontainer.supervise.prepared import Prepared
from ipycontainer.supervise.protocol import Channel, check_peer
from ipycontainer.supervise.repair import cgroup_path
from ipycontainer.supervise.reservation import Reservation, reserve

__all__ = ["Practices", "main"]

LIVES = 100  # then a fresh one: what each leaves in memory would add up


@dataclass(frozen=True, slots=True)
class Practices:
    """What this zygote's monitors and inits have learned of themselves; made before the first."""

    monitor: Practice = field(default_factory=Practice)
    init: Practice = field(default_factory=Practice)
    ahead: Practice = field(default_factory=Practice)  # of inits that have a container expected


def main(home: Home, zygote: Channel, seccomp: bytes, practices: Practices) -> int:
    """Be the monitor of one container after another; return the process's exit code.

    The end of `zygote` is the end of us while we wait; our end of it says that we are gone.
    """
    syscalls.set_name("ipyc-coming")
    making = Making(seccomp, home.scratch, _promised_cgroups(home), practices.init, practices.ahead)
    store, kept = Store(home), _look()
    number, successor, again = 0, "", True
    while again and number < LIVES:
        if number == 1:  # it is worth it, now that we have come back
            making = making.cast()
            with suppress(OSError, EngineError), store.rehearse() as tx:
                _live_a_life(tx, rehearsals.name())
            practices.monitor.use()  # with the mould that we have forked, all are shared anew
            kept = _look()
        try:
            waiting, reservation = _init(home, making, successor)
        except OSError as error:  # the mould was killed, for one
            print(error, file=sys.stderr, flush=True)
            break
        prepared = Prepared(store, os.pipe(), os.pipe(), waiting, reservation, making.mould)
        if number == 0:
            with suppress(OSError, EngineError), faults.rehearsal():
                _rehearse(home, store)
            practices.monitor.use()  # as with a mould, of the init that we have cloned ourselves
        client = _next_client(zygote)
        if client is None:
            prepared.give_back(home, asked=False)
            break
        again, successor = _serve(home, client, seccomp, prepared)
        if number == 0:
            practices.monitor.note()
        again = again and _is_alone(store, making.mould, kept) and _may_return(zygote)
        number += 1
    if making.mould is not None:
        making.mould.end()
    _clear_place(home, successor)
    return 0


def _serve(home: Home, client: Channel, seccomp: bytes, prepared: Prepared) -> tuple[bool, str]:
    """Do what a client asks for; return whether nothing of it is left, as far as we know.

    And the id of the next one, where it has the place of this one.
    """
    reservation = prepared.reservation
    with suppress(OSError):
        told = {} if reservation is None else reservation.to_wire()
        client.send({"event": "reserved", **told})
    with suppress(OSError, EngineError):
        prepared.store.renew()
    if reservation is not None:
        with suppress(OSError, EngineError):
            reservation.rehearse(prepared.store)
    request = None
    try:
        request = client.receive()
    except ProtocolError as error:
        print(error, file=sys.stderr, flush=True)
    if request is None or request.name != "monitor":
        client.close()
        prepared.give_back(home, asked=True)
        return request is None, ""
    body = request.body
    monitor = monitor_process.run(home, client, request, seccomp, prepared)
    if monitor is None:
        return False, ""
    once = body.get("health") or body.get("restart", "no") != "no"
    return not once and monitor.let_go(), monitor.successor


def _look() -> OwnState | None:
    try:
        return OwnState.look()
    except OSError:  # who cannot look serves one container
        return None


def _is_alone(store: Store, mould: Mould | None, kept: OwnState | None) -> bool:
    """Tell whether this process is as it was before it knew of any container.

    Who will have a mould has no database open when it is made; from then on it stays open.
    """
    try:
        syscalls.prctl(PR_SET_CHILD_SUBREAPER, 0)
        if mould is None:
            store.close()
            return is_alone() and OwnState.look() == kept
        store.renew()
        return is_alone(mould.pid) and OwnState.look() == kept
    except (OSError, EngineError):
        return False


def _may_return(zygote: Channel) -> bool:
    """Offer to serve another one; the zygote may have enough by now, or be gone."""
    try:
        syscalls.set_name("ipyc-coming")
        zygote.send({"event": "returning"})
        return zygote.receive() is not None
    except (OSError, ProtocolError):
        return False


def _init(home: Home, making: Making, successor: str) -> tuple[Sandbox | None, Reservation | None]:
    """Make an init that waits; where a container is expected, one that has gone ahead for it.

    It may be a `successor`, whose place is vacated by the last one. Raises OSError as
    `sandbox.prepare` does.
    """
    container_id = successor or ids.new_id()
    config = expectation.expected(home, container_id)
    if config is not None:
        waiting = sandbox.prepare(making, rehearse=False)
        reservation = reserve(home, container_id, config, waiting)
        if reservation is not None:
            return None, reservation
        expectation.forget(home)
    _clear_place(home, successor)
    return sandbox.prepare(making), None


def _clear_place(home: Home, successor: str) -> None:
    if successor:
        trash.delete(home, trash.place(home, successor).name)


def _next_client(zygote: Channel) -> Channel | None:
    """Say that we are ready, and return the first client to serve; None at the zygote's end."""
    try:
        zygote.send({"event": "ready"})
        answer = zygote.receive()
    except (OSError, ProtocolError):
        return None
    if answer is None or len(answer.fds) != 1:
        return None
    sock = socket.socket(fileno=answer.fds[0])
    if answer.name == "serve":
        sock.setblocking(True)
        return Channel(sock)
    syscalls.set_name("ipyc-spare")  # what ps and top show of one that waits
    with sock as starts:
        client = _accept(zygote, starts)
    if client is not None:
        with suppress(OSError):  # the end of a zygote is none of ours any more
            zygote.send({"event": "taken"})
    return client


def _accept(zygote: Channel, starts: socket.socket) -> Channel | None:
    """Return the first client that is ours to serve; None when the zygote has let us go."""
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
