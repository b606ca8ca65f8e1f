"""Processes in lent memory: each case in a process of its own, which has one thread."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAD = """
import os, signal, socket, sys, time
from ipycontainer.linux import lending, syscalls

def state(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(") ", 1)[1][0]

def stopped(pid):
    while state(pid) != "T":
        time.sleep(0.001)

def clone(live, flags=0):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    mask = syscalls.sigmask_block_all()
    try:
        pid, lender = lending.clone(flags, theirs.fileno(), live)
    finally:
        syscalls.sigmask_restore(mask)
        theirs.close()
    return ours, pid, lender

def cast(live):
    mask = syscalls.sigmask_block_all()
    try:
        return lending.Mould(0, live)
    finally:
        syscalls.sigmask_restore(mask)

def clone_by(mould):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        pid, lender = mould.clone(theirs.fileno())
    finally:
        theirs.close()
    return ours, pid, lender

def execute(fd):
    code = os.read(fd, 1).decode()
    os.execv("/bin/sh", ["sh", "-c", f"exit {code}"])

def no_child_is_left():
    try:
        os.wait()
    except ChildProcessError:
        return True
"""


def run(program: str) -> str:
    """Run a program in an interpreter of its own and return what it prints."""
    return subprocess.run(
        [sys.executable, "-c", HEAD + program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def test_the_child_is_ours_and_its_program_runs() -> None:
    """A word lets it execute; the socket's end says that it has; its code is waited for."""
    said = run(
        """
def live(fd):
    os.read(fd, 1)
    os.execv("/bin/sh", ["sh", "-c", "exit 7"])

ours, pid, lender = clone(live)
ours.send(b"1")
assert ours.recv(1) == b""
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
stopped(lender._pid)
lender.take_back()
lender.take_back()
try:
    os.wait()
except ChildProcessError:
    print("no child is left")
"""
    )

    assert said == "7\nno child is left\n"


def test_the_child_has_one_descriptor_besides_the_standard_ones() -> None:
    """What the caller has open, a lock for one, is open in neither of the two."""
    said = run(
        """
kept = os.open("/etc", os.O_RDONLY)
def live(fd):
    names = sorted(os.listdir("/proc/self/fd"), key=int)
    os.write(fd, " ".join(n for n in names if os.path.exists(f"/proc/self/fd/{n}")).encode())
    os.write(fd, str(fd).encode())
    os.read(fd, 1)
    os._exit(0)

ours, pid, lender = clone(live)
print(set(ours.recv(99).split()) - {b"0", b"1", b"2"} == {ours.recv(9)})
held = {os.readlink(f"/proc/{lender._pid}/fd/{n}") for n in os.listdir(f"/proc/{lender._pid}/fd")}
print("/etc" in held)
ours.send(b"1")
os.waitpid(pid, 0)
lender.take_back()
"""
    )

    assert said == "True\nFalse\n"


@pytest.mark.parametrize("end", ["os.kill(pid, signal.SIGKILL)", "ours.send(b'1')"])
def test_a_lender_does_not_run_when_the_child_has_ended(end: str) -> None:
    """Killed or ended before its execve(2): the lender's stack is not its own any more."""
    said = run(
        f"""
def live(fd):
    os.read(fd, 1)
    os._exit(3)

ours, pid, lender = clone(live)
{end}
os.waitpid(pid, 0)
stopped(lender._pid)
lender.take_back()
print("taken back")
"""
    )

    assert said == "taken back\n"


def test_a_clone_that_the_kernel_refuses_is_an_error_and_leaves_no_child() -> None:
    """CLONE_FS with a new mount namespace is no valid pair (clone(2))."""
    said = run(
        """
import errno
try:
    clone(None, 0x200 | 0x20000)
except OSError as error:
    print(errno.errorcode[error.errno])
try:
    os.wait()
except ChildProcessError:
    print("no child is left")
"""
    )

    assert said == "EINVAL\nno child is left\n"


@pytest.mark.parametrize(
    ("before", "cloned"),
    [("mould = None", "clone(live)"), ("mould = cast(live)", "clone_by(mould)")],
    ids=["alone", "by a mould"],
)
def test_all_end_with_the_caller(before: str, cloned: str) -> None:
    """A killed caller leaves no lender and no mould, nor the child, which asked for that."""
    said = run(
        f"""
read, write = os.pipe()
caller = os.fork()
if caller == 0:
    os.close(read)
    def live(fd):
        syscalls.prctl(1, 9)
        os.write(fd, b"1")
        os.read(fd, 1)
        os._exit(0)
    {before}
    ours, pid, lender = {cloned}
    ours.recv(1)
    os.write(write, f"{{pid}} {{lender._pid}} {{mould and mould.pid}}".encode())
    signal.pause()
os.close(write)
pids = [int(word) for word in os.read(read, 99).split() if word != b"None"]
os.kill(caller, signal.SIGKILL)
os.waitpid(caller, 0)
while any(os.path.exists(f"/proc/{{pid}}") and state(pid) != "Z" for pid in pids):
    time.sleep(0.001)
print("all are gone")
"""
    )

    assert said == "all are gone\n"


def test_a_lender_that_is_continued_makes_no_system_call() -> None:
    """Neither an exit: it ends by a signal, or comes to nothing until it is taken back."""
    said = run(
        """
def live(fd):
    os.read(fd, 1)
    os.execv("/bin/sh", ["sh", "-c", "exit 0"])

ours, pid, lender = clone(live)
ours.send(b"1")
os.waitpid(pid, 0)
stopped(lender._pid)
os.kill(lender._pid, signal.SIGCONT)
ended, status = 0, 0
for _ in range(100):
    ended, status = os.waitpid(lender._pid, os.WNOHANG)
    if ended:
        break
    time.sleep(0.01)
else:
    lender.take_back()
print(bool(ended) and os.WIFEXITED(status))
"""
    )

    assert said == "False\n"


def test_a_mould_makes_one_child_after_another() -> None:
    """All are the caller's own, also those that are there at once, and outlive the mould."""
    said = run(
        """
mould = cast(execute)
first, second = clone_by(mould), clone_by(mould)
mould.end()
for code, (ours, pid, lender) in (("3", first), ("4", second)):
    ours.send(code.encode())
    assert ours.recv(1) == b""
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    lender.take_back()
print(no_child_is_left())
"""
    )

    assert said == "3\n4\nTrue\n"


def test_a_mould_leaves_the_pages_of_its_caller_alone() -> None:
    """What it makes shares memory with it only: the caller writes to its own without a fault."""
    said = run(
        """
import resource
def write():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for at in range(0, len(block), 4096):
        block[at] ^= 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

block = bytearray(4096 * 2000)
write()
mould = cast(execute)
write()
ours, pid, lender = clone_by(mould)
print(write() < 200)
ours.close()
os.waitpid(pid, 0)
lender.take_back()
mould.end()
ours, pid, lender = clone(execute)
print(write() >= 2000)
lender.take_back()
"""
    )

    assert said == "True\nTrue\n"


def test_a_mould_has_no_descriptor_of_the_caller() -> None:
    """Nor have those that it makes, whatever the caller has opened before."""
    said = run(
        """
kept = os.open("/etc", os.O_RDONLY)
def tell(fd):
    names = [n for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")]
    os.write(fd, str(len({*names} - {"0", "1", "2", str(fd)})).encode())
    os._exit(0)

mould = cast(tell)
for _ in range(2):
    ours, pid, lender = clone_by(mould)
    print(ours.recv(9).decode())
    os.waitpid(pid, 0)
    lender.take_back()
print(len({*os.listdir(f"/proc/{mould.pid}/fd")} - {"0", "1", "2"}))
"""
    )

    assert said == "0\n0\n1\n"


def test_a_clone_that_a_mould_cannot_make_is_an_error_and_leaves_no_child() -> None:
    """What the kernel refuses is told; and of a killed mould comes nothing, once and again."""
    said = run(
        """
import errno
mask = syscalls.sigmask_block_all()
mould = lending.Mould(0x200 | 0x20000, execute)
syscalls.sigmask_restore(mask)
try:
    clone_by(mould)
except OSError as error:
    print(errno.errorcode[error.errno])
os.kill(mould.pid, signal.SIGKILL)
for _ in range(2):
    try:
        clone_by(mould)
    except (BrokenPipeError, ConnectionResetError):
        print("gone")
mould.end()
print(no_child_is_left())
"""
    )

    assert said == "EINVAL\ngone\ngone\nTrue\n"
