"""The process that stays outside: it starts the scratch process, and leaves nothing of it behind.

Started by `client` as a fresh interpreter in a session of its own, forks `scratch`, and waits. When
the kernel is gone (its socket ends, however it died), when it is told to, or when the scratch
process ends, it kills all that descends from it, which as a subreaper it sees, and removes the
cgroups. Mounts go with their namespaces. It has one thread, so that PDEATHSIG is sure.
"""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import socket
import time
from array import array
from contextlib import suppress
from dataclasses import dataclass, field

from ipycontainer.byhand import scratch
from ipycontainer.linux import namespaces, procfs, syscalls
from ipycontainer.linux.cgroups import Cgroup

__all__ = ["main"]

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
CGROUP_MAGIC, CGROUP2_MAGIC = 0x27E0EB, 0x63677270  # linux/magic.h
SWEEP_SECONDS = 10.0
_MESSAGE_BYTES = 65536


def main(kernel_fd: int, cells_fd: int, output_fd: int, errors_fd: int) -> None:
    """Keep a scratch process until its end. The descriptors are given by `client`."""
    kernel = socket.socket(fileno=kernel_fd)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    syscalls.prctl(PR_SET_CHILD_SUBREAPER, 1)
    keeper = os.getpid()
    child = os.fork()
    if child == 0:
        syscalls.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(1)
        os.setsid()  # a group of its own, which an interrupt reaches
        for fd, standard in ((output_fd, 1), (errors_fd, 2)):
            os.dup2(fd, standard)
            os.close(fd)
        kernel.close()
        ours.close()
        try:
            scratch.live(socket.socket(fileno=cells_fd), _Line(theirs))
        finally:
            os._exit(0)
    for fd in (cells_fd, output_fd):
        os.close(fd)
    theirs.close()
    code = _Keeper(kernel, ours, child).keep()
    with suppress(OSError):
        kernel.sendall(json.dumps({"ended": code}).encode() + b"\n")


class _Line:
    """The scratch process's way to the keeper; each question brings a pipe for its answer.

    So that a child's question and its parent's never get each other's.
    """

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def map_ids(self, program: str, pid: int, ids: tuple[int, ...]) -> None:
        """Have a map written. Raises OSError."""
        self._ask({"map": program, "pid": pid, "ids": ids})

    def heed_directory(self, path: str) -> None:
        """Have a directory remembered that is about to be made in a tree of cgroups."""
        if _is_cgroup(os.path.dirname(path)):
            self._ask({"cgroup": path})

    def _ask(self, question: dict[str, object]) -> None:
        reader, writer = os.pipe()
        with open(reader, "rb") as answer:
            try:
                fds = array("i", [writer])
                self._line.sendmsg(
                    [json.dumps(question).encode()],
                    [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)],
                )
            finally:
                os.close(writer)
            said = json.loads(answer.read() or b'{"errno": 32, "why": "nobody is outside"}')
        if said.get("errno"):
            raise OSError(said["errno"], said["why"])


def _is_cgroup(directory: str) -> bool:
    try:
        fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return syscalls.fstatfs_type(fd) in (CGROUP_MAGIC, CGROUP2_MAGIC)
    finally:
        os.close(fd)


@dataclass
class _Keeper:
    """What the keeper knows: whom it serves, whom it keeps, and which cgroups were made."""

    kernel: socket.socket
    line: socket.socket
    child: int
    cgroups: list[str] = field(default_factory=list)

    def keep(self) -> int:
        """Wait for the end, sweep, and return the scratch process's exit code, -n for a signal."""
        pidfd = os.pidfd_open(self.child)
        poll = select.poll()
        for fd in (self.kernel.fileno(), self.line.fileno(), pidfd):
            poll.register(fd, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll()}
            if self.line.fileno() in ready and not self._answer():
                poll.unregister(self.line.fileno())
            if self.kernel.fileno() in ready and not self._obey():
                break
            if pidfd in ready:
                break
        os.close(pidfd)
        with suppress(ProcessLookupError):
            os.kill(self.child, signal.SIGKILL)
        _, status = os.waitpid(self.child, 0)
        self._sweep()
        return os.waitstatus_to_exitcode(status)

    def _obey(self) -> bool:
        """Send the signal that was asked for, to all that the cell runs; False at the end."""
        try:
            word = self.kernel.recv(1)
        except ConnectionResetError:
            return False
        if not word:
            return False
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child, word[0])
        return True

    def _answer(self) -> bool:
        data, ancillary, _, _ = self.line.recvmsg(_MESSAGE_BYTES, socket.CMSG_SPACE(4))
        if not data:
            return False
        fds = array("i")
        for _, _, raw in ancillary:
            fds.frombytes(raw[: len(raw) - len(raw) % fds.itemsize])
        question = json.loads(data)
        try:
            if "map" in question:
                self._map(question["map"], int(question["pid"]), question["ids"])
            else:
                self._heed(question["cgroup"])
            answer: dict[str, object] = {}
        except OSError as error:
            answer = {"errno": error.errno, "why": error.strerror}
        for fd in fds:
            with suppress(BrokenPipeError):
                os.write(fd, json.dumps(answer).encode())
            os.close(fd)
        return True

    def _map(self, program: str, pid: int, ids: list[int]) -> None:
        if pid not in (self.child, *_descendants(self.child)):
            raise ProcessLookupError(errno.ESRCH, f"{program}: {pid} is no process of this cell's")
        lines = tuple(zip(ids[::3], ids[1::3], ids[2::3], strict=True))
        file = "uid_map" if program == "newuidmap" else "gid_map"
        try:
            namespaces.write_map(f"/proc/{pid}/{file}", lines)
        except PermissionError:
            if not namespaces.find_mapper(program):
                raise PermissionError(
                    errno.EPERM, f"{program} is not installed: apt-get install uidmap"
                ) from None
            if not namespaces.map_by_program(program, pid, lines):
                raise PermissionError(
                    errno.EPERM, f"{program} refuses: it maps your own id, and those of /etc/subuid"
                ) from None

    def _heed(self, path: str) -> None:
        if _is_cgroup(os.path.dirname(path)) and not os.path.exists(path):
            self.cgroups.append(path)

    def _sweep(self) -> None:
        """Kill what descends from us, until nothing does, and remove the cgroups."""
        deadline = time.monotonic() + SWEEP_SECONDS
        own = os.getpid()
        while (left := _descendants(own)) and time.monotonic() < deadline:
            for pid in left:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            _reap()
            time.sleep(0.002)
        for path in reversed(self.cgroups):
            _empty(path)
            with suppress(OSError):
                Cgroup({"": path}).remove()


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    below = [pid]
    while below:
        with suppress(ProcessLookupError):
            children = procfs.children(below.pop())
            found += children
            below += children
    return found


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _empty(path: str) -> None:
    """Move whoever else was put into a cgroup up, since only an empty one can be removed."""
    with suppress(OSError):
        for pid in Cgroup({"": path}).pids():
            with open(f"{os.path.dirname(path)}/cgroup.procs", "w", encoding="ascii") as file:
                file.write(str(pid))
