"""Capabilities by name and as bit masks, and the calls that limit a process to them.

Numbers from linux/capability.h; the order of the calls is capabilities(7)'s: bounding set while
CAP_SETPCAP is there, ids under KEEPCAPS, then the other sets.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable

from ipycontainer.linux import syscalls

__all__ = [
    "NAMES",
    "drop_bounding",
    "is_known",
    "last",
    "mask_of",
    "names_of",
    "own_bounding",
    "own_effective",
    "set_ambient",
    "set_sets",
]

# fmt: off
NAMES = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
    "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
    "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
)
# fmt: on
_NUMBER = {name: number for number, name in enumerate(NAMES)}

PR_CAPBSET_READ, PR_CAPBSET_DROP = 23, 24  # linux/prctl.h
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, PR_CAP_AMBIENT_CLEAR_ALL = 47, 2, 4


def mask_of(names: Iterable[str]) -> int:
    """Return the bit mask of capability names. Raises KeyError with an unknown name."""
    mask = 0
    for name in names:
        mask |= 1 << _NUMBER[name]
    return mask


def is_known(name: str) -> bool:
    """Tell whether this kernel has a capability of that name."""
    return _NUMBER.get(name, 64) <= last()


def names_of(mask: int) -> tuple[str, ...]:
    """Return the names of the bits that are set, in the kernel's order."""
    return tuple(name for number, name in enumerate(NAMES) if mask >> number & 1)


def last() -> int:
    """Return the number of the last capability that this kernel knows (proc_sys_kernel(5))."""
    with open("/proc/sys/kernel/cap_last_cap", "rb") as file:
        return int(file.read())


def own_bounding() -> int:
    """Return this process's bounding set: nothing outside it can be given to a child.

    Even root may lack some (in a virtual machine without CAP_SYS_RESOURCE, say).
    """
    return _own(b"CapBnd:")


def own_effective() -> int:
    """Return this process's effective set: what it may do, whatever its user id says."""
    return _own(b"CapEff:")


def _own(field: bytes) -> int:
    with open("/proc/self/status", "rb") as file:
        for line in file:
            if line.startswith(field):
                return int(line.split()[1], 16)
    raise OSError(errno.ENODATA, f"no {field.decode()} in /proc/self/status")


def drop_bounding(keep: int) -> None:
    """Drop every capability outside `keep` from the bounding set."""
    for number in range(64):
        if not keep >> number & 1:
            try:
                syscalls.prctl(PR_CAPBSET_DROP, number)
            except OSError as error:
                if error.errno == errno.EINVAL:  # above the last one that this kernel knows
                    return
                raise


def set_sets(effective: int, permitted: int, inheritable: int) -> None:
    """Set the three sets of this process."""
    syscalls.capset(effective, permitted, inheritable)


def set_ambient(mask: int) -> None:
    """Set the ambient set exactly; each must be permitted and inheritable, else EPERM."""
    syscalls.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    for number in range(mask.bit_length()):
        if mask >> number & 1:
            syscalls.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number)
