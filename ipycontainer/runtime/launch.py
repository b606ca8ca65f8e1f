"""Start a container: the parent's part, from a spec to a running program.

The caller is any process with one thread: a monitor, or the OCI command line. What fails leaves
nothing behind: init is reaped, the cgroup removed, and mounts live in init's namespace only.
Imports linux and the rest of runtime.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ipycontainer.errors import Conflict, EngineError, InvalidArgument, StepFailed
from ipycontainer.linux import cgroups, freezer, namespaces, procfs, syscalls
from ipycontainer.linux.cgroups import Cgroup, Hierarchies
from ipycontainer.linux.lending import NOBODY, Lender
from ipycontainer.model.limits import NO_CGROUP
from ipycontainer.model.oci import ANNOTATION_INTERFACES, ANNOTATION_NETWORKS, Spec
from ipycontainer.runtime import (
    handed_trees,
    idmap_steps,
    init,
    limiting,
    listener,
    namespace_donors,
    network_steps,
    plan,
)
from ipycontainer.runtime.course import Course
from ipycontainer.runtime.dialogue import (
    Misfit,
    Witness,
    await_program,
    connect_init,
    make_socket,
    note_beside,
    reap,
    say,
)
from ipycontainer.runtime.interlude import interlude
from ipycontainer.runtime.plan import CgroupView, Manner
from ipycontainer.runtime.sandbox import ADVANCED, Sandbox
from ipycontainer.runtime.seccomp import compile_profile, filter_flags
from ipycontainer.runtime.steps import Context, Stdio

__all__ = [
    "Launched",
    "Stdio",
    "advance",
    "follow",
    "is_delegated",
    "launch",
    "make_cgroup",
    "preload",
]

# Made by clone(2) at once; the cgroup namespace comes later, its root being the cgroup of then.
_CLONED = ("mount", "uts", "ipc", "pid", "network", "user")
_WORD_BYTES = 65536  # the longest that init says, where it says why it failed
_hierarchies: Hierarchies | None = None


@dataclass(frozen=True, slots=True)
class Launched:
    """A program that has been started.

    `pid` is its own in the caller's pid namespace; pid and `start_ticks` name it for good. `pidfd`
    is the caller's to close (`let_go`), and so is `terminal`, the master of the program's terminal,
    -1 without one, and the sockets of `resolver` (datagrams, streams). `times` are what init noted
    of its steps (`Context.times`). `mount_namespace` and `lender` are those of a sandbox, which end
    with the caller, or are let go with the rest; the lender is of no use any more (`take_back`).
    """

    pid: int
    start_ticks: int
    pidfd: int
    cgroup: Cgroup | None = None
    warnings: tuple[str, ...] = ()
    times: Sequence[int] = ()
    terminal: int = -1
    resolver: tuple[int, ...] = ()
    mount_namespace: int = -1
    lender: Lender = NOBODY

    def undo(self) -> None:
        """Kill the program, and leave nothing of it: it was not to be started after all."""
        _undo(self.pid, self.cgroup)

    def let_go(self) -> None:
        """Forget a program that has ended and was reaped: nothing of it is held any more."""
        self.lender.take_back()
        for fd in (self.pidfd, self.mount_namespace):
            if fd >= 0:
                os.close(fd)


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
    manner: Manner | None = None,
    course: Course | None = None,
    witness: Witness | None = None,
) -> Launched:
    """Start the program of a bundle and return when its execve(2) has succeeded.

    With `hold` (a readable fd) it returns when all is made; a byte there starts the program. init
    is the caller's direct child, and is killed when the caller's thread ends unless
    `die_with_parent` is off. `connect` puts interfaces into the network namespace of the process
    that it is given, while init makes its mounts. `trees` are detached mounts for a bundle that
    wants them of its parent; they stay the caller's. `manner` is what another caller than the
    engine wants, and the state that hooks are told. `course` is filled on the way, and a `witness`
    told. Raises CommandNotFound, CommandNotExecutable, StepFailed, InvalidArgument or Unsupported.
    """
    if seccomp is None and spec.linux.seccomp is not None:
        seccomp = compile_profile(spec.linux.seccomp)
    flags_of_filter = filter_flags(spec.linux.seccomp)
    new = [kind for kind, path in spec.linux.namespaces.items() if not path]
    userns = "user" in spec.linux.namespaces or not namespaces.in_initial_userns()
    course = course or Course()
    course.begin(sandboxed=False)
    shares = manner is not None and manner.share_cgroup
    course.cgroup = cgroup = make_cgroup(spec, shares=shares)
    others = cgroup.pids_below() if cgroup is not None and shares else ()
    if cgroup is None and spec.linux.resources and manner is not None and manner.must_limit:
        raise limiting.without_cgroup(preload(), spec.linux.resources)
    course.mark()
    pid = 0
    sync = own = -1
    mapped: list[int] = []
    try:
        mapped = idmap_steps.make_trees(spec, str(bundle))
        steps = plan.plan(
            spec,
            str(bundle),
            userns=userns,
            cgroup=CgroupView.of(cgroup, _hierarchies),
            own_cgroup=cgroup,
            hold=hold is not None,
            die_with_parent=die_with_parent,
            manner=manner or Manner(),
        )
        own, sync = make_socket()
        flags = 0
        for kind in new:
            if kind in _CLONED:
                flags |= namespaces.FLAGS[kind]
        mask = syscalls.sigmask_block_all()
        try:
            pid = namespace_donors.clone(flags, spec)
            if pid == 0:
                os.close(own)
                ctx = Context(sync, stdio, seccomp, -1 if hold is None else hold)
                ctx.seccomp_flags = flags_of_filter
                init.live(steps, ctx)
        finally:
            syscalls.sigmask_restore(mask)
        os.close(sync)
        sync = -1
        if "user" in new:
            _write_maps(pid, spec)
        if "user" in spec.linux.namespaces:
            if cgroup is not None:
                cgroup.attach(pid)
            if cgroup is not None or "user" in new:
                os.write(own, b"1")
        handed_trees.hand_over(own, trees)
        handed_trees.hand_over(own, mapped)
        course.mark()
        if connect is not None:
            connect_init(own, pid, connect)
        course.mark()
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
                made=interlude(spec, manner),
                listener=listener.sender(spec, None if manner is None else manner.state),
                times=course.times,
                witness=witness,
            )
        except BaseException:
            os.close(pidfd)
            raise
        if cgroup is None and spec.linux.resources is not None:
            notes = (NO_CGROUP, *notes)
        if others:
            words = f"container's cgroup is not empty: {len(others)} process(es) found"
            notes = (words, *notes)
        course.mark()
        resolving = tuple(resolver or ())
        return Launched(pid, ticks, pidfd, cgroup, notes, told, master, resolving)
    except BaseException as error:
        _undo(pid, None if others else cgroup)
        if isinstance(error, OSError):
            raise _not_started(error) from error
        raise
    finally:
        for fd in (own, sync, *mapped):
            if fd >= 0:
                os.close(fd)


def follow(
    sandbox: Sandbox,
    spec: Spec,
    connect: Callable[[int], None] | None = None,
    trees: Sequence[int] = (),
    course: Course | None = None,
    witness: Witness | None = None,
) -> Launched | None:
    """Do the parent's part of a start that `sandbox` has begun, and return as `launch` does.

    None where this bundle cannot begin there, and nothing is left of the try. The sandbox belongs
    to this call. Raises as `launch` does.
    """
    cgroup = sandbox.cgroup
    launched = None
    course = course or Course()
    course.begin(sandboxed=True, advanced=sandbox.advanced)
    course.cgroup = cgroup
    try:
        if ANNOTATION_NETWORKS in spec.annotations:
            say(sandbox.sync, spec.annotations.get(ANNOTATION_INTERFACES, "").encode())
        if sandbox.hierarchies is not None and spec.linux.cgroups_path and not sandbox.advanced:
            course.cgroup = cgroup = make_cgroup(spec)
            if cgroup is None:
                raise Misfit
            say(sandbox.sync, b"1")
        course.mark()
        handed_trees.hand_over(sandbox.sync, trees)
        course.mark()
        if connect is not None:
            connect_init(sandbox.sync, sandbox.pid, connect)
        if sandbox.advanced and cgroup is not None and ANNOTATION_NETWORKS in spec.annotations:
            say(sandbox.sync, b"1")  # its devices were limited ahead; it asks behind its addresses
        course.mark()
        if sandbox.advanced and witness is not None and ANNOTATION_NETWORKS not in spec.annotations:
            note_beside(sandbox.sync, sandbox.pid, witness)  # init asks for nothing any more
        resolver = network_steps.expected_resolver(spec)
        told, notes, master = await_program(
            sandbox.sync,
            sandbox.pid,
            spec,
            cgroup,
            hold=False,
            terminal=spec.process.terminal,
            resolver=resolver,
            times=course.times,
            witness=witness,
        )
        course.mark()
        launched = Launched(
            sandbox.pid,
            sandbox.start_ticks,
            sandbox.pidfd,
            cgroup,
            notes,
            told,
            master,
            tuple(resolver or ()),
            sandbox.mount_namespace,
            sandbox.lender,
        )
    except Misfit:
        if witness is not None:
            witness.drop()
    except OSError as error:
        raise _not_started(error) from error
    finally:
        if launched is None:
            sandbox.end()
            _undo(0, cgroup)
        else:
            os.close(sandbox.sync)
    return launched


def advance(
    sandbox: Sandbox, spec: Spec, raw: Mapping[str, Any], place: str, stdio: Stdio
) -> Sandbox | None:
    """Let a sandbox's init go ahead for an expected container, and make that one's cgroup.

    `spec` is what stands in its bundle, in `place`, and `raw` the same as JSON. None where it could
    not, and the sandbox is ended.
    """
    cgroup = None
    try:
        if not sandbox.begin(place, stdio, ahead=True):
            return None
        if sandbox.hierarchies is not None and spec.linux.cgroups_path:
            cgroup = make_cgroup(spec)
            say(sandbox.sync, b"1")
        while (word := os.read(sandbox.sync, _WORD_BYTES)) == b"devices":
            if cgroup is not None:
                limiting.limit_devices(cgroup, spec.linux.device_rules)
                if ANNOTATION_NETWORKS not in spec.annotations:
                    say(sandbox.sync, b"1")
        if word == ADVANCED:
            return replace(sandbox, advanced=True, cgroup=cgroup, place=place, expected=raw)
    except (OSError, EngineError):
        pass
    replace(sandbox, cgroup=cgroup).end()
    return None


def _undo(pid: int, cgroup: Cgroup | None) -> None:
    if pid:
        reap(pid, kill=True)
    if cgroup is not None:
        cgroup.remove()


def _not_started(error: OSError) -> StepFailed:
    return StepFailed(
        f"start init: {error.strerror or error}", step="start init", errno=error.errno or 0
    )


def make_cgroup(spec: Spec, *, shares: bool = False) -> Cgroup | None:
    """Make the cgroup that the spec names; None where this user may not make one.

    One that is there is a killed engine's, or with `shares` whoever's: then it stays as it is.
    """
    path = spec.linux.cgroups_path
    if not path:
        return None
    hierarchies = preload()
    resources = spec.linux.resources
    further = () if resources is None else limiting.further(hierarchies, resources)
    try:
        cgroup = cgroups.create(hierarchies, path, further)
    except FileExistsError:
        if shares:
            cgroup = cgroups.complete(hierarchies, path, further)
            if freezer.is_frozen(cgroup):
                raise Conflict("container's cgroup unexpectedly frozen") from None
        else:
            # the container's id is in the path, so it is ours
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
