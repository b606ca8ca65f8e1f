"""The scratch process: namespaces by hand as root and as an ordinary user, and nothing left."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipycontainer.byhand.client import Failure, Scratch
from ipycontainer.linux import cgroups, procfs

GONE_SECONDS = 20

BE_ROOT = """
import os
import pwd
uid, gid = os.getuid(), os.getgid()
unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWIPC)
newuidmap(os.getpid(), 0, uid, 1)
newgidmap(os.getpid(), 0, gid, 1)
"""


class Lesson:
    """A scratch process whose cells are run one by one."""

    def __init__(self) -> None:
        self.scratch = Scratch()
        self.failure: Failure | None = None

    def run(self, text: str) -> str:
        """Run a cell, return what it shows; its failure is kept."""
        cell = self.scratch.run(text, "In [1]")
        shown = b"".join(data for _, data in cell.chunks()).decode()
        self.failure = cell.failure
        return shown

    def do(self, text: str) -> str:
        """Run a cell that must not fail."""
        shown = self.run(text)
        assert self.failure is None, "\n".join(self.failure.lines)
        return shown

    def descendants(self) -> set[int]:
        """Return all processes of the lesson."""
        found, below = set(), [self.scratch.pid]
        while below:
            pid = below.pop()
            found.add(pid)
            try:
                below += procfs.children(pid)
            except ProcessLookupError:
                found.discard(pid)
        return found


@pytest.fixture
def lesson() -> Iterator[Lesson]:
    """A fresh scratch process."""
    lesson = Lesson()
    yield lesson
    lesson.scratch.end()


def gone(pids: set[int]) -> bool:
    """Wait for the end of processes."""
    deadline = time.monotonic() + GONE_SECONDS
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_root_file_system_by_hand(lesson: Lesson, busybox_tree: Path) -> None:
    """overlay, proc and pivot_root: the new root has the image's files, and takes changes."""
    lesson.do(BE_ROOT)
    assert lesson.do("os.getuid()") == "0\n"
    lesson.do(
        f"""
import tempfile
place = tempfile.mkdtemp()
mount("tmpfs", place, "tmpfs")
for name in ("upper", "work", "root"):
    os.mkdir(f"{{place}}/{{name}}")
mount("overlay", f"{{place}}/root", "overlay", 0,
      f"lowerdir={busybox_tree},upperdir={{place}}/upper,workdir={{place}}/work")
sethostname("lesson")
def enter():
    os.chdir(f"{{place}}/root")
    os.mkdir("old")
    pivot_root(".", "old")
    os.chdir("/")
    umount("/old", MNT_DETACH)
    os.rmdir("/old")
    open("/new", "w").write("here")
def inside():
    mount("proc", f"{{place}}/root/proc", "proc")  # while the machine's own /proc is to be seen
    enter()
    os.execv("/bin/sh", ["sh", "-c", "hostname; echo pid $$; echo /proc/[0-9]*; cat /new"])
"""
    )
    shown = lesson.do(
        "unshare(CLONE_NEWPID)\n_, status = os.waitpid(clone(inside, CLONE_NEWNS), 0)\nstatus"
    )
    assert shown == "lesson\npid 1\n/proc/1\nhere0\n"
    lesson.do("enter()")
    assert lesson.do("sorted(os.listdir('/'))[:3]") == "['bin', 'dev', 'etc']\n"
    lesson.run("1 / 0")  # a traceback needs no file
    assert lesson.failure is not None
    assert "    1 / 0" in lesson.failure.lines
    assert not (busybox_tree / "new").exists()
    assert os.uname().nodename != "lesson"


def test_two_networks_and_a_cable(lesson: Lesson) -> None:
    """A veth pair joins two network namespaces, and a message goes through."""
    lesson.do(BE_ROOT)
    shown = lesson.do(
        """
import socket
ready, go = os.pipe()
said, say = os.pipe()
def inside():
    os.read(ready, 1)
    ip_address_add("eth0", "10.9.9.2/24")
    ip_link_set_up("eth0")
    with socket.create_server(("10.9.9.2", 80)) as server:
        os.write(say, b"1")
        with server.accept()[0] as guest:
            guest.sendall(b"hello from the other side")
pid = clone(inside, CLONE_NEWNET)
ip_link_add("veth0", "eth0", pid)
ip_address_add("veth0", "10.9.9.1/24")
os.write(go, b"1")
os.read(said, 1)
with socket.create_connection(("10.9.9.2", 80), timeout=10) as guest:
    print(guest.makefile().read())
os.waitpid(pid, 0)[1]
"""
    )
    assert shown == "hello from the other side\n0\n"


