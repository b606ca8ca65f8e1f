"""What a process sees of itself when it looks for traces."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable

import pytest

from ipycontainer.linux import syscalls
from ipycontainer.supervise.own_state import OwnState, is_alone


def in_child(action: Callable[[], bool]) -> bool:
    """Return what a fork of ours says, which nobody else has to live with."""
    pid = os.fork()
    if pid == 0:
        said = False
        try:
            said = action()
        except BaseException as error:  # noqa: BLE001 - a fork must not return into pytest
            print(error, file=sys.stderr, flush=True)
        finally:
            os._exit(0 if said else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _block() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})


def _limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))


def _score() -> None:
    with open("/proc/self/oom_score_adj", "r+", encoding="ascii") as file:
        before = int(file.read())
        file.seek(0)
        file.write(str(min(1000, before + 7)))


CHANGES: dict[str, Callable[[], object]] = {
    "a descriptor": lambda: os.open("/dev/null", os.O_RDONLY),
    "another file under a number": lambda: os.dup2(os.pipe()[0], 0),
    "the directory": lambda: os.chdir("/usr"),
    "the umask": lambda: os.umask(0o137),
    "the environment": lambda: os.environ.__setitem__("IPYCONTAINER_TRACE", "1"),
    "a blocked signal": _block,
    "an ignored signal": lambda: signal.signal(signal.SIGUSR2, signal.SIG_IGN),
    "a limit": _limit,
    "the score": _score,
    "the priority": lambda: os.nice(1),
    "the session": os.setsid,
    "being traced": lambda: syscalls.prctl(4, 0),  # PR_SET_DUMPABLE
    "no new privileges": lambda: syscalls.prctl(38, 1),  # PR_SET_NO_NEW_PRIVS
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_trace_is_seen(name: str) -> None:
    """Each of what a container may be given by its monitor, or its monitor for it."""

    def differs() -> bool:
        before = OwnState.look()
        CHANGES[name]()
        return OwnState.look() != before

    assert in_child(differs)


def test_without_a_trace_it_is_the_same() -> None:
    """What was opened and closed, or written and put back, is none; nor is time that passes."""

    def same() -> bool:
        before = OwnState.look()
        os.close(os.open("/dev/null", os.O_RDONLY))
        os.umask(os.umask(0))
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        sum(range(100_000))
        return OwnState.look() == before and is_alone()

    assert in_child(same)


@pytest.mark.parametrize("ended", [True, False])
def test_who_has_a_child_is_not_alone(ended: bool) -> None:
    """One that has ended was nobody's to wait for."""

    def alone() -> bool:
        pid = os.fork()
        if pid == 0:
            if not ended:
                time.sleep(60)
            os._exit(0)
        if ended:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        found = is_alone()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return not found and is_alone()

    assert in_child(alone)


def test_a_companion_is_no_child_that_counts() -> None:
    """Who has another one beside it is not alone, and neither is who has another one instead."""

    def alone() -> bool:
        pids = []
        for _ in range(2):
            pid = os.fork()
            if pid == 0:
                time.sleep(60)
                os._exit(0)
            pids.append(pid)
        both = is_alone(pids[0])
        os.kill(pids[1], signal.SIGKILL)
        os.waitpid(pids[1], 0)
        first, other = is_alone(pids[0]), is_alone(pids[1])
        os.kill(pids[0], signal.SIGKILL)
        os.waitpid(pids[0], 0)
        return first and not both and not other

    assert in_child(alone)


def test_who_has_a_thread_is_not_alone() -> None:
    """It could not enter a namespace."""

    def alone() -> bool:
        over = threading.Event()
        thread = threading.Thread(target=over.wait)
        thread.start()
        found = is_alone()
        over.set()
        thread.join()
        return not found

    assert in_child(alone)
