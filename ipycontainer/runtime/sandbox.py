"""A sandbox: a container's first process, made ahead of the container.

It stands in its new namespaces and waits for a bundle. Forking a Python and touching its pages
again (3.6 µs a copy-on-write fault, hundreds for a start: measured) costs more than all system
calls of a start together; here it is paid before anybody waits. To have its pages, init rehearses:
it makes a whole container tree of tmpfs in its own mount namespace, and lets it go.

Made by a monitor that itself waits for a container; imports linux and the rest of runtime.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ipycontainer import faults
from ipycontainer.errors import EngineError
from ipycontainer.linux import mounts, namespaces, procfs, syscalls
from ipycontainer.linux.cgroups import Cgroup
from ipycontainer.model import oci, oci_json
from ipycontainer.model.oci import Linux, Process, Spec
from ipycontainer.runtime import defaults, init, mount_steps, plan, session_steps, steps
from ipycontainer.runtime.plan import CgroupView
from ipycontainer.runtime.steps import Context, Stdio

__all__ = ["Sandbox", "prepare", "sample"]

KINDS = ("mount", "uts", "ipc", "pid", "network")  # those of a container that names no others
MESSAGE_BYTES = 65536
# What concerns a parent or a container that is not there yet; and whoever hides from tracers hides
# its namespaces from an ordinary user's monitor (EACCES).
_NOT_REHEARSED = (
    session_steps.AwaitParent,
    session_steps.HideFromTracers,
    session_steps.JoinCgroup,
    session_steps.TellParent,
    session_steps.UnshareCgroup,
)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A waiting init: `pid` and `start_ticks` name it, `sync` is our end of its socket.

    `seccomp` is the filter that it will take on, `userns` whether it stands in a user namespace
    below the machine's first. `mount_namespace` keeps that namespace for the caller, who lets go
    of it by ending: taking two dozen mounts down would else be part of init's end.
    """

    pid: int
    start_ticks: int
    pidfd: int
    sync: int
    mount_namespace: int
    seccomp: bytes
    userns: bool

    def fits(self, spec: Spec, seccomp: bytes | None) -> bool:
        """Tell whether a container of this spec can begin here."""
        new = {kind for kind, path in spec.linux.namespaces.items() if not path}
        joins = any(spec.linux.namespaces.values())
        return seccomp == self.seccomp and not joins and new - {"cgroup"} == set(KINDS)

    def begin(
        self,
        bundle: str,
        stdio: Stdio,
        cgroup: Cgroup | None,
        view: CgroupView | None,
        interfaces: str = "",
    ) -> None:
        """Hand a bundle to the waiting init; it goes on as in any start."""
        request = {
            "bundle": bundle,
            "cgroup": None if cgroup is None else cgroup.to_json(),
            "view": None if view is None else [view.binds, view.links, view.v2],
            "interfaces": interfaces,
        }
        with socket.socket(fileno=os.dup(self.sync)) as sock:
            socket.send_fds(
                sock, [json.dumps(request).encode()], [stdio.stdin, stdio.stdout, stdio.stderr]
            )


def prepare(seccomp: bytes, scratch: Path) -> Sandbox:
    """Fork an init into new namespaces and let it rehearse and wait.

    `scratch` is an empty directory, over which it mounts in its own namespace. It ends with the
    caller, or when the caller closes `sync`.
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
            _wait(theirs, seccomp, userns, str(scratch))
    finally:
        syscalls.sigmask_restore(mask)
    theirs.close()
    return Sandbox(
        pid,
        procfs.start_ticks(pid),
        os.pidfd_open(pid),
        ours.detach(),
        os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC),
        seccomp,
        userns,
    )


def _wait(sock: socket.socket, seccomp: bytes, userns: bool, scratch: str) -> None:
    """Rehearse, wait for a bundle, and live its start; never returns."""
    try:
        session_steps.DieWithParent().execute(Context(-1, Stdio(0, 1, 2), None))
        os.umask(0)
        with faults.rehearsal():
            _rehearse(userns, scratch)
        message, fds, _, _ = socket.recv_fds(sock, MESSAGE_BYTES, 3)
        if not message:
            os._exit(0)
        ctx = Context(sock.detach(), Stdio(*fds), seccomp)
        try:
            planned = _plan(json.loads(message), userns)
        except EngineError as error:
            os._exit(init.tell(ctx, error))
        init.live(planned, ctx)
    finally:
        os._exit(255)


def _plan(request: dict[str, Any], userns: bool) -> tuple[steps.Step, ...]:
    bundle, raw, view = str(request["bundle"]), request["cgroup"], request["view"]
    with open(f"{bundle}/config.json", "rb", buffering=0) as file:
        spec = oci_json.from_json(json.loads(file.read()))
    if interfaces := request["interfaces"]:
        told = {**spec.annotations, oci.ANNOTATION_INTERFACES: str(interfaces)}
        spec = replace(spec, annotations=told)
    return plan.plan(
        spec,
        bundle,
        userns=userns,
        cgroup=_view(view) if isinstance(view, list) else None,
        own_cgroup=Cgroup.from_json(raw) if isinstance(raw, dict) else None,
    )


def _view(raw: list[Any]) -> CgroupView:
    binds, links, v2 = raw
    return CgroupView(_pairs(binds), _pairs(links), v2=bool(v2))


def _pairs(raw: Any) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in raw)


def _rehearse(userns: bool, scratch: str) -> None:
    """Make a container's tree and let it go: what it teaches are our own pages, not the kernel.

    A rehearsal that fails is no error: the start itself will say what the machine lacks.
    """
    try:
        mounts.make_all_slave()
        syscalls.mount("tmpfs", scratch, "tmpfs", 0)
        for name in ("lower", "upper", "work", "rootfs"):
            os.mkdir(f"{scratch}/{name}")
        for name in ("hosts", "hostname", "resolv.conf"):
            with open(f"{scratch}/{name}", "w", encoding="ascii"):
                pass
        spec = sample(userns, scratch)
        raw = json.dumps(oci_json.to_json(spec))
        ctx = Context(-1, Stdio(0, 1, 2), None)
        planned = plan.plan(oci_json.from_json(json.loads(raw)), scratch, userns=userns)
        for step in planned:
            if isinstance(step, mount_steps.PivotRoot):
                break
            if not isinstance(step, _NOT_REHEARSED):
                steps.run((step,), ctx)
        ctx.root.close()
        syscalls.umount(scratch, mounts.MNT_DETACH)
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
        annotations={oci.ANNOTATION_OVERLAYS: json.dumps([overlay])},
    )
