"""Take a side child's rights away: it reads what comes from a container or from strangers.

No capability, no new privileges, no descriptors but the given, and of the system calls those alone
that copying between sockets takes: no file is opened, no program executed, nobody traced.
"""

from __future__ import annotations

import os
import resource
import signal
import struct
from collections.abc import Sequence

from ipycontainer.linux import capabilities, seccomp, syscalls
from ipycontainer.runtime import bpf

__all__ = ["confine", "keep_only"]

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38  # linux/prctl.h
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO with EPERM
_FIRST = 3
_MEMORY_BYTES = 64 << 20  # beyond what the fork has: a flood must not eat the machine
# What Python itself needs to go on, and to end.
_NEEDED = """
read write close mmap mprotect munmap mremap madvise brk futex rt_sigaction rt_sigprocmask
rt_sigreturn clock_gettime getrandom getpid gettid tgkill exit exit_group fcntl ioctl lseek
sched_yield restart_syscall
"""
_SOCKETS = """
recvfrom sendto recvmsg sendmsg accept4 shutdown getsockopt setsockopt getsockname getpeername
epoll_create1 epoll_ctl epoll_pwait ppoll
"""
_CONNECTING = "socket connect bind"
# asm/unistd_64.h and asm-generic/unistd.h; poll and its kin exist on the first alone.
_NUMBERS = {
    "x86_64": (
        0xC000003E,
        """
read 0 write 1 close 3 poll 7 lseek 8 mmap 9 mprotect 10 munmap 11 brk 12 rt_sigaction 13
rt_sigprocmask 14 rt_sigreturn 15 ioctl 16 sched_yield 24 mremap 25 madvise 28 getpid 39 socket
41 connect 42 accept 43 sendto 44 recvfrom 45 sendmsg 46 recvmsg 47 shutdown 48 bind 49
getsockname 51 getpeername 52 setsockopt 54 getsockopt 55 exit 60 fcntl 72 gettid 186 futex 202
restart_syscall 219 clock_gettime 228 exit_group 231 epoll_wait 232 epoll_ctl 233 tgkill 234
ppoll 271 epoll_pwait 281 accept4 288 epoll_create1 291 getrandom 318
""",
    ),
    "aarch64": (
        0xC00000B7,
        """
epoll_create1 20 epoll_ctl 21 epoll_pwait 22 fcntl 25 ioctl 29 close 57 lseek 62 read
63 write 64 ppoll 73 exit 93 exit_group 94 futex 98 clock_gettime 113 sched_yield 124
restart_syscall 128 tgkill 131 rt_sigaction 134 rt_sigprocmask 135 rt_sigreturn 139 getpid 172
gettid 178 socket 198 bind 200 accept 202 connect 203 getsockname 204 getpeername 205 sendto 206
recvfrom 207 setsockopt 208 getsockopt 209 shutdown 210 sendmsg 211 recvmsg 212 brk 214 munmap
215 mremap 216 mmap 222 mprotect 226 madvise 233 accept4 242 getrandom 278
""",
    ),
}
_ONLY_ON_X86_64 = "poll epoll_wait accept"


def keep_only(fds: Sequence[int]) -> list[int]:
    """Close all descriptors but standard error and the given; return the numbers these have then.

    For a fork that goes on as somebody else: a lock's or a client's descriptor must not live on.
    """
    high = [os.dup(fd) for fd in fds]
    while any(fd < _FIRST + len(fds) for fd in high):
        high = [os.dup(fd) for fd in high]  # out of the way of the numbers they shall have
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for number in (0, 1):
        os.dup2(null, number)
    kept = []
    for number, fd in enumerate(high, _FIRST):
        os.dup2(fd, number, inheritable=False)
        kept.append(number)
    syscalls.close_range(_FIRST + len(fds), cloexec=False)
    return kept


def confine(*, connecting: bool) -> None:
    """Give up everything; with `connecting` new sockets to others may still be made."""
    signal.set_wakeup_fd(-1)
    syscalls.prctl(PR_SET_DUMPABLE, 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 1 << 16)), hard))
    resource.setrlimit(resource.RLIMIT_DATA, (_data_bytes() + _MEMORY_BYTES,) * 2)
    capabilities.drop_bounding(0)
    capabilities.set_sets(0, 0, 0)
    syscalls.prctl(PR_SET_NO_NEW_PRIVS, 1)
    program = _program(f"{_NEEDED} {_SOCKETS} {_CONNECTING if connecting else ''}")
    if program:
        seccomp.install(program)


def _data_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[5]) * resource.getpagesize()


def _program(names: str) -> bytes:
    """Return a filter that allows these calls; nothing on a machine whose numbers are not known."""
    known = _NUMBERS.get(os.uname().machine)
    if known is None:
        return b""
    arch, text = known
    words = text.split()
    numbers = dict(zip(words[::2], map(int, words[1::2]), strict=True))
    wanted = {*names.split(), *_ONLY_ON_X86_64.split()}
    allowed = sorted(number for name, number in numbers.items() if name in wanted)
    code = [
        (bpf.LOAD, 0, 0, bpf.OFFSET_ARCH),
        (bpf.JUMP_EQUAL, 0, len(allowed) + 1, arch),
        (bpf.LOAD, 0, 0, bpf.OFFSET_NUMBER),
        *((bpf.JUMP_EQUAL, len(allowed) - at, 0, number) for at, number in enumerate(allowed)),
        (bpf.RETURN, 0, 0, _REFUSE),
        (bpf.RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
