"""A sandbox: a container's first process, made ahead of the container.

It stands in its new namespaces, has mounted what every container has (/proc, /sys, /dev with
their devices, masks and links), and waits for a bundle. Forking a Python and touching its pages
again (3.6 µs a copy-on-write fault, hundreds for a start: measured) costs more than all system
calls of a start together; here it is paid before anybody waits. To have its pages, init rehearses
the rest of a start in a tree of its own mount namespace, and lets that go.

What the next container will be is often known, too: the last one again. Then init goes ahead
(`advance`): it executes the expected plan as far as nothing of it hangs on the program, and the
container that comes need only have the same steps there. Another one gets an init of its own.

Made by a monitor that itself waits for a container; imports linux and the rest of runtime.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from ipycontainer import faults
from ipycontainer.errors import EngineError
from ipycontainer.linux import lending, mounts, namespaces, procfs, syscalls
from ipycontainer.linux.cgroups import Cgroup, Hierarchies
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.linux.lending import Lender, Mould
from ipycontainer.model import oci, oci_json
from ipycontainer.model.oci import Process, Spec
from ipycontainer.runtime import init, mount_steps, plan, root_steps, session_steps, steps
from ipycontainer.runtime.beforehand import (
    KINDS,
    differ_in_program_only,
    done_ahead,
    last_steps,
    sample,
    split,
    steps_in,
)
from ipycontainer.runtime.practice import Practice
from ipycontainer.runtime.steps import Context, Stdio, Step

__all__ = ["ADVANCED", "MISFIT", "Making", "Sandbox", "prepare"]

MISFIT = b"misfit"  # what init says of a bundle that cannot begin here
ADVANCED = b"advanced"  # and when it has done what it may before its container is there
_REHEARSE, _BUILD = b"r", b"b"  # the first word to init: what it does before it waits
_AHEAD_MARK = "ahead\n"  # begins the message with a bundle that is only expected
MESSAGE_BYTES = 65536
# What concerns a parent or a container that is not there yet; and whoever hides from tracers hides
# its namespaces from an ordinary user's monitor (EACCES).
_NOT_REHEARSED = (
    session_steps.AwaitParent,
    session_steps.HideFromTracers,
    session_steps.JoinCgroup,
    session_steps.TellParent,
    session_steps.UnshareCgroup,
    mount_steps.TakeTrees,
)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A waiting init: `pid` and `start_ticks` name it, `sync` is our end of its socket.

    It uses the memory of its `lender`, which belongs to whoever the init belongs to.

    `userns` tells whether it stands in a user namespace below the machine's first, `hierarchies`
    where its cgroup will be (None: it will have none). `mount_namespace` keeps that namespace for
    the caller, who lets go of it by ending: taking two dozen mounts down would else be part of
    init's end. `advanced`: it has gone ahead for one container, whose `cgroup` is made, and
    whose bundle is in `place`, where `expected` stands in it.
    """

    pid: int
    start_ticks: int
    pidfd: int
    sync: int
    lender: Lender
    mount_namespace: int
    userns: bool
    hierarchies: Hierarchies | None
    advanced: bool = False
    cgroup: Cgroup | None = None
    place: str = ""
    expected: Mapping[str, Any] = field(default_factory=dict)

    def begin(self, bundle: str, stdio: Stdio, *, ahead: bool = False) -> bool:
        """Hand a bundle to the waiting init; it goes on as in any start.

        It waits for a word when it needs its cgroup, and says `misfit` and ends where the bundle
        asks for something else than what stands here. With `ahead` it stops before the first step
        that needs more than is known by now, and says `advanced`; it wants the bundle once more
        then. False, and the sandbox is ended, where init could not build it.
        """
        mark = _AHEAD_MARK if ahead else ""
        fds = [stdio.stdin, stdio.stdout, stdio.stderr]
        with socket.socket(fileno=os.dup(self.sync)) as sock:
            try:
                socket.send_fds(sock, [f"{mark}{bundle}".encode()], fds)
            except BrokenPipeError:
                self.end()
                return False
        return True

    def fits(self, spec: Spec, text: str, bundle: str) -> bool:
        """Tell whether init will take this bundle, for who cannot wait for its answer.

        `text` is what stands in the bundle, `spec` the same with its addresses.
        """
        if self.advanced:
            return differ_in_program_only(
                json.loads(text.replace(bundle, self.place)), self.expected
            )
        planned = steps_in(spec, bundle, userns=self.userns, hierarchies=self.hierarchies)
        return planned is not None

    def end(self) -> None:
        """Kill init, and let go of all that names it; once."""
        if self.lender.is_back:
            return
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.lender.take_back()
        for fd in (self.sync, self.pidfd, self.mount_namespace):
            os.close(fd)
        if self.cgroup is not None:
            self.cgroup.remove()


