"""Find the processes of a home from outside, as a test must that kills them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from ipycontainer.engine.engine import Engine
from ipycontainer.store import liveness

__all__ = ["eventually", "kill", "monitor_of", "processes_in_cgroups", "zygotes"]

PATIENCE_SECONDS = 15


def monitor_of(engine: Engine, container_id: str) -> int:
    """Return the pid of a container's monitor: the holder of its lock."""
    pid = liveness.holder(engine.home.lock(container_id))
    assert pid is not None
    return pid


def zygotes(engine: Engine) -> list[int]:
    """Return the zygotes of a home: they hold the locks beside their sockets."""
    locks = Path(engine.home.runtime).glob("z-*.l")
    return [pid for lock in locks if (pid := liveness.holder(lock)) is not None]


def kill(pid: int) -> None:
    """Kill a process and wait until it is gone."""
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not alive(pid))


def alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in ("Z", "X")


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def processes_in_cgroups(engine: Engine) -> list[str]:
    """Return the container cgroups of a home that exist, on whichever version."""
    found = Path("/sys/fs/cgroup").glob(f"**/ipyc-{engine.home.hash8}/*/")
    return [str(path) for path in found if path.name not in ("engine",)]
