"""Memory that runs out: who is killed first, how many were killed in a cgroup, and when.

Sources: proc_pid_oom_score_adj(5), Documentation/admin-guide/cgroup-v1/memory.rst
(memory.oom_control) and cgroup-v2.rst (memory.events).
"""

from __future__ import annotations

import os
import select

from ipycontainer.linux.cgroups import Cgroup

__all__ = ["Watch", "kills", "own_score", "set_own_score"]

_OWN_SCORE = "/proc/self/oom_score_adj"


def own_score() -> int:
    """Return how readily the kernel kills this process, -1000 (never) to 1000."""
    with open(_OWN_SCORE, "rb") as file:
        return int(file.read())


def set_own_score(value: int) -> None:
    """Say how readily the kernel kills this process; what it forks inherits it.

    Raises PermissionError below what a process with CAP_SYS_RESOURCE gave it or its ancestors, and
    for one that is not dumpable.
    """
    fd = os.open(_OWN_SCORE, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, b"%d" % value)
    finally:
        os.close(fd)


def kills(cgroup: Cgroup) -> int:
    """Return how many processes of a cgroup the kernel killed for want of memory.

    0 where nobody counts: no memory controller, or a kernel before 4.13.
    """
    path = _counter(cgroup)
    if not path:
        return 0
    try:
        with open(path, "rb") as file:
            return _count(file.read())
    except OSError:
        return 0


class Watch:
    """A descriptor that tells when memory runs out in a cgroup; `events` is what to poll it for.

    Version 1 counts into an eventfd, also where the killer is switched off and processes only hang;
    version 2 changes a file, of which poll(2) tells. Raises OSError without a memory controller.
    """

    def __init__(self, cgroup: Cgroup) -> None:
        self._v2 = cgroup.is_v2
        self._path = _counter(cgroup)
        self._seen = 0
        if self._v2:
            self.events = select.POLLPRI
            self.fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            self._seen = _count(os.read(self.fd, 4096))
        else:
            self.events = select.POLLIN
            self.fd = _eventfd_of(self._path)

    def happened(self) -> bool:
        """Take what the descriptor told; say whether memory ran out since the last look."""
        if not self._v2:
            try:
                os.read(self.fd, 8)
            except BlockingIOError:
                return False
            return os.path.exists(self._path)  # the cgroup's removal counts, too
        try:
            counted = _count(os.pread(self.fd, 4096, 0))
        except OSError:  # the cgroup is gone
            return False
        grown, self._seen = counted > self._seen, max(counted, self._seen)
        return grown

    def close(self) -> None:
        """Look no more."""
        os.close(self.fd)


def _counter(cgroup: Cgroup) -> str:
    if cgroup.is_v2:
        return f"{cgroup.directories['']}/memory.events"
    directory = cgroup.directories.get("memory")
    return f"{directory}/memory.oom_control" if directory else ""


def _count(text: bytes) -> int:
    for line in text.splitlines():
        name, _, number = line.partition(b" ")
        if name == b"oom_kill":
            return int(number)
    return 0


def _eventfd_of(control_file: str) -> int:
    """Return an eventfd that version 1 counts up (cgroup.event_control)."""
    fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    try:
        control = os.open(control_file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            directory = os.path.dirname(control_file)
            register = os.open(f"{directory}/cgroup.event_control", os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(register, b"%d %d" % (fd, control))
            finally:
                os.close(register)
        finally:
            os.close(control)
    except BaseException:
        os.close(fd)
        raise
    return fd
