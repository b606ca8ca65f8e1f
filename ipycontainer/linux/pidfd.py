"""Processes by pidfd: a signal through one can never hit a process that took over the pid."""

from __future__ import annotations

import math
import os
import select
import signal

from ipycontainer.linux import procfs

__all__ = ["open", "open_verified", "send_signal", "wait_exit"]


def open(pid: int) -> int:  # noqa: A001 - read as `pidfd.open`, like os.open
    """Return a pidfd (close-on-exec). Raises ProcessLookupError when there is no such process."""
    return os.pidfd_open(pid)


def open_verified(pid: int, start_ticks: int) -> int:
    """Return a pidfd of the process that had this pid and start time.

    The pidfd comes first and the start time is read after it: in the other order the process could
    change in between. Raises ProcessLookupError when it is gone or the pid is another's.
    """
    fd = os.pidfd_open(pid)
    try:
        if procfs.start_ticks(pid) != start_ticks:
            raise ProcessLookupError(3, f"process {pid} is another one")
    except BaseException:
        os.close(fd)
        raise
    return fd


def send_signal(fd: int, number: int) -> None:
    """Send a signal. Raises ProcessLookupError when the process has ended and is reaped."""
    signal.pidfd_send_signal(fd, number)


def wait_exit(fd: int, timeout: float | None = None) -> bool:
    """Wait until the process has ended, at most `timeout` seconds; tell whether it has.

    It may still be a zombie: its parent reaps it.
    """
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(None if timeout is None else math.ceil(timeout * 1000)))
