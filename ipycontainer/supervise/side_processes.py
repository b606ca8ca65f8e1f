"""Side children of a monitor: what carries a container's ports, and what answers its names.

Forked with the sockets they need and nothing else; they end with the monitor.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress

from ipycontainer.linux import syscalls
from ipycontainer.network.confine import confine, keep_only

__all__ = ["end", "fork"]

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def fork(
    name: str,
    fds: Sequence[int],
    live: Callable[[Sequence[int]], None],
    *,
    before: Callable[[Sequence[int]], None] | None = None,
    connecting: bool = False,
) -> int:
    """Fork a child that lives with these descriptors only, and return its pid.

    `live` gets the numbers that they have then, and runs confined; `before` runs with the
    monitor's rights still, to enter a namespace. No database may be open.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        syscalls.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN if number == signal.SIGPIPE else signal.SIG_DFL)
        kept = keep_only(fds)
        syscalls.set_name(name)
        if before is not None:
            before(kept)
        confine(connecting=connecting)
        live(kept)
    except BaseException:  # noqa: BLE001 - a fork must not unwind into the monitor's code
        import traceback

        with suppress(BaseException):
            traceback.print_exc()
    finally:
        os._exit(1)


def end(pid: int) -> None:
    """Kill a side child and see it off."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)
