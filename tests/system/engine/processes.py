"""Find the processes of a home from outside, as a test must that kills them."""

from __future__ import annotations

import glob
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from ipycontainer.engine.engine import Engine
from ipycontainer.storage import trash
from ipycontainer.store import liveness

__all__ = [
    "alive",
    "eventually",
    "gone",
    "kill",
    "monitor_of",
    "processes_in_cgroups",
    "ready",
    "thrown",
    "traces",
    "zygotes",
]

PATIENCE_SECONDS = 15
ID_LENGTH = 64


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


def gone(left: Callable[[], list[str]]) -> None:
    """Wait until nothing is left."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while found := left():
        assert time.monotonic() < deadline, f"left: {found}"
        time.sleep(0.01)


def processes_in_cgroups(engine: Engine) -> list[str]:
    """Return the container cgroups of a home that exist, on whichever version."""
    # Not pathlib's: that one fails when a directory goes while it looks.
    found = glob.glob(f"/sys/fs/cgroup/**/ipyc-{engine.home.hash8}/*/", recursive=True)
    kept = {"engine", *ready(engine)}
    return [path for path in found if Path(path).name not in kept]


def ready(engine: Engine) -> list[str]:
    """Return the ids of what living spare monitors have ready: none of them is a container."""
    left = trash.unowned(engine.home)
    return [name.split("-")[2] for name in os.listdir(engine.home.trash) if name not in left]


def thrown(engine: Engine) -> list[str]:
    """Return the names of what lies in the trash, but for what a spare monitor has ready."""
    spares = {f"-{each}" for each in ready(engine) if len(each) == ID_LENGTH}
    names = os.listdir(engine.home.trash)
    return [name for name in names if not any(name.endswith(spare) for spare in spares)]


def traces(engine: Engine) -> list[str]:
    """Name what containers have of the machine: directories, sockets, locks, cgroups, mounts."""
    home = engine.home
    found = [f"directory {name}" for name in os.listdir(home.containers)]
    found += [f"trash {name}" for name in thrown(engine)]
    # those of zygotes and of a user's holder of networks stay for a minute
    paths = [path for path in home.runtime.iterdir() if not path.name.startswith(("z-", "holder."))]
    found += [f"socket {path.name}" for path in paths if path.suffix == ".s"]
    found += [f"lock {path.name}" for path in paths if path.suffix == ".l"]
    found += [f"cgroup {path}" for path in processes_in_cgroups(engine)]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            mounts = (process / "mountinfo").read_text(errors="replace")
        except OSError:
            continue
        if f"{home.containers}/" in mounts:
            found.append(f"mounts seen by process {process.name}")
    return found
