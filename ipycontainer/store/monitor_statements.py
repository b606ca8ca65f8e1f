"""The statements that a monitor runs: a frozen contract between versions.

A monitor lives as long as its container, perhaps through several updates of the package, and writes
with the statements that it was started with. So these use no column that a later schema might
change, and a test holds them against every schema step. Repair runs the same ones.

Each is one short transaction's worth and adds its event in docker's terms. What tells of networks
runs from schema 2 on, which has them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from ipycontainer.errors import NoSuchContainer
from ipycontainer.store import containers, endpoints, events, networks, volumes
from ipycontainer.store.database import Transaction

__all__ = [
    "CAME_AND_LEFT",
    "anonymous_volumes",
    "could_not_execute",
    "executed",
    "execution_began",
    "exited",
    "failed",
    "given_up",
    "happened",
    "health_changed",
    "killed",
    "paused",
    "ran_out_of_memory",
    "released",
    "removed",
    "restarting",
    "started",
    "stopped",
    "unpaused",
]

# What docker tells of a network whose container did not start, though its place there was made.
CAME_AND_LEFT = ("connect", "disconnect")


def started(
    tx: Transaction,
    container_id: str,
    pid: int,
    start_ticks: int,
    boot_id: str,
    time_ns: int,
    restart_count: int = 0,
    *,
    attached: bool = False,
) -> bool:
    """Say that init has become the user's program (`start`). The liveness lock is held already.

    Before it stands what it has come to: its networks (`connect`), its volumes (`mount`).
    `restart_count` says
    how often its policy has begun it again since somebody started it; who watches from the start
    was `attached` before.

    False when the container was removed meanwhile, or is being: then the caller ends it.
    """
    changed = tx.execute(
        "UPDATE containers SET status = 'running', pid = ?, start_ticks = ?, boot_id = ?,"
        " exit_code = 0, error = '', oom = 0, started_ns = ?, restart_count = ?"
        " WHERE id = ? AND status IN ('created', 'exited', 'restarting', 'dead')",
        (pid, start_ticks, boot_id, time_ns, restart_count, container_id),
    )
    if not changed:
        return False
    record = containers.get(tx, container_id)
    if attached:
        containers.tell(tx, record, "attach", time_ns)
    networks.tell_all(tx, record, "connect", time_ns)
    volumes.tell_all(tx, record, "mount", time_ns)
    containers.tell(tx, record, "start", time_ns)
    return True


def exited(
    tx: Transaction, container_id: str, code: int, error: str, oom: bool, time_ns: int
) -> bool:
    """Say that the program has ended: `oom` where that was why, and `die` at the end.

    Between them it leaves its networks and its volumes (`disconnect`, `unmount`).

    False when that was said before, or the row is gone: of a monitor and a repair that both come,
    one tells.
    """
    try:
        record = containers.get(tx, container_id)
    except NoSuchContainer:
        return False
    if not record.state.status.alive:
        return False
    tx.execute(
        "UPDATE containers SET status = 'exited', pid = 0, start_ticks = 0, exit_code = ?,"
        " error = ?, oom = ?, finished_ns = ? WHERE id = ?",
        (code, error, int(oom), time_ns, container_id),
    )
    if oom and not record.state.oom_killed:
        containers.tell(tx, record, "oom", time_ns)
    networks.tell_all(tx, record, "disconnect", time_ns)
    volumes.tell_all(tx, record, "unmount", time_ns)
    seconds = max(0, time_ns - record.state.started_ns) // 1_000_000_000
    containers.tell(tx, record, "die", time_ns, execDuration=str(seconds), exitCode=str(code))
    return True


def restarting(tx: Transaction, container_id: str, restart_count: int) -> bool:
    """Say, after `exited`, that it will begin again. False when the row is gone."""
    changed = tx.execute(
        "UPDATE containers SET status = 'restarting', restart_count = ?"
        " WHERE id = ? AND status = 'exited'",
        (restart_count, container_id),
    )
    return bool(changed)


def given_up(tx: Transaction, container_id: str, by_stop: bool, time_ns: int) -> bool:
    """Say that it will not begin again after all (`stop` where somebody asked for that)."""
    changed = tx.execute(
        "UPDATE containers SET status = 'exited' WHERE id = ? AND status = 'restarting'",
        (container_id,),
    )
    if changed and by_stop:
        _tell(tx, container_id, "stop", time_ns)
    return bool(changed)


def failed(
    tx: Transaction,
    container_id: str,
    code: int,
    error: str,
    time_ns: int,
    reached: Sequence[str] = CAME_AND_LEFT,
    *,
    attached: bool = False,
) -> bool:
    """Say that a start failed: code and reason are kept, the status stays what it was.

    So does docker: a container that never ran is still `created`, and none died. Who watched
    was `attached` all the same, and `reached` says how far it came with its networks. Volumes come
    after those, and are let go of in any case. The bell rings always, for who waits. False when
    the row is gone.
    """
    changed = tx.execute(
        "UPDATE containers SET exit_code = ?, error = ?, pid = 0, start_ticks = 0 WHERE id = ?",
        (code, error, container_id),
    )
    if not changed:
        return False
    record = containers.get(tx, container_id)
    if attached:
        containers.tell(tx, record, "attach", time_ns)
    for action in reached:
        networks.tell_all(tx, record, action, time_ns)
        if action == "connect":
            volumes.tell_all(tx, record, "mount", time_ns)
    volumes.tell_all(tx, record, "unmount", time_ns)
    tx.has_event = True
    return True


def released(tx: Transaction, container_id: str, time_ns: int) -> None:
    """Let go of the addresses and ports that a container had."""
    endpoints.release(tx, container_id, time_ns)


def killed(tx: Transaction, container_id: str, signal: int, time_ns: int) -> bool:
    """Say that a signal was sent on request (`kill`). False when the row is gone."""
    return _tell(tx, container_id, "kill", time_ns, signal=str(signal))


def stopped(tx: Transaction, container_id: str, time_ns: int) -> bool:
    """Say that a stop has done its work (`stop`). False when the row is gone."""
    return _tell(tx, container_id, "stop", time_ns)


def paused(tx: Transaction, container_id: str, time_ns: int) -> bool:
    """Say that all its processes stand still (`pause`). False when it does not run."""
    return _turn(tx, container_id, "running", "paused", "pause", time_ns)


def unpaused(tx: Transaction, container_id: str, time_ns: int) -> bool:
    """Say that its processes go on (`unpause`). False when it was not paused."""
    return _turn(tx, container_id, "paused", "running", "unpause", time_ns)


def ran_out_of_memory(tx: Transaction, container_id: str, time_ns: int) -> bool:
    """Say that a process was killed for want of memory (`oom`). False when the row is gone."""
    tx.execute("UPDATE containers SET oom = 1 WHERE id = ?", (container_id,))
    return _tell(tx, container_id, "oom", time_ns)


def health_changed(tx: Transaction, container_id: str, status: str, time_ns: int) -> bool:
    """Say that its health is another one by now (`health_status`). False when the row is gone."""
    return _tell(tx, container_id, f"health_status: {status}", time_ns)


def happened(
    tx: Transaction, container_id: str, action: str, time_ns: int, **attributes: str
) -> bool:
    """Say what changes nothing in its row: `attach`, `resize`. False when the row is gone."""
    return _tell(tx, container_id, action, time_ns, **attributes)


def execution_began(
    tx: Transaction, container_id: str, exec_id: str, line: str, time_ns: int
) -> bool:
    """Say what is executed in it (`exec_create`, `exec_start`). False when the row is gone."""
    return _tell(tx, container_id, f"exec_create: {line}", time_ns, execID=exec_id) and _tell(
        tx, container_id, f"exec_start: {line}", time_ns, execID=exec_id
    )


def could_not_execute(
    tx: Transaction, container_id: str, exec_id: str, line: str, time_ns: int
) -> None:
    """Say that it was to be executed, and keep that it is not: docker has no event of its end."""
    if execution_began(tx, container_id, exec_id, line, time_ns):
        told = {"execID": exec_id}
        events.add(tx, events.UNTOLD, "exec_die", container_id, told, time_ns)


def executed(tx: Transaction, container_id: str, exec_id: str, code: int, time_ns: int) -> bool:
    """Say that what was executed has ended (`exec_die`). False when the row is gone."""
    return _tell(tx, container_id, "exec_die", time_ns, execID=exec_id, exitCode=str(code))


def removed(tx: Transaction, container_id: str, time_ns: int | None = None) -> bool:
    """Remove the row of a container that has ended, free its name (`destroy`). False when gone."""
    return containers.remove(tx, container_id, time_ns)


def anonymous_volumes(tx: Transaction, container_id: str) -> list[str]:
    """Remove the rows of the volumes that a container made without a name; return their names.

    Those that no other has. One that the user names is the user's, though `volume create` may have
    given it its name (moby `daemon/mounts.go`, removeMountPoints). Run before `removed`, which lets
    go of them.
    """
    try:
        mounts = containers.get(tx, container_id).config.mounts
    except NoSuchContainer:
        return []
    own = {mount.source for mount in mounts if mount.type == "volume" and mount.anonymous}
    rows = tx.all(
        "SELECT volume FROM container_volumes WHERE container_id = ? AND volume NOT IN"
        " (SELECT volume FROM container_volumes WHERE container_id != ?)",
        (container_id, container_id),
    )
    found = [row["volume"] for row in rows if row["volume"] in own]
    for name in found:
        tx.execute("DELETE FROM container_volumes WHERE volume = ?", (name,))
        tx.execute("DELETE FROM volumes WHERE name = ?", (name,))
        events.add(tx, "volume", "destroy", name, {"driver": "local"}, time.time_ns())
    return found


def _turn(
    tx: Transaction, container_id: str, before: str, after: str, action: str, time_ns: int
) -> bool:
    changed = tx.execute(
        "UPDATE containers SET status = ? WHERE id = ? AND status = ?",
        (after, container_id, before),
    )
    return bool(changed) and _tell(tx, container_id, action, time_ns)


def _tell(tx: Transaction, container_id: str, action: str, time_ns: int, **attributes: str) -> bool:
    try:
        record = containers.get(tx, container_id)
    except NoSuchContainer:
        return False
    containers.tell(tx, record, action, time_ns, **attributes)
    return True