def test_chroot(lesson: Lesson, busybox_tree: Path) -> None:
    """A child in another root reads that root's files."""
    lesson.do(BE_ROOT)
    shown = lesson.do(
        f"""
def inside():
    chroot({str(busybox_tree)!r})
    os.chdir("/")
    print(open("/etc/passwd").readline(), end="")
os.waitpid(clone(inside), 0)[1]
"""
    )
    assert shown == "root:x:0:0:root:/root:/bin/sh\n0\n"


def _first_subordinate_id() -> str:
    name = pwd.getpwuid(os.getuid()).pw_name
    lines = (line.split(":") for line in Path("/etc/subuid").read_text().splitlines())
    return next(first for owner, first, _ in lines if owner in (name, str(os.getuid())))


def test_many_ids_by_newuidmap(lesson: Lesson) -> None:
    """With newuidmap a user namespace has more users than one; a stranger's id is refused."""
    lesson.do("import os\nuid = os.getuid()\nunshare(CLONE_NEWUSER)")
    lesson.run("newuidmap(os.getpid(), 0, uid + 12345, 1)")
    if os.geteuid() != 0:
        assert lesson.failure is not None
        assert "it maps your own id, and those of /etc/subuid" in lesson.failure.error
        first = _first_subordinate_id()
        lesson.do(f"newuidmap(os.getpid(), 0, uid, 1, 1, {first}, 10)")
        rows = lesson.do("print(open('/proc/self/uid_map').read())").split()
        assert rows == ["0", str(os.getuid()), "1", "1", first, "10"]
    lesson.run("newuidmap(1, 0, uid, 1)")
    assert lesson.failure is not None
    assert "no process of this cell's" in lesson.failure.error


def test_a_namespace_is_never_taken_for_the_one_that_was_left(
    lesson: Lesson, tmp_path: Path
) -> None:
    """The number of a namespace that has ended is used again: the first one's must not be."""
    lesson.do("import os\nfirst = os.readlink('/proc/self/ns/mnt')")
    if os.geteuid() != 0:
        lesson.do(BE_ROOT)
    lesson.do("unshare(CLONE_NEWNS)")
    for _ in range(20):
        seen = lesson.do(
            f"def child():\n    print(os.readlink('/proc/self/ns/mnt') == first)\n"
            f"    mount('tmpfs', {str(tmp_path)!r}, 'tmpfs')\n"
            "print(os.waitpid(clone(child, CLONE_NEWNS), 0)[1])"
        )
        assert seen == "False\n0\n"


def test_a_pid_namespace_ends_with_its_first_process(lesson: Lesson) -> None:
    """What Linux calls lack of memory then is said in words that help."""
    lesson.do(BE_ROOT + "unshare(CLONE_NEWPID)\nos.waitpid(clone(lambda: None), 0)")
    lesson.run("clone(lambda: None)")
    assert lesson.failure is not None
    assert "process 1 of the pid namespace has ended" in lesson.failure.error


def test_end_takes_processes_mounts_and_cgroups_along(lesson: Lesson) -> None:
    """Whatever a cell left running is killed, in whatever session; a cgroup is removed."""
    tree = cgroups.detect()
    directory = tree.controllers.get("pids") or tree.base or tree.unified
    made = Path(directory) / "ipyc-lesson-of-a-test"
    lesson.do(
        f"""
import os, subprocess
subprocess.Popen(["sleep", "1000"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "1000"])
try:
    os.mkdir({str(made)!r})
    os.mkdir({str(made / "inner")!r})
    open({str(made / "cgroup.procs")!r}, "w").write(str(os.getppid()))
except OSError as error:
    print(error)
{BE_ROOT}
mount("tmpfs", "/mnt", "tmpfs")
"""
    )
    deadline = time.monotonic() + GONE_SECONDS
    while len(pids := lesson.descendants()) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(pids) >= 4
    lesson.scratch.end()
    assert gone(pids)
    assert not made.exists()
    assert "tmpfs /mnt" not in Path("/proc/self/mounts").read_text()


def test_ends_with_the_kernel_however_that_dies(tmp_path: Path) -> None:
    """Killed without a word, whoever holds a scratch process takes it and its children along."""
    program = """
import sys, time
from ipycontainer.byhand.client import Scratch
scratch = Scratch()
cell = scratch.run("import subprocess; print(subprocess.Popen(['sleep', '1000']).pid)", "In [1]")
print(scratch.pid, b"".join(data for _, data in cell.chunks()).decode(), flush=True)
time.sleep(1000)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as holder:
        assert holder.stdout is not None
        pids = {int(word) for word in holder.stdout.readline().split()}
        assert len(pids) == 2
        os.killpg(holder.pid, signal.SIGKILL)
    assert gone(pids)
