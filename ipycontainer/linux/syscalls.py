"""The C library by ctypes, and the calls that Python's os module lacks.

Everything else of `linux` stands on this module; it imports nothing of ours. It is complete once
imported: prototypes are set here, because a prototype set after a fork costs a copied page, and
nothing may be loaded after setns(2).

Python >= 3.12 has os.setns and os.unshare; 3.11 has not, so both come from the C library here.
Numbers below 424 differ between machines (asm/unistd_64.h, asm-generic/unistd.h); those from 424 on
are the same everywhere (include/uapi/asm-generic/unistd.h).
"""

from __future__ import annotations

import ctypes
import os
from ctypes import byref, c_char_p, c_int, c_long, c_size_t, c_uint, c_ulong, c_void_p
from typing import Any

__all__ = [
    "OpenHow",
    "address_of",
    "buffer",
    "capset",
    "clone",
    "close_range",
    "failed",
    "fstatfs_type",
    "join_session_keyring",
    "libc",
    "mount",
    "move_memory",
    "openat2",
    "pivot_root",
    "prctl",
    "seccomp_set_filter",
    "set_name",
    "set_signal_default",
    "setdomainname",
    "sethostname",
    "setns",
    "sigmask_block_all",
    "sigmask_restore",
    "sigmask_unblock_all",
    "syncfs",
    "syscall",
    "umount",
    "unshare",
]

libc = ctypes.CDLL(None, use_errno=True)

_MACHINE_NUMBERS = {
    "x86_64": {
        "clone": 56,
        "capset": 126,
        "pivot_root": 155,
        "keyctl": 250,
        "seccomp": 317,
    },
    "aarch64": {
        "pivot_root": 41,
        "capset": 91,
        "keyctl": 219,
        "clone": 220,
        "seccomp": 277,
    },
}
# An unknown machine gets numbers that no kernel has: each call then says ENOSYS by itself.
_NUMBERS = _MACHINE_NUMBERS.get(os.uname().machine, dict.fromkeys(_MACHINE_NUMBERS["x86_64"], -1))

NR_CLOSE_RANGE = 436
NR_OPENAT2 = 437

KEYCTL_JOIN_SESSION_KEYRING = 1  # linux/keyctl.h
SECCOMP_SET_MODE_FILTER = 1  # linux/seccomp.h
SECCOMP_FILTER_FLAG_SPEC_ALLOW = 1 << 2  # linux/seccomp.h
SECCOMP_FILTER_FLAG_NEW_LISTENER = 1 << 3  # linux/seccomp.h
CLOSE_RANGE_CLOEXEC = 1 << 2  # linux/close_range.h
LINUX_CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h
SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK = 0, 1, 2  # asm-generic/signal-defs.h
PR_SET_NAME = 15  # linux/prctl.h
SIGCHLD = 17  # asm/signal.h, x86_64 and aarch64

_SIGSET_BYTES = 128  # sizeof(sigset_t) in glibc and musl
_ALL_SIGNALS = ctypes.create_string_buffer(b"\xff" * _SIGSET_BYTES, _SIGSET_BYTES)


class OpenHow(ctypes.Structure):
    """`struct open_how` of linux/openat2.h."""

    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


class _SockFprog(ctypes.Structure):
    """`struct sock_fprog` of linux/filter.h."""

    _fields_ = (("len", ctypes.c_ushort), ("filter", c_char_p))


def _function(name: str, *arguments: Any, result: Any = c_int) -> Any:
    function = libc[name]
    function.restype = result
    function.argtypes = arguments
    return function


def syscall(*arguments: Any) -> Any:
    """Return the C library's raw entry to the kernel, for a number and these ctypes types."""
    return _function("syscall", c_long, *arguments, result=c_long)


def failed(name: str | None = None) -> OSError:
    """Return the OSError for the errno that the last call of `libc` left."""
    number = ctypes.get_errno()
    return (
        OSError(number, os.strerror(number), name) if name else OSError(number, os.strerror(number))
    )


