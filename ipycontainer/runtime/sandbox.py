"""A sandbox: a container's first process, made ahead of the container.

It stands in its new namespaces, has mounted what every container has (/proc, /sys, /dev with
their devices, masks and links), and waits for a bundle. Forking a Python and touching its pages
again (3.6 µs a copy-on-write fault, hundreds for a start: measured) costs more than all system
calls of a start together; here it is paid before anybody waits. To have its pages, init rehearses
the rest of a start in a tree of its own mount namespace, and lets that go.

Made by a monitor that itself waits for a container; imports linux and the rest of runtime.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import NoReturn

from ipycontainer import faults
from ipycontainer.errors import EngineError
from ipycontainer.linux import cgroups, mounts, namespaces, procfs, syscalls
from ipycontainer.linux.cgroups import Cgroup, Hierarchies
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model import oci, oci_json
from ipycontainer.model.oci import Linux, Process, Spec
from ipycontainer.runtime import (
    defaults,
    init,
    limiting,
    mount_steps,
    path_steps,
    plan,
    session_steps,
    steps,
)
from ipycontainer.runtime.plan import CgroupView
from ipycontainer.runtime.steps import Context, Stdio, Step

__all__ = ["MISFIT", "Sandbox", "done_ahead", "prepare", "sample", "steps_in"]

KINDS = ("mount", "uts", "ipc", "pid", "network")  # those of a container that names no others
MISFIT = b"misfit"  # what init says of a bundle that cannot begin here
MESSAGE_BYTES = 65536
_TREES = ("/proc", "/sys", "/dev")  # below them nothing depends on the container, but its cgroup
# What is done for good before there is a container.
_AHEAD = (
    session_steps.LoopbackUp,
    session_steps.SetSysctl,
    mount_steps.IsolateMounts,
    mount_steps.MountFileSystem,
    path_steps.BindDevices,
    path_steps.LinkDevices,
    path_steps.MakeDevices,
    path_steps.MaskPaths,
    path_steps.RestrictPaths,
)
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

    `userns` tells whether it stands in a user namespace below the machine's first, `hierarchies`
    where its cgroup will be (None: it will have none). `mount_namespace` keeps that namespace for
    the caller, who lets go of it by ending: taking two dozen mounts down would else be part of
    init's end.
    """

    pid: int
    start_ticks: int
    pidfd: int
    sync: int
    mount_namespace: int
    userns: bool
    hierarchies: Hierarchies | None

    def begin(self, bundle: str, stdio: Stdio) -> bool:
        """Hand a bundle to the waiting init; it goes on as in any start.

        It waits for a word when it needs its cgroup, and says `misfit` and ends where the bundle
        asks for something else than what stands here. False, and the sandbox is ended, where init
        could not build it.
        """
        fds = [stdio.stdin, stdio.stdout, stdio.stderr]
        with socket.socket(fileno=os.dup(self.sync)) as sock:
            try:
                socket.send_fds(sock, [bundle.encode()], fds)
            except BrokenPipeError:
                self.end()
                return False
        return True

    def end(self) -> None:
        """Kill init, and let go of all that names it."""
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        for fd in (self.sync, self.pidfd, self.mount_namespace):
            os.close(fd)


