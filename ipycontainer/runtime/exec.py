"""Run a further program in a container that runs already.

Three processes: the caller, a joiner that enters the namespaces, and the program, which the joiner
forks into the container's pid namespace (setns(2) moves only children there) with the caller as its
parent. From the join on everything the joiner sees by path is the container's: it opens, reads and
imports nothing of the host's any more. Imports linux and the rest of runtime.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence

from ipycontainer.errors import ContainerNotRunning, EngineError, StepFailed
from ipycontainer.linux import namespaces, pidfd, procfs, syscalls
from ipycontainer.linux.cgroups import Cgroup
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model.oci import Process, Spec
from ipycontainer.runtime import init, listener, plan
from ipycontainer.runtime.dialogue import await_program, make_socket, reap
from ipycontainer.runtime.launch import Launched
from ipycontainer.runtime.plan import Manner
from ipycontainer.runtime.scheduling_steps import affinity
from ipycontainer.runtime.seccomp import filter_flags
from ipycontainer.runtime.session_steps import DieWithParent, NewSessionKeyring
from ipycontainer.runtime.steps import Context, Stdio, Step

__all__ = ["enter", "join"]

PR_SET_DUMPABLE = 4  # linux/prctl.h


def enter(
    pid: int,
    start_ticks: int,
    spec: Spec,
    process: Process,
    stdio: Stdio,
    *,
    user: str = "",
    seccomp: bytes | None = None,
    cgroup: Cgroup | None = None,
    kinds: Collection[str] | None = None,
    die_with_parent: bool = True,
    manner: Manner | None = None,
) -> Launched:
    """Start `process` in the namespaces and the cgroup of the container whose init is `pid`.

    `spec` is the container's: it says which namespaces are its own. The filter is given again,
    since setns(2) brings none along. The program is the caller's direct child and dies with it,
    unless `die_with_parent` is off. `kinds` are the namespaces to join, where those of the spec are
    not all, and `manner` is as for a launch.
    Raises ContainerNotRunning when init is gone, CommandNotFound, CommandNotExecutable, StepFailed,
    InvalidArgument.
    """
    manner = manner or Manner()
    initial, final = affinity(process.exec_affinity)
    steps: tuple[Step, ...] = (
        *((DieWithParent(),) if die_with_parent else ()),
        *final,
        NewSessionKeyring(os.path.basename(spec.linux.cgroups_path) or "container"),
        *plan.plan_process(
            spec, process, user=user, die_with_parent=die_with_parent, manner=manner
        ),
    )
    ask = listener.sender(spec, manner.state)
    try:
        target = pidfd.open_verified(pid, start_ticks)
    except ProcessLookupError as error:
        raise ContainerNotRunning("the container has ended") from error
    own, sync = make_socket()
    # the program may be faster with its first message than the joiner with the program's pid
    pid_read, pid_write = os.pipe()
    child = 0
    try:
        mask = syscalls.sigmask_block_all()
        try:
            joiner = namespaces.clone(0)
            if joiner == 0:
                os.close(own)
                ctx = Context(sync, stdio, seccomp)
                ctx.seccomp_flags = filter_flags(spec.linux.seccomp)
                before = (*plan.oom_score(spec, manner), *initial)
                kinds = kinds or spec.linux.namespaces
                _join((target, pid), pid_write, kinds, cgroup, before, steps, ctx)
        finally:
            syscalls.sigmask_restore(mask)
        for fd in (sync, pid_write):
            os.close(fd)
        sync = pid_write = -1
        child = int(os.read(pid_read, 20) or 0)
        reap(joiner)
        if not child:
            await_program(own, joiner, spec, None, hold=False)  # raises what the joiner said
        fd = os.pidfd_open(child)
        try:
            ticks = procfs.start_ticks(child)
            times, warnings, master = await_program(
                own,
                child,
                spec,
                None,
                hold=False,
                terminal=process.terminal,
                listener=ask,
            )
        except BaseException:
            os.close(fd)
            raise
        return Launched(child, ticks, fd, cgroup, warnings, times, master)
    except BaseException as error:
        if child:
            reap(child, kill=True)
        if isinstance(error, OSError):
            raise StepFailed(
                f"join the container: {error}", step="join", errno=error.errno or 0
            ) from error
        raise
    finally:
        for number in (own, sync, target, pid_read, pid_write):
            if number >= 0:
                os.close(number)


def _join(
    target: tuple[int, int],
    pid_write: int,
    kinds: Iterable[str],
    cgroup: Cgroup | None,
    before: Sequence[Step],
    steps: Sequence[Step],
    ctx: Context,
) -> None:
    """Enter the container of `target` (pidfd, pid) and fork the program; never returns.

    `before` is done ahead of the join, where /proc is the machine's and this process dumpable.
    """
    code = 255
    try:
        for step in before:
            step.execute(ctx)
        join(target, kinds, cgroup)
        child = namespaces.clone(namespaces.CLONE_PARENT)
        if child == 0:
            ctx.root = DirFd.open("/")
            init.live(steps, ctx)
        os.write(pid_write, b"%d" % child)
        code = 0
    except EngineError as error:
        code = init.tell(ctx, error)
    except BaseException as error:  # noqa: BLE001 - a fork must not unwind into the caller's code
        code = init.tell(ctx, StepFailed(f"join the container's namespaces: {error}", step="join"))
    finally:
        os._exit(code)


def join(target: tuple[int, int], kinds: Iterable[str], cgroup: Cgroup | None) -> None:
    """Enter cgroup and namespaces of the container of `target` (pidfd, pid), for good.

    Raises OSError.
    """
    if cgroup is not None:
        cgroup.join()  # before the join: afterwards these paths are not ours
    # a process that is dumpable can be traced, and its fds opened, from inside the container as
    # soon as it is there (CVE-2016-9962)
    syscalls.prctl(PR_SET_DUMPABLE, 0)
    flags = 0
    for kind in kinds:
        flags |= namespaces.FLAGS[kind]
    _enter_namespaces(*target, flags)
    if flags & namespaces.CLONE_NEWUSER:
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)


def _enter_namespaces(process: int, pid: int, flags: int) -> None:
    """Join namespaces of the process behind a pidfd, or of its child where it hides its own.

    A small init (`--init`) can be looked into by root of the machine's first user namespace alone;
    the program, its child, stands in the same ones.
    """
    try:
        namespaces.setns(process, flags)
    except PermissionError:
        for child in procfs.children(pid):
            fd = pidfd.open(child)
            try:
                if child in procfs.children(pid):  # the pid was not used again meanwhile
                    namespaces.setns(fd, flags)
                    return
            finally:
                os.close(fd)
        raise
