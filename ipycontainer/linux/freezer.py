"""Stop every process of a cgroup where it stands, and let it go on.

The freezer cannot be noticed from inside. Where a container has no cgroup (an ordinary user under
version 1), SIGSTOP does nearly the same; a program can see that, and a SIGCONT from inside ends it.
Sources: Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst and cgroup-v2.rst.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from ipycontainer.linux.cgroups import Cgroup

__all__ = ["freeze", "go_on", "is_frozen", "stop", "thaw"]

FREEZE_SECONDS = 2.0  # a process in uninterruptible sleep cannot be frozen
ROUNDS = 100  # of signals, until nobody has forked meanwhile


def freeze(cgroup: Cgroup) -> None:
    """Freeze every process of a cgroup, and return when they all stand still.

    Raises OSError (EBUSY) where one does not; then all go on.
    """
    directory, file, word = _switch(cgroup, frozen=True)
    deadline = time.monotonic() + FREEZE_SECONDS
    _write(f"{directory}/{file}", word)
    pause = 0.0002
    while not _is_frozen(cgroup, directory):
        if time.monotonic() > deadline:
            thaw(cgroup)
            raise OSError(errno.EBUSY, "a process cannot be frozen", directory)
        time.sleep(pause)
        pause = min(pause * 2, 0.02)
        if not cgroup.is_v2:
            # it may stay FREEZING when somebody forked meanwhile: written again, it looks again
            _write(f"{directory}/{file}", word)


def is_frozen(cgroup: Cgroup) -> bool:
    """Tell whether a cgroup's processes stand still; one that is gone, or has no freezer: no."""
    try:
        return _is_frozen(cgroup, _switch(cgroup, frozen=True)[0])
    except OSError:
        return False


def thaw(cgroup: Cgroup) -> None:
    """Let every process of a cgroup go on; one that is gone, or has no freezer, is fine."""
    try:
        directory, file, word = _switch(cgroup, frozen=False)
        _write(f"{directory}/{file}", word)
    except FileNotFoundError:
        return


def stop(pids: Callable[[], Iterable[int]]) -> None:
    """Stop processes by SIGSTOP, again and again until `pids` names nobody new."""
    stopped: set[int] = set()
    for _ in range(ROUNDS):
        fresh = set(pids()) - stopped
        if not fresh:
            return
        _send(fresh, signal.SIGSTOP)
        stopped |= fresh
    _send(stopped, signal.SIGCONT)
    raise OSError(errno.EBUSY, "processes are made faster than they can be stopped")


def go_on(pids: Callable[[], Iterable[int]]) -> None:
    """Let processes that were stopped by SIGSTOP go on."""
    _send(pids(), signal.SIGCONT)


def _send(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _switch(cgroup: Cgroup, *, frozen: bool) -> tuple[str, str, str]:
    """Return directory and file of the switch, and the word for a position."""
    if cgroup.is_v2:
        return cgroup.directories[""], "cgroup.freeze", "1" if frozen else "0"
    if "freezer" not in cgroup.directories:
        raise FileNotFoundError(errno.ENOENT, "no freezer is mounted")
    return cgroup.directories["freezer"], "freezer.state", "FROZEN" if frozen else "THAWED"


def _is_frozen(cgroup: Cgroup, directory: str) -> bool:
    if cgroup.is_v2:
        with open(f"{directory}/cgroup.events", encoding="ascii") as file:
            return "frozen 1" in file.read().splitlines()
    with open(f"{directory}/freezer.state", encoding="ascii") as file:
        return file.read().strip() == "FROZEN"


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
