"""Repair: make the state true again after something died unsaid, and sweep up what it left.

Run by a worker, which has the rights in the home's user namespace. Any number of repairs may run at
once: each statement that tells an end tells it once.
"""

from __future__ import annotations

import json
import os
import posixpath
import signal
import time
from contextlib import suppress
from pathlib import Path

from ipycontainer.errors import NoSuchContainer
from ipycontainer.linux import cgroups, freezer, pidfd, procfs
from ipycontainer.linux.cgroups import Cgroup
from ipycontainer.model.state import ContainerRecord, Status
from ipycontainer.storage import checkpoints, removal, snapshots, trash, volumes
from ipycontainer.store import containers, liveness, monitor_statements, relocation
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from ipycontainer.supervise import network_connect, network_jobs, rehearsals

__all__ = ["cgroup_note", "cgroup_of", "cgroup_path", "remove_cgroup", "repair"]

KILL_SECONDS = 10
MONITOR_DIED = "the container's monitor died"
MACHINE_RESTARTED = "the machine was restarted"
HOME_COPIED = "the home was copied while the container ran"
# What docker's engine reports of a container whose shim vanished, and of a killed one.
UNKNOWN_CODE, KILLED_CODE = 255, 137


def repair(home: Home, store: Store) -> None:
    """Tell the end of every container that lost its monitor, and finish interrupted removals."""
    with store.read() as tx:
        records = containers.list_all(tx)
    for record in records:
        if _may_need_repair(home, record):
            _repair_one(home, store, record.id)
    network_jobs.sweep(home, store)
    for container_id in snapshots.orphans(home, store):
        snapshots.discard(home, container_id)
    volumes.sweep(home, store)
    for record in records:
        if not record.state.status.alive:
            _finish_rollback(home, record)
            _remove_socket(home, record)
    trash.empty(home)
    rehearsals.sweep(home, store, f"/{home.cgroup}")
    from ipycontainer.images import sweep  # as in worker: kept out of the zygote

    sweep.sweep(home, store)
    network_connect.finish(home, store)


def _remove_socket(home: Home, record: ContainerRecord) -> None:
    """Remove socket and cgroup of a monitor that died after its last word, or before its first."""
    if home.socket(record.id).exists():
        with suppress(BlockingIOError):
            lock = liveness.hold(home.lock(record.id))
            remove_cgroup(home, record)
            home.socket(record.id).unlink(missing_ok=True)
            lock.release()


def _finish_rollback(home: Home, record: ContainerRecord) -> None:
    """Finish a rollback whose worker was killed, unless somebody is about it."""
    if record.id not in checkpoints.unfinished(home):
        return
    with suppress(BlockingIOError):
        lock = liveness.hold(home.lock(record.id))
        try:
            checkpoints.finish_rollbacks(home, record)
        finally:
            lock.release()


def _may_need_repair(home: Home, record: ContainerRecord) -> bool:
    state = record.state.status
    gone = record.config.auto_remove and state is not Status.CREATED
    if state.alive or state is Status.REMOVING or gone:
        return True
    # power was lost while it was made or removed, and the disk had got the one and not the other
    return not home.container(record.id).is_dir()


def _repair_one(home: Home, store: Store, container_id: str) -> None:
    """Repair a container that nobody holds, under its lock: a start cannot begin meanwhile.

    What has ended properly since the list was read is let be: a lock taken in vain is in the way
    of who starts or removes it now.
    """
    try:
        with store.read() as tx:
            if not _may_need_repair(home, containers.get(tx, container_id)):
                return
    except NoSuchContainer:
        return
    try:
        lock = liveness.hold(home.lock(container_id))
    except BlockingIOError:  # its monitor lives
        return
    try:
        with store.read() as tx:
            record = containers.get(tx, container_id)
        if record.state.status.alive:
            _end(home, store, record)
        # a monitor that was killed in the middle of `rm -f` has put the files away already
        put_away = not home.container(container_id).is_dir()
        if record.state.status is Status.REMOVING or record.config.auto_remove or put_away:
            remove_cgroup(home, record)
            snapshots.discard(home, container_id)
            removal.forget(home, store, container_id, volumes=record.config.auto_remove)
    except NoSuchContainer:  # somebody was faster
        pass
    finally:
        lock.release()


def cgroup_path(home: Home, container_id: str, parent: str = "") -> str:
    """Return a container's cgroup, below each controller's mount; `parent` is --cgroup-parent."""
    return f"{_clean(parent) or f'/{home.cgroup}'}/{container_id}"


def _clean(parent: str) -> str:
    """Return a parent as an absolute path; what leads above the root stays in it, as in docker."""
    return posixpath.normpath(f"/{parent}").rstrip("/") if parent else ""


def cgroup_note(home: Home, container_id: str) -> Path:
    """Return the file in which a monitor notes where a delegated cgroup is."""
    return home.container(container_id) / "cgroup.json"


def cgroup_of(home: Home, record: ContainerRecord) -> Cgroup:
    """Return a container's cgroup, without looking whether it exists.

    A delegated one is noted by the monitor, since it may lie elsewhere when the next zygote comes.
    """
    with suppress(FileNotFoundError, ValueError):
        return Cgroup.from_json(json.loads(cgroup_note(home, record.id).read_bytes()))
    path = cgroup_path(home, record.id, record.config.cgroup_parent)
    return cgroups.locate(cgroups.detect(), path, cgroups.ON_DEMAND_V1)


def remove_cgroup(home: Home, record: ContainerRecord) -> None:
    """Remove a container's cgroup and whoever is left in it; none is fine."""
    cgroup = cgroup_of(home, record)
    cgroup.kill()
    cgroup.remove()


def _end(home: Home, store: Store, record: ContainerRecord) -> None:
    """Kill what is left of a container and tell how it ended.

    In this order: a mount or an address must not be freed while a process still uses it.
    """
    same_boot = record.state.boot_id == procfs.boot_id()
    if same_boot and record.state.status is Status.PAUSED:
        # a frozen process dies only when it goes on
        freezer.thaw(cgroup_of(home, record))
    killed = same_boot and _kill_init(record)
    if same_boot:
        remove_cgroup(home, record)
    with suppress(FileNotFoundError):
        os.unlink(home.socket(record.id))
    network_jobs.withdraw(home, store, record.id)
    with store.write() as tx:
        monitor_statements.exited(
            tx,
            record.id,
            KILLED_CODE if killed else UNKNOWN_CODE,
            _reason(record.state.boot_id),
            False,
            time.time_ns(),
        )


def _reason(boot_id: str) -> str:
    if boot_id == relocation.ELSEWHERE:
        return HOME_COPIED
    return MONITOR_DIED if boot_id == procfs.boot_id() else MACHINE_RESTARTED


def _kill_init(record: ContainerRecord) -> bool:
    """Kill the recorded init, if it is still that process; tell whether it was alive."""
    if not record.state.pid:  # it was to begin again
        return False
    try:
        fd = pidfd.open_verified(record.state.pid, record.state.start_ticks)
    except ProcessLookupError:
        return False
    try:
        alive = not pidfd.wait_exit(fd, 0)
        with suppress(ProcessLookupError):
            pidfd.send_signal(fd, signal.SIGKILL)
        pidfd.wait_exit(fd, KILL_SECONDS)
    finally:
        os.close(fd)
    return alive
