"""A small init (`--init`): PID 1 that forwards signals, reaps orphans and ends as the program does.

What tini does for docker. A program as PID 1 gets no default action for signals that it does not
handle, and orphans become its zombies. Runs inside the container with the program's own user and
rights; so it is made unreadable for it, and instead of the host's its command line shows docker's.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

from ipycontainer.linux import syscalls

__all__ = ["TITLE", "fork_and_reap"]

PR_SET_DUMPABLE = 4  # linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36
TITLE = b"docker-init"  # docker's, which people and scripts look for in `ps`
# Faults of this process itself, job control of a terminal, and the end of a child are not the
# program's.
_OWN = frozenset(
    {
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGABRT,
        signal.SIGTRAP,
        signal.SIGSYS,
        signal.SIGTTIN,
        signal.SIGTTOU,
        signal.SIGCHLD,
    }
)
_AWAITED = signal.valid_signals() - (_OWN - {signal.SIGCHLD})


def fork_and_reap(args: Sequence[str]) -> bool:
    """Return True in a child that becomes the program `args`; the parent reaps to the end.

    All signals are blocked here, as during the whole start. Every fd of the parent but 0, 1 and 2
    is closed, so that the engine sees the child's execve as the end of its socket.
    """
    child = syscalls.clone(0)
    if child == 0:
        _own_the_keys()
        return True
    code = 255
    try:
        syscalls.close_range(3, cloexec=False)
        syscalls.prctl(PR_SET_DUMPABLE, 0)
        if os.getpid() != 1:  # in a pid namespace that is shared: orphans come here all the same
            syscalls.prctl(PR_SET_CHILD_SUBREAPER, 1)
        _show_title(args)
        code = _reap_until(child)
    finally:
        os._exit(code)


def _own_the_keys() -> None:
    """Let what is typed on a terminal reach the program alone.

    Without a group of its own it would get a Ctrl-C twice: from the terminal and from its parent.
    """
    try:
        os.tcgetpgrp(0)
    except OSError:  # ENOTTY: there is none, and a session of its own does the same
        os.setsid()
        return
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())  # SIGTTOU, which this would give, is blocked as all are


def _reap_until(child: int) -> int:
    while True:
        info = signal.sigwaitinfo(_AWAITED)
        if info.si_signo != signal.SIGCHLD:
            try:
                os.kill(child, info.si_signo)
            except ProcessLookupError:
                pass
            continue
        # several ends may have become one SIGCHLD
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return 255
            if pid == 0:
                break
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code


def _show_title(args: Sequence[str]) -> None:
    """Write docker's over the command line that `ps` shows, whose place proc_pid_stat(5) names."""
    syscalls.set_name(TITLE.decode())
    try:
        with open("/proc/self/stat", "rb", buffering=0) as file:
            raw = file.read()
        fields = raw[raw.rindex(b")") + 2 :].split()
        start, end = int(fields[45]), int(fields[46])
    except (OSError, ValueError, IndexError):
        return  # no /proc in this container
    if 0 < start < end:
        words = (b"/sbin/" + TITLE, b"--", *map(os.fsencode, args))
        shown = b"\0".join(words)[: end - start - 1]
        syscalls.move_memory(start, shown.ljust(end - start, b"\0"))
