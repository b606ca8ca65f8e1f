"""From which memory nodes a process gets its pages: set_mempolicy(2)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Collection
from ctypes import c_int, c_ulong, c_void_p

from ipycontainer.linux import syscalls

__all__ = ["FLAGS", "MODES", "set_memory_policy"]

MODES = {  # linux/mempolicy.h
    "MPOL_DEFAULT": 0,
    "MPOL_PREFERRED": 1,
    "MPOL_BIND": 2,
    "MPOL_INTERLEAVE": 3,
    "MPOL_LOCAL": 4,
    "MPOL_PREFERRED_MANY": 5,
    "MPOL_WEIGHTED_INTERLEAVE": 6,
}
FLAGS = {
    "MPOL_F_NUMA_BALANCING": 1 << 13,
    "MPOL_F_RELATIVE_NODES": 1 << 14,
    "MPOL_F_STATIC_NODES": 1 << 15,
}
_NUMBER = {"x86_64": 238, "aarch64": 237}.get(os.uname().machine, -1)
_WORD_BITS = 8 * ctypes.sizeof(c_ulong)

_set_mempolicy = syscalls.syscall(c_int, c_void_p, c_ulong)


def set_memory_policy(mode: str, nodes: Collection[int], flags: Collection[str]) -> None:
    """Set this thread's policy, which its children inherit and execve(2) keeps. Raises OSError."""
    words = max(nodes, default=0) // _WORD_BITS + 1
    mask = (c_ulong * words)()
    for node in nodes:
        mask[node // _WORD_BITS] |= 1 << node % _WORD_BITS
    value = MODES[mode] | sum(FLAGS[flag] for flag in set(flags))
    # the kernel takes one from the number of bits before it uses it (mm/mempolicy.c, get_nodes)
    bits = words * _WORD_BITS + 1 if nodes else 0
    if _set_mempolicy(_NUMBER, value, mask if nodes else None, bits) < 0:
        raise syscalls.failed()
