"""Clone a process into memory that another one lends, so that its execve(2) takes nothing down.

execve(2) frees the memory that it replaces before the new program runs: for a forked Python that is
longer than all else that a start still has to do. Memory that somebody else has, too, is only left.
So the process is cloned with CLONE_VM from a lender, a fork of the caller made for that. The lender
never runs again: CLONE_VFORK (clone(2)) holds it until the other one executes or ends, and SIGSTOP
from then on, for its stack is the other one's by now. Were it continued all the same, the first
system call would be its end (PR_SET_SYSCALL_USER_DISPATCH, Linux 5.11, which no child inherits).
`take_back` ends it, when nobody waits.

To be forked costs the caller, too: each page that it writes to while the fork lives is copied once
more. A caller that clones again and again is forked once, into a `Mould`, which forks the lenders.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn

from ipycontainer.linux import syscalls

__all__ = ["NOBODY", "Lender", "Mould", "clone"]

CLONE_VM, CLONE_VFORK, CLONE_PARENT = 0x100, 0x4000, 0x8000  # linux/sched.h
PR_SET_PDEATHSIG, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON = 1, 59, 1  # linux/prctl.h
_ALLOW, _BLOCK = b"\0", b"\1"  # SYSCALL_DISPATCH_FILTER_*
SO_PASSCRED, SCM_CREDENTIALS = 16, 2  # asm/socket.h, linux/socket.h
_CREDENTIALS = struct.Struct("iII")  # struct ucred: pid, as the receiver sees it, uid and gid
_PID = struct.Struct("ii")  # of a lender, and the number of an error


class Lender:
    """A process whose memory another one uses: our child, stopped for good."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    @property
    def is_back(self) -> bool:
        """Tell whether it was ended."""
        return not self._pid

    def stop(self) -> None:
        """Let it run no more: the memory is the other one's."""
        os.kill(self._pid, signal.SIGSTOP)

    def take_back(self) -> None:
        """End it, once; whoever still uses the memory keeps it."""
        pid, self._pid = self._pid, 0
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


NOBODY = Lender(0)  # of a process that has memory of its own


def clone(
    flags: int, fd: int, live: Callable[[int], NoReturn], kept: Sequence[int] = ()
) -> tuple[int, Lender]:
    """Clone a child of ours with new namespaces that calls `live` with its own copy of `fd`.

    Return its pid and its lender. The child has no other descriptor than that, the standard ones
    and what is to be `kept`. As for `syscalls.clone`, the caller has one thread and blocks all
    signals, and no at-fork hooks run. The lender ends with the caller; the child does if it says so
    itself, and must not return. Raises OSError as clone(2) does.
    """
    caller = os.getpid()

    def fork(door: int) -> int:
        pid = syscalls.clone(0)
        if pid == 0:
            _lend((door, *kept), caller, flags, live)
        return pid

    return _child_of_lender(fork, fd)


class Mould:
    """A fork of the caller that does what `clone` does for it, and does nothing else.

    It is made by a caller as for `clone`, with the same arguments: what `live` finds in memory is
    what was there then. It ends with the caller, or by `end`.
    """

    def __init__(
        self, flags: int, live: Callable[[int], NoReturn], kept: Sequence[int] = ()
    ) -> None:
        self._door, inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        caller = os.getpid()
        self.pid = syscalls.clone(0)
        if self.pid == 0:
            _fork_lenders((inner.detach(), *kept), caller, flags, live)
        inner.close()

    def clone(self, fd: int) -> tuple[int, Lender]:
        """Clone a child of the caller's, as `clone` does. OSError also where the mould is gone."""
        return _child_of_lender(self._fork, fd)

    def end(self) -> None:
        """End it, once; what it has made lives on."""
        self._door.close()
        pid, self.pid = self.pid, 0
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def _fork(self, door: int) -> int:
        socket.send_fds(self._door, [b"1"], [door])
        said = self._door.recv(_PID.size)
        if not said:
            raise ConnectionResetError(errno.ECONNRESET, "the mould has ended")
        pid, failed = _PID.unpack(said)
        if failed:
            raise OSError(failed, os.strerror(failed), "clone")
        return int(pid)


def _child_of_lender(fork: Callable[[int], int], fd: int) -> tuple[int, Lender]:
    """Have a lender forked, which gets a door to us, and return its child, which gets `fd`."""
    door, inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        door.setsockopt(socket.SOL_SOCKET, SO_PASSCRED, 1)
        lender = Lender(fork(inner.fileno()))
        inner.close()
        try:
            message, notes, _, _ = door.recvmsg(4, socket.CMSG_SPACE(_CREDENTIALS.size))
            failed = int.from_bytes(message, "little") if message else errno.ESRCH
            if failed:
                raise OSError(failed, os.strerror(failed), "clone")
            lender.stop()
            socket.send_fds(door, [b"1"], [fd])
        except BaseException:
            lender.take_back()
            raise
        (child,) = (
            _CREDENTIALS.unpack(data)[0] for _, kind, data in notes if kind == SCM_CREDENTIALS
        )
        return child, lender
    finally:
        door.close()
        inner.close()


def _fork_lenders(
    kept: Sequence[int], caller: int, flags: int, live: Callable[[int], NoReturn]
) -> NoReturn:
    """Be the mould: fork a lender for each door that comes by `kept[0]`; the caller's, not ours."""
    try:
        syscalls.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != caller:
            os._exit(255)
        syscalls.close_all_but(*kept)
        syscalls.set_name("ipyc-mould")
        with socket.socket(fileno=kept[0]) as sock:
            while True:
                _, doors, _, _ = socket.recv_fds(sock, 1, 1, socket.MSG_CMSG_CLOEXEC)
                if not doors:
                    os._exit(0)
                pid = failed = 0
                try:
                    pid = syscalls.clone(CLONE_PARENT)
                except OSError as error:
                    failed = error.errno or errno.EINVAL
                if pid == 0 and not failed:
                    _lend((doors[0], *kept[1:]), caller, flags, live)
                os.close(doors[0])
                sock.send(_PID.pack(pid, failed))
    finally:
        os._exit(255)


def _lend(
    kept: Sequence[int], caller: int, flags: int, live: Callable[[int], NoReturn]
) -> NoReturn:
    """Be the lender, and from the clone on in its place the child, with the door `kept[0]`.

    What it closes is the caller's: a lock, for one, that must not outlive who holds it. The child
    has nothing until the caller knows that it is there, and has stopped the lender; where there is
    no caller any more the child outlives the lender, which would run on with the child's stack.
    """
    try:
        syscalls.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != caller:
            os._exit(255)
        syscalls.close_all_but(*kept)
        lender = os.pidfd_open(os.getpid())
        selector, failed = ctypes.create_string_buffer(_ALLOW, 1), 0
        with suppress(OSError):  # an older kernel, or one that has it not for this machine
            where = ctypes.addressof(selector)
            syscalls.prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, where)
        try:
            syscalls.clone(flags | CLONE_VM | CLONE_VFORK | CLONE_PARENT)
            selector.raw = _BLOCK  # the lender's calls; ours are not looked at
        except OSError as error:
            failed = error.errno or errno.EINVAL
        fds: list[int] = []
        with socket.socket(fileno=kept[0]) as sock, suppress(OSError):
            sock.send(failed.to_bytes(4, "little"))
            if not failed:
                _, fds, _, _ = socket.recv_fds(sock, 1, 1, socket.MSG_CMSG_CLOEXEC)
        if not fds and not failed:
            select.select((lender,), (), ())
        os.close(lender)
        if fds:
            live(fds[0])
    finally:
        os._exit(255)
