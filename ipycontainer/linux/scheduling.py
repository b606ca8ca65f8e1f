"""How the kernel runs a process: scheduling policy, I/O priority, execution domain.

Sources: sched(7), sched_setattr(2), ioprio_set(2), personality(2).
"""

from __future__ import annotations

import ctypes
import os
from ctypes import byref, c_int, c_uint, c_ulong, c_void_p
from dataclasses import dataclass

from ipycontainer.linux import syscalls

__all__ = [
    "FLAGS",
    "IO_CLASSES",
    "PERSONALITIES",
    "POLICIES",
    "Attributes",
    "set_attributes",
    "set_io_priority",
    "set_personality",
]

POLICIES = {  # linux/sched.h
    "SCHED_OTHER": 0,
    "SCHED_FIFO": 1,
    "SCHED_RR": 2,
    "SCHED_BATCH": 3,
    "SCHED_ISO": 4,
    "SCHED_IDLE": 5,
    "SCHED_DEADLINE": 6,
}
FLAGS = {
    "SCHED_FLAG_RESET_ON_FORK": 0x01,
    "SCHED_FLAG_RECLAIM": 0x02,
    "SCHED_FLAG_DL_OVERRUN": 0x04,
    "SCHED_FLAG_KEEP_POLICY": 0x08,
    "SCHED_FLAG_KEEP_PARAMS": 0x10,
    "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
    "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
}
IO_CLASSES = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}  # linux/ioprio.h
PERSONALITIES = {"LINUX": 0, "LINUX32": 8}  # linux/personality.h
_IOPRIO_CLASS_SHIFT = 13
_IOPRIO_WHO_PROCESS = 1
_NUMBERS = {
    "x86_64": {"sched_setattr": 314, "ioprio_set": 251},
    "aarch64": {"sched_setattr": 274, "ioprio_set": 30},
}
_NUMBER = _NUMBERS.get(os.uname().machine, {"sched_setattr": -1, "ioprio_set": -1})


@dataclass(frozen=True, slots=True)
class Attributes:
    """A scheduling policy; the last three are nanoseconds, of SCHED_DEADLINE."""

    policy: str
    nice: int = 0
    priority: int = 0
    flags: int = 0
    runtime: int = 0
    deadline: int = 0
    period: int = 0


class _SchedAttr(ctypes.Structure):
    """`struct sched_attr` of linux/sched/types.h, as of version 0."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )


_sched_setattr = syscalls.syscall(c_int, c_void_p, c_uint)
_ioprio_set = syscalls.syscall(c_int, c_int, c_int)


def set_attributes(wanted: Attributes) -> None:
    """Set this thread's policy. Raises OSError."""
    raw = _SchedAttr(
        ctypes.sizeof(_SchedAttr),
        POLICIES[wanted.policy],
        wanted.flags,
        wanted.nice,
        wanted.priority,
        wanted.runtime,
        wanted.deadline,
        wanted.period,
    )
    if _sched_setattr(_NUMBER["sched_setattr"], 0, byref(raw), 0) < 0:
        raise syscalls.failed()


def set_io_priority(kind: str, priority: int) -> None:
    """Set this thread's class and priority of I/O. Raises OSError."""
    value = IO_CLASSES[kind] << _IOPRIO_CLASS_SHIFT | priority
    if _ioprio_set(_NUMBER["ioprio_set"], _IOPRIO_WHO_PROCESS, 0, value) < 0:
        raise syscalls.failed()


def set_personality(value: int) -> None:
    """Set this process's execution domain. Raises OSError."""
    function = syscalls.libc.personality
    function.argtypes, function.restype = (c_ulong,), c_int
    if function(value) < 0:
        raise syscalls.failed()
