"""What a process has of the machine: compared before and after, to know that nothing has stayed.

A monitor that would serve another container looks at itself as the kernel sees it, instead of
trusting that each room has put everything back. What differs in anything here is somebody else's
process by now.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from ipycontainer.linux import procfs, syscalls

__all__ = ["OwnState", "is_alone"]

PR_GET_DUMPABLE = 3  # linux/prctl.h
# Of /proc/self/status (proc_pid_status(5)): what does not change by itself.
_STATUS = (
    *(b"Uid:", b"Gid:", b"Groups:", b"Umask:", b"Threads:", b"NoNewPrivs:", b"Seccomp:"),
    *(b"SigBlk:", b"SigIgn:", b"SigCgt:", b"Cpus_allowed:", b"Mems_allowed:"),
    *(b"CapInh:", b"CapPrm:", b"CapEff:", b"CapBnd:", b"CapAmb:"),
)
_FILES = ("cgroup", "limits", "oom_score_adj")
_PLACES = ("cwd", "root", "exe")


@dataclass(frozen=True, slots=True)
class OwnState:
    """One look at this process: it compares equal to a later one where nothing has changed.

    `descriptors` are the open ones with what they lead to, `links` its namespaces and directories.
    """

    descriptors: Mapping[str, str]
    links: Mapping[str, str]
    status: tuple[bytes, ...]
    files: tuple[bytes, ...]
    environment: Mapping[str, str]
    traits: tuple[int, ...]

    @classmethod
    def look(cls) -> Self:
        """Return what this process has now. Raises OSError where the kernel does not tell."""
        status = _read("status").splitlines()
        return cls(
            _links("/proc/self/fd"),
            {**_links("/proc/self/ns"), **{x: os.readlink(f"/proc/self/{x}") for x in _PLACES}},
            tuple(line for line in status if line.startswith(_STATUS)),
            tuple(_read(name) for name in _FILES),
            dict(os.environ),
            (
                syscalls.prctl(PR_GET_DUMPABLE),
                os.getpriority(os.PRIO_PROCESS, 0),
                os.sched_getscheduler(0),
                os.getsid(0),
                os.getpgrp(),
            ),
        )


def is_alone(companion: int = 0) -> bool:
    """Tell whether this process has no second thread and no child, not even an ended one.

    But for one, the `companion`. Raises OSError where the kernel tells of no children then
    (CONFIG_PROC_CHILDREN).
    """
    if len(os.listdir("/proc/self/task")) != 1:
        return False
    if companion:
        return procfs.children(os.getpid()) == (companion,)
    with suppress(ChildProcessError):
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return False
    return True


def _links(directory: str) -> dict[str, str]:
    found = {}
    for name in os.listdir(directory):
        with suppress(FileNotFoundError):  # what has listed them is closed by now
            found[name] = os.readlink(f"{directory}/{name}")
    return found


def _read(name: str) -> bytes:
    with open(f"/proc/self/{name}", "rb", buffering=0) as file:
        return file.read()
