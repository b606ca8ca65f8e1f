"""What /proc and pidfds say of processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ipycontainer.linux import capabilities, pidfd, procfs


@pytest.fixture
def sleeper() -> subprocess.Popen[bytes]:
    """A process that would sleep for long."""
    code = "import time; time.sleep(100)"
    return subprocess.Popen([sys.executable, "-c", code])


def test_a_process_is_known_by_pid_and_start(sleeper: subprocess.Popen[bytes]) -> None:
    """A pidfd is given for the recorded start only; the process ends through it."""
    ticks = procfs.start_ticks(sleeper.pid)
    with pytest.raises(ProcessLookupError):
        pidfd.open_verified(sleeper.pid, ticks + 1)
    fd = pidfd.open_verified(sleeper.pid, ticks)
    try:
        assert not pidfd.wait_exit(fd, 0)
        pidfd.send_signal(fd, 9)
        assert pidfd.wait_exit(fd, 10)
    finally:
        os.close(fd)
    assert sleeper.wait() == -9


def test_a_process_that_nobody_reaps_has_ended(sleeper: subprocess.Popen[bytes]) -> None:
    """What it left is nobody's, however long its parent does not wait for it."""
    pid, ticks = sleeper.pid, procfs.start_ticks(sleeper.pid)
    running = [procfs.is_running(pid, ticks), procfs.is_running(pid, ticks + 1)]
    sleeper.kill()
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    ended = procfs.start_ticks(pid) == ticks and procfs.is_running(pid, ticks)
    sleeper.wait()
    assert [*running, ended, procfs.is_running(pid, ticks)] == [True, False, False, False]


def test_a_process_that_is_ending_is_not_running(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of its connections is seen before that of itself."""
    pid = os.getpid()
    ticks, fields = procfs.start_ticks(pid), Path(f"/proc/{pid}/stat").read_text().split()
    told = []
    for flags in (int(fields[8]), int(fields[8]) | procfs.PF_EXITING):
        text = " ".join((*fields[:8], str(flags), *fields[9:])).encode()
        monkeypatch.setattr(procfs, "_read", lambda *_, text=text: text)
        told.append(procfs.is_running(pid, ticks))
    assert told == [True, False]


def test_a_missing_process_is_said_as_such() -> None:
    """Every reader of /proc raises ProcessLookupError."""
    for read in (procfs.start_ticks, procfs.nspid_depth):
        with pytest.raises(ProcessLookupError):
            read(2**22 + 1)


def test_a_name_with_parentheses_does_not_shift_fields(tmp_path: object) -> None:
    """The second field of /proc/PID/stat may hold anything, `) ` included."""
    code = (
        "import ctypes,sys,time;ctypes.CDLL(None).prctl(15,b'a) R 1 (b',0,0,0);"
        "print(flush=True);time.sleep(100)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout as output:
        output.readline()
    before = procfs.start_ticks(os.getpid())

    assert procfs.start_ticks(child.pid) >= before
    child.kill()
    child.wait()


def test_this_process_has_one_pid_more_than_it_is_nested() -> None:
    """The test runner lives in one pid namespace as itself sees it."""
    assert procfs.nspid_depth(os.getpid()) >= 1
    assert len(procfs.boot_id()) == 36


def test_capability_masks_and_names_agree() -> None:
    """Docker's default set has the mask that its containers show."""
    names = ("CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_CHECKPOINT_RESTORE")

    assert capabilities.names_of(capabilities.mask_of(names)) == names
    assert capabilities.mask_of(names) == 1 | 1 << 21 | 1 << 40
    assert capabilities.own_bounding() >= 0
