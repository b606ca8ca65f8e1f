"""Be in front of a program: hand on the signals that come, wait for it, and return its code."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ipycontainer.linux import pidfd, syscalls
from ipycontainer.runtime.command_line import console
from ipycontainer.runtime.launch import Launched

__all__ = ["become_subreaper", "wait"]

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_OWN = {
    *(signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH, signal.SIGPIPE),
    *(signal.SIGKILL, signal.SIGSTOP),
}


def become_subreaper() -> None:
    """Get the orphans of what is started from now on as children, to reap them."""
    syscalls.prctl(PR_SET_CHILD_SUBREAPER, 1)


def wait(launched: Launched) -> int:
    """Wait for a program and return its exit code, 128 + n for a signal, as a shell has it."""
    with _handing_on(launched.pidfd):
        if launched.terminal >= 0:
            console.carry(launched.terminal, launched.pidfd)
            os.close(launched.terminal)
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == launched.pid:
                break
    os.close(launched.pidfd)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


@contextmanager
def _handing_on(process: int) -> Iterator[None]:
    def hand_on(number: int, _: object) -> None:
        with suppress(ProcessLookupError):
            pidfd.send_signal(process, number)

    before = {}
    for number in signal.valid_signals() - _OWN:
        with suppress(OSError, ValueError):  # those of the C library itself
            before[number] = signal.signal(number, hand_on)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
