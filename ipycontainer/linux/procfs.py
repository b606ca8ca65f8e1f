"""What /proc says about processes. Read as text, parsed strictly."""

from __future__ import annotations

import os

__all__ = ["boot_id", "children", "inner_pid", "is_running", "nspid_depth", "start_ticks"]

PF_EXITING = 0x4  # linux/sched.h; in field 9 of proc_pid_stat(5)
_READ_BYTES = 8192  # /proc/PID/status has about 1.5 KiB
_boot_id = ""


def start_ticks(pid: int) -> int:
    """Return when a process started, in clock ticks since boot (field 22 of proc_pid_stat(5)).

    Together with the boot's id it names a process for good: a pid alone is used again. Raises
    ProcessLookupError when there is none.
    """
    return int(_behind_name(pid)[19])


def is_running(pid: int, ticks: int) -> bool:
    """Tell whether a process that `start_ticks` named has not ended.

    One that has, and that nobody has waited for, is there for as long as its parent likes: where
    process 1 reaps nothing, as in many a docker container, for good. One that is ending says so
    before the kernel closes its files, by which others learn of it.
    """
    try:
        fields = _behind_name(pid)
    except ProcessLookupError:
        return False
    ends = fields[0] in (b"Z", b"X") or int(fields[6]) & PF_EXITING
    return int(fields[19]) == ticks and not ends


def _behind_name(pid: int) -> list[bytes]:
    raw = _read(f"/proc/{pid}/stat", pid)
    # the second field is the program's name in parentheses and may hold anything, `)` included
    return raw[raw.rindex(b")") + 2 :].split()


def nspid_depth(pid: int) -> int:
    """Return in how many nested pid namespaces a process has a pid, ours included.

    1 means ours only; a process of a container has two or more. Read from `NSpid`, because the
    links in /proc/PID/ns cannot be read from inside a user namespace (EACCES). Raises
    ProcessLookupError.
    """
    for line in _read(f"/proc/{pid}/status", pid).splitlines():
        if line.startswith(b"NSpid:"):
            return len(line.split()) - 1
    return 1  # a kernel without pid namespaces


def children(pid: int) -> tuple[int, ...]:
    """Return the processes whose parent is this one's first thread (proc_tid_children(5))."""
    return tuple(int(word) for word in _read(f"/proc/{pid}/task/{pid}/children", pid).split())


def boot_id() -> str:
    """Return the id that the kernel drew at this boot."""
    global _boot_id
    if not _boot_id:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            _boot_id = file.read().strip()
    return _boot_id


def _read(path: str, pid: int) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ProcessLookupError(3, f"no process {pid}") from None  # ESRCH
    try:
        return os.read(fd, _READ_BYTES)  # procfs makes these files whole for one read(2)
    finally:
        os.close(fd)


def inner_pid(pid: int) -> int:
    """Return a process's pid in the innermost pid namespace that it is in; 0 once it is gone."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            for line in file:
                if line.startswith(b"NSpid:"):
                    return int(line.split()[-1])
    except OSError:
        pass
    return 0
