"""What /proc tells of a single process: state, time, memory, and what it calls itself.

Three small files of each: a list can be read each second. proc_pid_stat(5), proc_pid_status(5).
"""

from __future__ import annotations

import os
import time
from functools import cache

from ipycontainer.model.process import Process

__all__ = ["process", "uid_inside"]

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_COMMAND_BYTES = 1024  # of a command line, which its program may make as long as it likes
# The letters of proc_pid_stat(5), field 3, in words.
_STATES = {
    "R": "running",
    "S": "sleeping",
    "D": "waiting for a device",
    "Z": "ended, not yet waited for",
    "T": "stopped",
    "t": "traced",
    "X": "dead",
    "I": "idle",
}


def process(pid: int) -> Process | None:
    """Return what is known of a process; None when it has just ended. Its uid is this machine's."""
    try:
        stat = _read(pid, "stat")
        status = _read(pid, "status")
        command = _read(pid, "cmdline")[:_COMMAND_BYTES]
    except OSError:
        return None
    # The name stands in parentheses and may hold anything, `)` included.
    fields = stat[stat.rindex(b")") + 2 :].split()
    name = stat[stat.index(b"(") + 1 : stat.rindex(b")")]
    uid, inside = 0, pid
    for line in status.splitlines():
        if line.startswith(b"Uid:"):
            uid = int(line.split()[2])  # the effective one
        elif line.startswith(b"NSpid:"):
            inside = int(line.split()[-1])
    words = command.rstrip(b"\0").replace(b"\0", b" ") or b"[" + name + b"]"
    return Process(
        pid=pid,
        inside=inside,
        parent=int(fields[1]),
        state=_STATES.get(fields[0].decode(), fields[0].decode()),
        uid=uid,
        threads=int(fields[17]),
        cpu_ns=(int(fields[11]) + int(fields[12])) * _TICK_NS,
        resident=int(fields[21]) * _PAGE_BYTES,
        started_ns=_booted_ns() + int(fields[19]) * _TICK_NS,
        command=words.decode(errors="replace"),
    )


def uid_inside(uid: int, init: int) -> int:
    """Return a user's id as the user namespace of `init` counts; the same where it has none."""
    try:
        lines = _read(init, "uid_map").splitlines()
    except OSError:
        return uid
    for line in lines:
        inside, outside, count = map(int, line.split())
        if outside <= uid < outside + count:
            return inside + uid - outside
    return uid


def _read(pid: int, name: str) -> bytes:
    with open(f"/proc/{pid}/{name}", "rb") as file:
        return file.read()


@cache
def _booted_ns() -> int:
    """Return the moment of boot, the same each time: pid and start name a process for good."""
    return time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