_clone = syscall(c_ulong, c_void_p, c_void_p, c_void_p, c_void_p)
_close_range = syscall(c_uint, c_uint, c_uint)
_openat2 = syscall(c_int, c_char_p, c_void_p, c_size_t)
_pivot_root = syscall(c_char_p, c_char_p)
_keyctl = syscall(c_int, c_char_p)
_seccomp = syscall(c_uint, c_uint, c_void_p)
_capset = syscall(c_void_p, c_void_p)
_prctl = _function("prctl", c_int, c_ulong, c_ulong, c_ulong, c_ulong)
_setns = _function("setns", c_int, c_int)
_unshare = _function("unshare", c_int)
_mount = _function("mount", c_char_p, c_char_p, c_char_p, c_ulong, c_char_p)
_umount2 = _function("umount2", c_char_p, c_int)
_sethostname = _function("sethostname", c_char_p, c_size_t)
_setdomainname = _function("setdomainname", c_char_p, c_size_t)
_syncfs = _function("syncfs", c_int)
_fstatfs = _function("fstatfs", c_int, c_void_p)
_sigprocmask = _function("sigprocmask", c_int, c_void_p, c_void_p)
_signal = _function("signal", c_int, c_void_p, result=c_void_p)
_memmove = _function("memmove", c_void_p, c_char_p, c_size_t, result=c_void_p)


def clone(flags: int) -> int:
    """Fork with new namespaces: 0 in the child, else its pid as this pid namespace sees it.

    A clone(2) without stack and with SIGCHLD, as fork(2) does it. Python's at-fork hooks do not
    run: callers have one thread, and the child touches neither threads, logging nor random numbers.
    """
    pid: int = _clone(_NUMBERS["clone"], flags | SIGCHLD, None, None, None, None)
    if pid < 0:
        raise failed()
    return pid


def prctl(option: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0) -> int:
    """Change one trait of this process, by the option's number (prctl(2))."""
    result: int = _prctl(option, a, b, c, d)
    if result < 0:
        raise failed()
    return result


def set_name(name: str) -> None:
    """Set this thread's name, as `ps` and /proc/PID/comm show it, cut at 15 bytes."""
    raw = buffer(name.encode()[:15] + b"\0")
    prctl(PR_SET_NAME, address_of(raw))


def setns(fd: int, kinds: int) -> None:
    """Join a namespace by its file, or several of a process by its pidfd (Linux 5.8)."""
    if _setns(fd, kinds) < 0:
        raise failed()


def unshare(flags: int) -> None:
    """Move this process into new namespaces."""
    if _unshare(flags) < 0:
        raise failed()


def mount(
    source: str | None, target: str, kind: str | None, flags: int, data: str | None = None
) -> None:
    """Mount by path the old way, which cuts `data` at 4095 bytes without a word."""
    if (
        _mount(
            None if source is None else os.fsencode(source),
            os.fsencode(target),
            None if kind is None else kind.encode(),
            flags,
            None if data is None else os.fsencode(data),
        )
        < 0
    ):
        raise failed(target)


def umount(target: str, flags: int) -> None:
    """Unmount by path."""
    if _umount2(os.fsencode(target), flags) < 0:
        raise failed(target)


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root and stack the old one on `old`; the C library has no function for it."""
    if _pivot_root(_NUMBERS["pivot_root"], os.fsencode(new), os.fsencode(old)) < 0:
        raise failed(new)


def openat2(directory: int, path: bytes, flags: int, mode: int, resolve: int) -> int:
    """Open `path` below a directory fd under the restrictions of `resolve` (Linux 5.6)."""
    how = OpenHow(flags, mode, resolve)
    fd: int = _openat2(NR_OPENAT2, directory, path, byref(how), ctypes.sizeof(how))
    if fd < 0:
        raise failed(os.fsdecode(path))
    return fd


def close_range(first: int, *, cloexec: bool) -> None:
    """Close every fd from `first` on, or only mark them close-on-exec (Linux 5.11).

    An older kernel gets the same by walking the open files limit's /proc/self/fd.
    """
    if _close_range(NR_CLOSE_RANGE, first, 0xFFFFFFFF, CLOSE_RANGE_CLOEXEC if cloexec else 0) == 0:
        return
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        try:
            if fd >= first:
                os.set_inheritable(fd, False) if cloexec else os.close(fd)
        except OSError:
            continue  # the fd of the listing itself


def close_all_but(*kept: int) -> None:
    """Close every fd but the standard ones and these: others may wait for what a fork has, too."""
    first = 3
    for fd in sorted(kept):
        os.closerange(first, fd)
        first = fd + 1
    close_range(first, cloexec=False)


def join_session_keyring(name: str) -> None:
    """Join a new session keyring of that name, sharing no keys with the caller's."""
    if _keyctl(_NUMBERS["keyctl"], KEYCTL_JOIN_SESSION_KEYRING, name.encode()) < 0:
        raise failed()