def prepare(seccomp: bytes, scratch: Path, hierarchies: Hierarchies | None) -> Sandbox:
    """Fork an init into new namespaces and let it build, rehearse and wait.

    `scratch` is an empty directory, over which it mounts in its own namespace. With `hierarchies`
    its caller promises a cgroup to each container. It ends with the caller, or when the caller
    closes `sync`.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    userns = not namespaces.in_initial_userns()
    flags = 0
    for kind in KINDS:
        flags |= namespaces.FLAGS[kind]
    mask = syscalls.sigmask_block_all()
    try:
        pid = namespaces.clone(flags)
        if pid == 0:
            ours.close()
            _live(theirs, seccomp, str(scratch), userns=userns, hierarchies=hierarchies)
    finally:
        syscalls.sigmask_restore(mask)
    theirs.close()
    return Sandbox(
        pid,
        procfs.start_ticks(pid),
        os.pidfd_open(pid),
        ours.detach(),
        os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC),
        userns,
        hierarchies,
    )


def steps_in(
    spec: Spec, bundle: str, *, userns: bool, hierarchies: Hierarchies | None
) -> tuple[Step, ...] | None:
    """Return what is left to do in a sandbox for this spec; None where it cannot begin there."""
    new = {kind for kind, path in spec.linux.namespaces.items() if not path}
    joins = any(spec.linux.namespaces.values())
    filtered = spec.annotations.get(oci.ANNOTATION_SECCOMP) == "default"
    if joins or new - {"cgroup"} != set(KINDS) or not filtered or spec.linux.seccomp is not None:
        return None
    # Mounts from before: a volume that was mounted a moment ago is not seen in here, and what is
    # shared with the machine has become its slave.
    shared = ("shared" in mount.options or "rshared" in mount.options for mount in spec.mounts)
    if oci.ANNOTATION_VOLUMES in spec.annotations or any(shared):
        return None
    group = None
    if hierarchies is not None and spec.linux.cgroups_path:
        resources = spec.linux.resources
        further = () if resources is None else limiting.further(hierarchies, resources)
        group = cgroups.locate(hierarchies, spec.linux.cgroups_path, further)
    return _without(done_ahead(userns=userns), _plan(spec, bundle, group, userns, hierarchies))


def _plan(
    spec: Spec,
    bundle: str,
    group: Cgroup | None,
    userns: bool,
    hierarchies: Hierarchies | None,
) -> tuple[Step, ...]:
    view = CgroupView.of(group, hierarchies)
    return plan.plan(spec, bundle, userns=userns, cgroup=view, own_cgroup=group, ahead=True)


def _without(done: Sequence[Step], planned: Sequence[Step]) -> tuple[Step, ...] | None:
    """Take from a plan what is done, and put in its place that its results are taken over.

    None where not all of it is in the plan, or where something else goes to the same places: then
    the order would matter.
    """
    left: list[Step] = []
    found = 0
    for step in planned:
        if isinstance(step, _AHEAD) and step in done:
            found += 1
            if isinstance(step, mount_steps.MountFileSystem) and step.target in _TREES[:1]:
                left.append(_take(done))
        elif _touches(step):
            return None
        else:
            left.append(step)
    return tuple(left) if found == len(done) else None


def _take(done: Sequence[Step]) -> mount_steps.TakeTrees:
    mounted = (step for step in done if isinstance(step, mount_steps.MountFileSystem))
    return mount_steps.TakeTrees(
        tuple((step.target, step.kind) for step in mounted if step.target in _TREES)
    )


def _touches(step: Step) -> bool:
    """Tell whether a step would have to come between those that are done."""
    if isinstance(step, (mount_steps.BindMount, mount_steps.MountFileSystem)):
        inside = f"{step.target}/".startswith(("/proc/", "/sys/"))
        return inside and not step.target.startswith("/sys/fs/cgroup")
    return isinstance(step, _AHEAD)


@cache
def done_ahead(*, userns: bool) -> tuple[Step, ...]:
    """Return the steps that a sandbox has executed before there is a container."""
    planned = plan.plan(sample(userns, "/nowhere"), "/nowhere", userns=userns)
    return tuple(
        step
        for step in planned
        if isinstance(step, _AHEAD)
        and not (isinstance(step, mount_steps.MountFileSystem) and step.target == "/")
    )


# ── init's side ──────────────────────────────────────────────────────────────────────────────


def _live(
    sock: socket.socket,
    seccomp: bytes,
    scratch: str,
    *,
    userns: bool,
    hierarchies: Hierarchies | None,
) -> NoReturn:
    """Build what can be built, rehearse the rest, wait for a bundle, and live its start."""
    try:
        session_steps.DieWithParent().execute(Context(-1, Stdio(0, 1, 2), None))
        os.umask(0)
        with faults.rehearsal():
            built = _build(userns, scratch)
            _rehearse(userns, scratch)
        message, fds, _, _ = socket.recv_fds(sock, MESSAGE_BYTES, 3)
        if not message:
            os._exit(0)
        ctx = Context(sock.detach(), Stdio(*fds), seccomp)
        ctx.trees, ctx.times = built.root, built.times
        try:
            bundle = message.decode()
            spec = _read(bundle, ctx.sync)
            planned = steps_in(spec, bundle, userns=userns, hierarchies=hierarchies)
        except EngineError as error:
            os._exit(init.tell(ctx, error))
        if planned is None:
            os.write(ctx.sync, MISFIT)
            os._exit(0)
        init.live(planned, ctx)
    finally:
        os._exit(255)


def _read(bundle: str, sync: int) -> Spec:
    with open(f"{bundle}/config.json", "rb", buffering=0) as file:
        spec = oci_json.from_json(json.loads(file.read()))
    if oci.ANNOTATION_NETWORKS not in spec.annotations:
        return spec
    # addresses are taken at the start, so that only the parent knows them
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
            if isinstance(step, mount_steps.PivotRoot):
                break
            if not isinstance(step, _NOT_REHEARSED):
                steps.run((step,), ctx)
        ctx.root.close()
        syscalls.umount(f"{scratch}/rootfs", mounts.MNT_DETACH)
    except (OSError, EngineError):
        return


def sample(userns: bool, scratch: str) -> Spec:
    """Return the spec of a container such as most are."""
    overlay = {
        "target": "/",
        "lowers": [f"{scratch}/lower"],
        "upper": f"{scratch}/upper",
        "work": f"{scratch}/work",
        "userxattr": userns,
    }
    files = (
        oci.Mount(f"/etc/{name}", "bind", f"{scratch}/{name}", ("rbind", "rw", "rprivate"))
        for name in ("resolv.conf", "hostname", "hosts")
    )
    return Spec(
        process=Process(
            args=("true",),
            env=(f"PATH={defaults.PATH}", "HOSTNAME=sandbox"),
            capabilities=defaults.capabilities(),
            rlimits=defaults.RLIMITS,
        ),
        hostname="sandbox",
        mounts=(*defaults.mounts(), *files),
        linux=Linux(
            namespaces=dict.fromkeys(KINDS, ""),
            devices=defaults.DEVICES,
            device_rules=defaults.DEVICE_RULES,
            masked_paths=defaults.masked_paths(),
            readonly_paths=defaults.READONLY_PATHS,
            sysctl=defaults.sysctls(userns=userns),
        ),
        annotations={
            oci.ANNOTATION_OVERLAYS: json.dumps([overlay]),
            oci.ANNOTATION_SECCOMP: "default",
        },
    )
