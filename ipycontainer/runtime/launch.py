"""Start a container: the parent's part, from a spec to a running program.

The caller is any process with one thread: a monitor, or the OCI command line. What fails leaves
nothing behind: init is reaped, the cgroup removed, and mounts live in init's namespace only.
Imports linux and the rest of runtime.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from array import array
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ipycontainer.errors import InvalidArgument, StepFailed
from ipycontainer.linux import cgroups, namespaces, procfs, syscalls
from ipycontainer.linux.cgroups import Cgroup, Hierarchies
from ipycontainer.model.oci import ANNOTATION_INTERFACES, ANNOTATION_NETWORKS, Spec
from ipycontainer.runtime import (
    donors,
    init,
    limiting,
    network_steps,
    plan,
    terminal_steps,
    tree_steps,
)
from ipycontainer.runtime.plan import CgroupView
from ipycontainer.runtime.sandbox import MISFIT, Sandbox, done_ahead
from ipycontainer.runtime.sandbox import steps_in as sandbox_steps
from ipycontainer.runtime.seccomp import compile_profile
from ipycontainer.runtime.steps import Context, Stdio, Step

__all__ = [
    "Launched",
    "Stdio",
    "await_program",
    "follow",
    "is_delegated",
    "launch",
    "make_cgroup",
    "make_socket",
    "preload",
    "reap",
]

_MESSAGE_BYTES = 65536
# Made by clone(2) at once; the cgroup namespace comes later, its root being the cgroup of then.
_CLONED = ("mount", "uts", "ipc", "pid", "network", "user")
_hierarchies: Hierarchies | None = None
# Made once: a large malloc(3) after a fork has glibc touch, and so copy, pages all over its heap.
_buffer = memoryview(bytearray(_MESSAGE_BYTES))


@dataclass(frozen=True, slots=True)
class Launched:
    """A program that has been started.

    `pid` is its own in the caller's pid namespace; pid and `start_ticks` name it for good. `pidfd`
    is the caller's to close, and so is `terminal`, the master of the program's terminal, -1 without
    one, and the sockets of `resolver` (datagrams, streams). `steps` are what init
    executed, `times` what it noted of them (`Context.times`). `marks` are moments of our own part,
    in nanoseconds of the monotonic clock: it began, had the cgroup, began and ended with the
    interfaces, saw the program run. `ahead` are the steps that a sandbox did before.
    """

    pid: int
    start_ticks: int
    pidfd: int
    cgroup: Cgroup | None = None
    warnings: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    times: Sequence[int] = ()
    terminal: int = -1
    resolver: tuple[int, ...] = ()
    marks: tuple[int, ...] = ()
    ahead: tuple[Step, ...] = ()


def preload() -> Hierarchies:
    """Read what stays the same for all starts, so that forks of this process need not."""
    global _hierarchies
    if _hierarchies is None:
        _hierarchies = cgroups.detect()
    return _hierarchies


def is_delegated() -> bool:
    """Tell whether cgroups are made below one that was given to this process."""
    return _hierarchies is not None and bool(_hierarchies.base)


def launch(
    spec: Spec,
    bundle: Path | str,
    stdio: Stdio,
    *,
    seccomp: bytes | None = None,
    hold: int | None = None,
    die_with_parent: bool = True,
    connect: Callable[[int], None] | None = None,
    trees: Sequence[int] = (),
) -> Launched:
    """Start the program of a bundle and return when its execve(2) has succeeded.

    With `hold` (a readable fd) it returns when all is made; a byte there starts the program. init
    is the caller's direct child, and is killed when the caller's thread ends unless
    `die_with_parent` is off. `connect` puts interfaces into the network namespace of the process
    that it is given, while init makes its mounts. `trees` are detached mounts for a bundle that
    wants them of its parent; they stay the caller's. Raises CommandNotFound,
    CommandNotExecutable, StepFailed, InvalidArgument or Unsupported.
    """
    if seccomp is None and spec.linux.seccomp is not None:
        seccomp = compile_profile(spec.linux.seccomp)
    new = [kind for kind, path in spec.linux.namespaces.items() if not path]
    userns = "user" in new or not namespaces.in_initial_userns()
    marks = [time.perf_counter_ns()]
    cgroup = make_cgroup(spec)
    marks.append(time.perf_counter_ns())
    pid = 0
    sync = own = -1
    try:
        steps = plan.plan(
            spec,
            str(bundle),
            userns=userns,
            cgroup=CgroupView.of(cgroup, _hierarchies),
            own_cgroup=cgroup,
            hold=hold is not None,
            die_with_parent=die_with_parent,
        )
        own, sync = make_socket()
        flags = 0
        for kind in new:
            if kind in _CLONED:
                flags |= namespaces.FLAGS[kind]
        mask = syscalls.sigmask_block_all()
        try:
            pid = donors.clone(flags, spec)
            if pid == 0:
                os.close(own)
                ctx = Context(sync, stdio, seccomp, -1 if hold is None else hold)
                init.live(steps, ctx)
        finally:
            syscalls.sigmask_restore(mask)
        os.close(sync)
        sync = -1
        if "user" in new:
            _write_maps(pid, spec)
            if cgroup is not None:
                cgroup.attach(pid)
            os.write(own, b"1")
        tree_steps.hand_over(own, trees)
        marks.append(time.perf_counter_ns())
        if connect is not None:
            connect(pid)
            _say(own, b"1")
        marks.append(time.perf_counter_ns())
        pidfd = os.pidfd_open(pid)
        try:
            ticks = procfs.start_ticks(pid)
            resolver = network_steps.expected_resolver(spec)
            told, notes, master = await_program(
                own,
                pid,
                spec,
                cgroup,
                hold=hold is not None,
                terminal=spec.process.terminal,
                resolver=resolver,
            )
        except BaseException:
            os.close(pidfd)
            raise
        if cgroup is None and spec.linux.resources is not None:
            notes = (limiting.NO_CGROUP, *notes)
        marks.append(time.perf_counter_ns())
        resolving = tuple(resolver or ())
        return Launched(
            pid, ticks, pidfd, cgroup, notes, steps, told, master, resolving, tuple(marks)
        )
    except BaseException as error:
        _undo(pid, cgroup)
        if isinstance(error, OSError):
            raise _not_started(error) from error
        raise
    finally:
        for fd in (own, sync):
            if fd >= 0:
                os.close(fd)


def follow(
    sandbox: Sandbox,
    spec: Spec,
    bundle: Path | str,
    connect: Callable[[int], None] | None = None,
    trees: Sequence[int] = (),
) -> Launched | None:
    """Do the parent's part of a start that `sandbox` has begun, and return as `launch` does.

    None where this bundle cannot begin there, and nothing is left of the try. The sandbox belongs
    to this call. Raises as `launch` does.
    """
    cgroup = None
    launched = None
    marks = [time.perf_counter_ns()]
    try:
        if ANNOTATION_NETWORKS in spec.annotations:
            _say(sandbox.sync, spec.annotations.get(ANNOTATION_INTERFACES, "").encode())
        if sandbox.hierarchies is not None and spec.linux.cgroups_path:
            cgroup = make_cgroup(spec)
            if cgroup is None:
                raise _Misfit
            _say(sandbox.sync, b"1")
        marks.append(time.perf_counter_ns())
        # while init is at it: it comes to the same answer
        steps = sandbox_steps(
            spec, str(bundle), userns=sandbox.userns, hierarchies=sandbox.hierarchies
        )
        if steps is None:
            raise _Misfit
        tree_steps.hand_over(sandbox.sync, trees)
        marks.append(time.perf_counter_ns())
        if connect is not None:
            connect(sandbox.pid)
            _say(sandbox.sync, b"1")
        marks.append(time.perf_counter_ns())
        resolver = network_steps.expected_resolver(spec)
        told, notes, master = await_program(
            sandbox.sync,
            sandbox.pid,
            spec,
            cgroup,
            hold=False,
            terminal=spec.process.terminal,
            resolver=resolver,
        )
        launched = Launched(
            sandbox.pid,
            sandbox.start_ticks,
            sandbox.pidfd,
            cgroup,
            notes,
            steps,
            told,
            master,
            tuple(resolver or ()),
            (*marks, time.perf_counter_ns()),
            done_ahead(userns=sandbox.userns),
        )
    except _Misfit:
        pass
    except OSError as error:
        raise _not_started(error) from error
    finally:
        if launched is None:
            sandbox.end()
            _undo(0, cgroup)
        else:
            os.close(sandbox.sync)
    return launched


def _say(own: int, word: bytes) -> None:
    with suppress(BrokenPipeError):  # init has ended: why, comes with its last message
        os.write(own, word)


class _Misfit(Exception):
    """The sandbox cannot take the bundle."""


def _undo(pid: int, cgroup: Cgroup | None) -> None:
    if pid:
        reap(pid, kill=True)
    if cgroup is not None:
        cgroup.remove()


def _not_started(error: OSError) -> StepFailed:
    return StepFailed(
        f"start init: {error.strerror or error}", step="start init", errno=error.errno or 0
    )


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
) -> tuple[array[int], tuple[str, ...], int]:
    """Answer init until its program runs; return its steps' times, its warnings and its terminal.

    The end of the socket is execve(2)'s success: both sides are close-on-exec. The sockets of a
    resolver, where one is expected, are put into `resolver`. Raises what init sent.
    """
    times: array[int] = array("q")
    warnings: tuple[str, ...] = ()
    ready = False
    master = -1
    while True:
        try:
            if (terminal and master < 0) or (resolver is not None and not resolver):
                message, fds = terminal_steps.receive(own, _MESSAGE_BYTES)
                if message == terminal_steps.TERMINAL:
                    (master,) = fds
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
                try:
                    os.write(own, b"1")
                except BrokenPipeError:
                    continue  # it failed meanwhile: why, comes with the next message
        elif message.startswith(b"ready"):
            end = 7 + 8 * int.from_bytes(message[5:7], "little")
            times.frombytes(message[7:end])
            if len(message) > end:
                warnings = tuple(message[end:].decode().split("\n"))
            ready = True
            if hold:
                return times, warnings, master
        elif message.startswith(init.FAILED):
            if master >= 0:
                os.close(master)
            raise init.failure_of(message)
        elif message in (terminal_steps.TERMINAL, network_steps.RESOLVER):
            continue
        elif message == MISFIT:
            raise _Misfit
        elif ready:
            return times, warnings, master
        else:
            raise StepFailed(f"init ({pid}) was killed before the program started", step="start")


def make_cgroup(spec: Spec) -> Cgroup | None:
    """Make the cgroup that the spec names; None where this user may not make one."""
    path = spec.linux.cgroups_path
    if not path:
        return None
    hierarchies = preload()
    resources = spec.linux.resources
    further = () if resources is None else limiting.further(hierarchies, resources)
    try:
        cgroup = cgroups.create(hierarchies, path, further)
    except FileExistsError:
        # left by an engine that was killed: the container's id is in the path, so it is ours
        cgroups.locate(hierarchies, path, cgroups.ON_DEMAND_V1).remove()
        cgroup = cgroups.create(hierarchies, path, further)
    except (OSError, ValueError) as error:
        raise StepFailed(
            f"make cgroup {path}: {error}",
            step="make cgroup",
            errno=getattr(error, "errno", 0) or 0,
        ) from error
    if resources is not None and cgroup is not None:
        limiting.limit(cgroup, resources)
    return cgroup


def _write_maps(pid: int, spec: Spec) -> None:
    both = spec.linux.uid_mappings, spec.linux.gid_mappings
    if not all(both):
        raise InvalidArgument("a new user namespace needs uidMappings and gidMappings")
    uids, gids = (tuple((each.container_id, each.host_id, each.size) for each in m) for m in both)
    namespaces.write_maps(pid, uids, gids)


def reap(pid: int, *, kill: bool = False) -> None:
    """Wait for a child of ours, after killing it if asked."""
    try:
        if kill:
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass  # somebody has SIGCHLD ignored: the kernel reaps
