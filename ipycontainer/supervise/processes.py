"""Small acts on a monitor's own children."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from ipycontainer.linux.cgroups import Cgroup

__all__ = ["SIGNALLED", "kill_rest", "open_null", "reap"]

# Docker's exit code of a program that signal n killed is 128 + n, of one that never ran 128 alone.
SIGNALLED = 128


def reap(pid: int) -> int:
    """Return the exit code of an ended child, in the shell's numbers."""
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else SIGNALLED - code


def kill_rest(cgroup: Cgroup | None) -> None:
    """Kill what a container left behind that had no pid namespace of its own.

    Without a cgroup: all that has become our child, as a subreaper's do; their own children follow.
    """
    if cgroup is not None:
        cgroup.kill()
        return
    while living := [pid for pid in _children() if not _is_zombie(pid)]:
        for pid in living:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.001)


def _children() -> list[int]:
    pid = os.getpid()
    with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
        return [int(word) for word in file.read().split()]


def _is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except OSError:
        return True


def open_null() -> int:
    """Open what stands for a stream that nobody gave."""
    return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
