"""What init and its parent say to each other during a start, until the program runs.

One packet a message, on a socket pair that ends with execve(2): both sides are close-on-exec.
Imports linux and the rest of runtime.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from array import array
from collections.abc import Callable
from typing import Protocol

from ipycontainer.errors import EngineError, StepFailed
from ipycontainer.linux.cgroups import Cgroup
from ipycontainer.model.oci import Spec
from ipycontainer.runtime import init, limiting, network_steps, terminal_steps
from ipycontainer.runtime.listener import LISTENER
from ipycontainer.runtime.sandbox import MISFIT

__all__ = [
    "Misfit",
    "Witness",
    "await_program",
    "connect_init",
    "make_socket",
    "note_beside",
    "reap",
    "say",
]

_MESSAGE_BYTES = 65536
PATIENCE_MILLISECONDS = 20  # with a program that comes from a slow disk
# Made once: a large malloc(3) after a fork has glibc touch, and so copy, pages all over its heap.
_buffer = memoryview(bytearray(_MESSAGE_BYTES))


class Witness(Protocol):
    """Who writes down that a program runs, beside its execve(2), and others wait for meanwhile."""

    def write(self, pid: int) -> None:
        """Write it, but let nobody read it yet; nothing where it is written."""

    def drop(self) -> None:
        """Forget it: that takes longer than others should wait. It is told again afterwards."""


class Misfit(Exception):
    """The sandbox cannot take the bundle."""


def say(own: int, word: bytes) -> None:
    """Tell init something; one that has ended meanwhile says why with its last message."""
    try:
        os.write(own, word)
    except BrokenPipeError:
        pass


def connect_init(own: int, pid: int, connect: Callable[[int], None]) -> None:
    """Have interfaces put into init's network namespace, and tell init that they are there.

    Where that fails since init has ended meanwhile, its own reason is raised: the kernel's, that
    there is no such process, explains nothing.
    """
    try:
        connect(pid)
    except (OSError, EngineError):
        poll = select.poll()
        poll.register(own, select.POLLIN)
        while poll.poll(0):
            try:
                message = os.read(own, _MESSAGE_BYTES)
            except ConnectionResetError:
                continue  # said once, before what it had still to say
            if message.startswith(init.FAILED):
                raise init.failure_of(message) from None
            if not message:
                break
        raise
    say(own, b"1")


def make_socket() -> tuple[int, int]:
    """Return the two fds of a new SEQPACKET socket pair: messages keep their borders."""
    first, second = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return first.detach(), second.detach()


def await_program(
    own: int,
    pid: int,
    spec: Spec,
    cgroup: Cgroup | None,
    *,
    hold: bool,
    terminal: bool = False,
    resolver: list[int] | None = None,
    made: Callable[[int], None] | None = None,
    listener: Callable[[int, int], None] | None = None,
    times: array[int] | None = None,
    witness: Witness | None = None,
) -> tuple[array[int], tuple[str, ...], int]:
    """Answer init until its program runs; return its steps' times, its warnings and its terminal.

    The end of the socket is execve(2)'s success: both sides are close-on-exec. The sockets of a
    resolver, where one is expected, are put into `resolver`. `made` is called when the tree stands,
    with init's pid, while init waits; `listener` gets the fd of a filter that asks, and the pid.
    `times`, where they are given, are filled also for a start that fails. A `witness` notes what is
    about to run while it is being executed. Raises what init sent, or one of those two raises.
    """
    times = array("q") if times is None else times
    warnings: tuple[str, ...] = ()
    ready = False
    master = -1
    while True:
        try:
            awaited = (terminal and master < 0) or (resolver is not None and not resolver)
            if awaited or listener is not None:
                message, fds = terminal_steps.receive(own, _MESSAGE_BYTES)
                if message == terminal_steps.TERMINAL:
                    (master,) = fds
                elif message == LISTENER and listener is not None:
                    listener(fds[0], pid)
                elif resolver is not None:
                    resolver += fds
            else:
                message = bytes(_buffer[: os.readv(own, (_buffer,))])
        except ConnectionResetError:
            continue  # it ended with our answer unread; said once, before what it had still to say
        if message == b"devices":
            if cgroup is not None:
                # now, not before: a rule without `m` would have kept init from mknod(2)
                limiting.limit_devices(cgroup, spec.linux.device_rules)
            if made is not None:
                made(pid)
                say(own, b"1")
            if cgroup is not None:
                say(own, b"1")
        elif message.startswith(b"ready"):
            end = 7 + 8 * int.from_bytes(message[5:7], "little")
            times.frombytes(message[7:end])
            if len(message) > end:
                warnings = tuple(message[end:].decode().split("\n"))
            ready = True
            if hold:
                return times, warnings, master
            if witness is not None:
                note_beside(own, pid, witness)
        elif message.startswith(init.FAILED):
            if master >= 0:
                os.close(master)
            times[:] = array("q", init.times_of(message))  # those of `ready` among them
            raise init.failure_of(message)
        elif message in (terminal_steps.TERMINAL, network_steps.RESOLVER, LISTENER):
            continue
        elif message == MISFIT:
            raise Misfit
        elif ready:
            return times, warnings, master
        else:
            raise StepFailed(f"init ({pid}) was killed before the program started", step="start")


def note_beside(own: int, pid: int, witness: Witness) -> None:
    """Have the witness note a start beside what init does next; drop it where that takes long."""
    witness.write(pid)
    poll = select.poll()
    poll.register(own, select.POLLIN)
    if not poll.poll(PATIENCE_MILLISECONDS):
        witness.drop()


def reap(pid: int, *, kill: bool = False) -> None:
    """Wait for a child of ours, after killing it if asked."""
    try:
        if kill:
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass  # somebody has SIGCHLD ignored: the kernel reaps