@dataclass(frozen=True, slots=True)
class Making:
    """What the inits of one monitor are made from; each is made from the same.

    `scratch` is an empty directory, over which init mounts in its own namespace. With `hierarchies`
    the caller promises a cgroup to each container. `practice` is that of all inits of this zygote
    which rehearse, `ahead` of those that will go ahead.
    With a `mould` (`cast`) the caller is not forked itself.
    """

    seccomp: bytes
    scratch: Path
    hierarchies: Hierarchies | None
    practice: Practice | None = None
    ahead: Practice | None = None
    mould: Mould | None = None

    def cast(self) -> Making:
        """Return the same with a mould, for a caller that will make many, and has nothing open."""
        mask = syscalls.sigmask_block_all()
        try:
            mould = Mould(_new_namespaces(), _liver(self), faults.descriptors())
        finally:
            syscalls.sigmask_restore(mask)
        return replace(self, mould=mould)


def prepare(making: Making, *, rehearse: bool = True) -> Sandbox:
    """Clone an init into new namespaces and let it build, rehearse and wait.

    It ends with the caller, or when the caller closes `sync`. One that will go ahead has no need to
    `rehearse`. Raises OSError, also where a mould is gone.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.send(_REHEARSE if rehearse else _BUILD)
    mask = syscalls.sigmask_block_all()
    try:
        if making.mould is not None:
            pid, lender = making.mould.clone(theirs.fileno())
        else:
            flags, live = _new_namespaces(), _liver(making)
            pid, lender = lending.clone(flags, theirs.fileno(), live, faults.descriptors())
    finally:
        syscalls.sigmask_restore(mask)
        theirs.close()
    return Sandbox(
        pid,
        procfs.start_ticks(pid),
        os.pidfd_open(pid),
        ours.detach(),
        lender,
        os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC),
        not namespaces.in_initial_userns(),
        making.hierarchies,
    )


def _new_namespaces() -> int:
    flags = 0
    for kind in KINDS:
        flags |= namespaces.FLAGS[kind]
    return flags


def _liver(making: Making) -> Callable[[int], NoReturn]:
    userns = not namespaces.in_initial_userns()
    return lambda sync: _live(socket.socket(fileno=sync), making, userns)


# ── init's side ──────────────────────────────────────────────────────────────────────────────


def _live(sock: socket.socket, making: Making, userns: bool) -> NoReturn:
    """Build what can be built, rehearse the rest, wait for a bundle, and live its start.

    A bundle that is only expected is begun, and then another one awaited.
    """
    try:
        session_steps.DieWithParent().execute(Context(-1, Stdio(0, 1, 2), None))
        os.umask(0)
        rehearses = sock.recv(1) == _REHEARSE
        practice = making.practice if rehearses else making.ahead
        if practice is not None:
            practice.use()
        scratch, hierarchies = str(making.scratch), making.hierarchies
        with faults.rehearsal():
            built = _build(userns, scratch)
            if rehearses:
                _rehearse(userns, scratch)
        ctx = Context(sock.fileno(), Stdio(0, 1, 2), making.seccomp)
        ctx.trees, ctx.times, ctx.practice = built.root, built.times, practice
        expected: _Expected | None = None
        while True:
            message, fds, _, _ = socket.recv_fds(sock, MESSAGE_BYTES, 3)
            if not message:
                os._exit(0)
            ctx.stdio = Stdio(*fds)
            ahead, _, bundle = message.decode().rpartition("\n")
            try:
                if ahead:
                    expected = _advance(bundle, ctx, userns, hierarchies)
                    continue
                if expected is not None:
                    left = _left(expected, bundle, ctx, userns, hierarchies)
                else:
                    spec = _told(oci_json.from_json(json.loads(_read(bundle))), ctx.sync)
                    left = steps_in(spec, bundle, userns=userns, hierarchies=hierarchies)
            except EngineError as error:
                os._exit(init.tell(ctx, error))
            if left is None:
                os.write(ctx.sync, MISFIT)
                os._exit(0)
            init.live(left, ctx)
    finally:
        os._exit(255)


@dataclass(frozen=True, slots=True)
class _Expected:
    """A bundle that was only expected, in `place`, which its container will give another name.

    Its directory is open, since every path goes with the root. `last` is what is left to do if not
    even the program is another one; None where that must be told first.
    """

    place: str
    directory: int
    text: str
    spec: Spec
    last: Sequence[Step] | None


def _advance(
    bundle: str, ctx: Context, userns: bool, hierarchies: Hierarchies | None
) -> _Expected | None:
    """Do what can be done for a container that is not there yet."""
    text = _read(bundle)
    spec = oci_json.from_json(json.loads(text))
    planned = steps_in(spec, bundle, userns=userns, hierarchies=hierarchies)
    if planned is None:
        os.write(ctx.sync, MISFIT)
        os._exit(0)
    directory = os.open(bundle, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    done, _ = split(spec, planned)
    with faults.rehearsal():
        steps.run(done, ctx)
    last = _last_steps(spec, spec.process) if _is_told_all(spec) else None
    os.write(ctx.sync, ADVANCED)
    return _Expected(bundle, directory, text, spec, last)


def _left(
    expected: _Expected, bundle: str, ctx: Context, userns: bool, hierarchies: Hierarchies | None
) -> Sequence[Step] | None:
    """Return what is left to do for the container that has come; None where it is another one."""
    text = _read(bundle, expected.directory)
    there = text.replace(bundle, expected.place)
    if there == expected.text and expected.last is not None:
        return expected.last
    raw = json.loads(there)
    if not differ_in_program_only(raw, json.loads(expected.text)):
        return None
    if _is_told_all(expected.spec):
        return _last_steps(expected.spec, oci_json.process_from_json(raw["process"]))
    spec = _told(oci_json.from_json(json.loads(text)), ctx.sync)
    planned = steps_in(spec, bundle, userns=userns, hierarchies=hierarchies)
    return None if planned is None else split(spec, planned)[1]


def _is_told_all(spec: Spec) -> bool:
    """Tell whether the rest hangs on the program alone: on no addresses, no terminal."""
    return oci.ANNOTATION_NETWORKS not in spec.annotations and not spec.process.terminal


def _last_steps(spec: Spec, process: Process) -> Sequence[Step]:
    return last_steps(plan.plan_process(replace(spec, process=process), process, user=""))


def _read(bundle: str, directory: int | None = None) -> str:
    name = "config.json" if directory is not None else f"{bundle}/config.json"
    fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
    with open(fd, "rb", buffering=0) as file:
        return file.read().decode()


def _told(spec: Spec, sync: int) -> Spec:
    """Return a spec with its addresses: taken at the start, so that only the parent knows them."""
    if oci.ANNOTATION_NETWORKS not in spec.annotations:
        return spec
    told = os.read(sync, MESSAGE_BYTES).decode()
    return replace(spec, annotations={**spec.annotations, oci.ANNOTATION_INTERFACES: told})


def _build(userns: bool, scratch: str) -> Context:
    """Do ahead what every container needs, on a tree of our own."""
    ctx = Context(-1, Stdio(0, 1, 2), None)
    mounts.make_all_slave()
    syscalls.mount("tmpfs", scratch, "tmpfs", 0)
    os.mkdir(f"{scratch}/trees")
    ctx.root = DirFd.open(f"{scratch}/trees")
    steps.run(done_ahead(userns=userns), ctx)
    return ctx


def _rehearse(userns: bool, scratch: str) -> None:
    """Make a container's tree and let it go: what it teaches are our own pages, not the kernel.

    A rehearsal that fails is no error: the start itself will say what the machine lacks.
    """
    try:
        for name in ("lower", "upper", "work", "rootfs"):
            os.mkdir(f"{scratch}/{name}")
        for name in ("hosts", "hostname", "resolv.conf"):
            with open(f"{scratch}/{name}", "w", encoding="ascii"):
                pass
        raw = json.dumps(oci_json.to_json(sample(userns, scratch)))
        spec = oci_json.from_json(json.loads(raw))
        ctx = Context(-1, Stdio(0, 1, 2), None)
        for step in steps_in(spec, scratch, userns=userns, hierarchies=None) or ():
            if isinstance(step, root_steps.PivotRoot):
                break
            if not isinstance(step, _NOT_REHEARSED):
                steps.run((step,), ctx)
        ctx.root.close()
        syscalls.umount(f"{scratch}/rootfs", mounts.MNT_DETACH)
    except (OSError, EngineError):
        return
