"""Install a ready seccomp program. What it allows is the runtime's business."""

from __future__ import annotations

from ipycontainer.linux import syscalls

__all__ = ["install"]

BPF_MAXINSNS = 4096  # linux/bpf_common.h


def install(program: bytes, flags: int = syscalls.SECCOMP_FILTER_FLAG_SPEC_ALLOW) -> int:
    """Filter this process's system calls, and those of all it becomes, by a BPF program.

    Eight bytes an instruction. Without no_new_privs it needs CAP_SYS_ADMIN (EACCES), so it comes
    before the capabilities go. Returns the fd of a listener where `flags` ask for one.
    """
    if not program or len(program) % 8 or len(program) // 8 > BPF_MAXINSNS:
        raise ValueError(f"{len(program)} bytes are no seccomp program")
    return syscalls.seccomp_set_filter(program, flags)