def seccomp_set_filter(program: bytes, flags: int = SECCOMP_FILTER_FLAG_SPEC_ALLOW) -> int:
    """Install a BPF program (8 bytes an instruction) as this process's seccomp filter.

    Returns the fd of its listener where a flag asks for one, else 0.

    Needs no_new_privs or CAP_SYS_ADMIN in the own user namespace, else EACCES. SPEC_ALLOW as crun
    has it: without it old kernels switch off speculative store bypass, at a price.
    """
    # the bytes themselves, not a copy: a large malloc(3) in a fresh fork has glibc merge its free
    # chunks, which copies every page they lie on (0.5 ms: measured)
    fprog = _SockFprog(len(program) // 8, program)
    fd: int = _seccomp(_NUMBERS["seccomp"], SECCOMP_SET_MODE_FILTER, flags, byref(fprog))
    if fd < 0:
        # EINVAL: the flag is unknown before Linux 4.17
        if flags == SECCOMP_FILTER_FLAG_SPEC_ALLOW and ctypes.get_errno() == 22:
            return seccomp_set_filter(program, 0)
        raise failed()
    return fd


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """Set this process's three capability sets, given as bit masks."""
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    low = 0xFFFFFFFF
    data = (ctypes.c_uint32 * 6)(
        effective & low,
        permitted & low,
        inheritable & low,
        effective >> 32,
        permitted >> 32,
        inheritable >> 32,
    )
    if _capset(_NUMBERS["capset"], byref(header), byref(data)) < 0:
        raise failed()


def sethostname(name: str) -> None:
    """Set the host name of this process's UTS namespace."""
    raw = name.encode()
    if _sethostname(raw, len(raw)) < 0:
        raise failed()


def setdomainname(name: str) -> None:
    """Set the NIS domain name of this process's UTS namespace."""
    raw = name.encode()
    if _setdomainname(raw, len(raw)) < 0:
        raise failed()


def fstatfs_type(fd: int) -> int:
    """Return the magic number (linux/magic.h) of the file system that an fd lies on."""
    buffer = ctypes.create_string_buffer(256)  # struct statfs has 120 bytes; f_type comes first
    if _fstatfs(fd, buffer) < 0:
        raise failed()
    return c_long.from_buffer(buffer).value & 0xFFFFFFFF


def syncfs(fd: int) -> None:
    """Write all that is dirty on the file system of an fd to its disk (syncfs(2))."""
    if _syncfs(fd) < 0:
        raise failed()


def sigmask_block_all() -> bytes:
    """Block every signal and return the former mask for `sigmask_restore`.

    By ctypes, because signal.pthread_sigmask builds sets of 64 enum members.
    """
    old = ctypes.create_string_buffer(_SIGSET_BYTES)
    if _sigprocmask(SIG_SETMASK, _ALL_SIGNALS, old) < 0:
        raise failed()
    return old.raw


def sigmask_restore(mask: bytes) -> None:
    """Set the signal mask that `sigmask_block_all` returned."""
    if _sigprocmask(SIG_SETMASK, ctypes.create_string_buffer(mask, _SIGSET_BYTES), None) < 0:
        raise failed()


def sigmask_unblock_all() -> None:
    """Unblock every signal."""
    if _sigprocmask(SIG_UNBLOCK, _ALL_SIGNALS, None) < 0:
        raise failed()


def set_signal_default(number: int) -> None:
    """Give one signal its default action.

    Without effect on those that the C library keeps for itself.
    """
    _signal(number, None)


def buffer(data: bytes) -> ctypes.Array[ctypes.c_char]:
    """Return memory of the C library's that holds these bytes."""
    return ctypes.create_string_buffer(data, len(data))


def address_of(data: ctypes.Array[ctypes.c_char]) -> int:
    """Return where such memory lies."""
    return ctypes.addressof(data)


def move_memory(address: int, data: bytes) -> None:
    """Write bytes at an address of this process."""
    _memmove(address, data, len(data))
