"""Run a further program in a container from a process that waited for it, and copy no memory.

`exec.enter` forks twice: a joiner, and from it the program. One that waits already is spared the
first fork; and since it becomes itself what the program shall be, posix_spawn(3) can make the
program, whose clone(2) shares the memory until execve(2): a tenth of a fork's price. Imports linux,
model and the rest of runtime.
"""

from __future__ import annotations

import os

from ipycontainer.errors import StepFailed
from ipycontainer.linux.cgroups import Cgroup
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model.oci import ANNOTATION_SECCOMP, ExecAffinity, Process, Spec
from ipycontainer.runtime import plan, steps
from ipycontainer.runtime.command_steps import Execute
from ipycontainer.runtime.exec import join
from ipycontainer.runtime.session_steps import NewSessionKeyring
from ipycontainer.runtime.steps import Context

__all__ = ["can_spawn", "plan_spawn", "spawn"]


def can_spawn(spec: Spec) -> bool:
    """Tell whether programs of this container can be children of a joiner that became like them.

    What a child does not inherit, or a filter that may refuse to make one, needs `exec.enter`; so
    does a container without a pid namespace of its own, whose programs do not die with its init.
    """
    process = spec.process
    return (
        spec.linux.namespaces.get("pid") == ""
        and spec.linux.seccomp is None
        and spec.annotations.get(ANNOTATION_SECCOMP, "") in ("", "default", "capabilities")
        and not process.apparmor_profile
        and process.scheduler is None
        and process.exec_affinity == ExecAffinity()
        and all(limit.type != "RLIMIT_NPROC" for limit in process.rlimits)
    )


def plan_spawn(spec: Spec, process: Process, user: str) -> tuple[tuple[steps.Step, ...], Execute]:
    """Return the steps after the join, and the last one: become the program."""
    *before, _, execute = plan.plan_process(spec, process, user=user, die_with_parent=False)
    assert isinstance(execute, Execute)
    keyring = NewSessionKeyring(os.path.basename(spec.linux.cgroups_path) or "container")
    return (keyring, *before), execute


def spawn(
    target: tuple[int, int],
    spec: Spec,
    process: Process,
    ctx: Context,
    *,
    user: str,
    cgroup: Cgroup | None,
) -> int:
    """Enter the container of `target` (pidfd, pid) for good, and return the pid of its new program.

    That is the caller's child, and that of the nearest subreaper once the caller has ended. Raises
    as `exec.enter` does.
    """
    before, execute = plan_spawn(spec, process, user)
    try:
        join(target, spec.linux.namespaces, cgroup)
    except OSError as error:
        raise StepFailed(f"join the container's namespaces: {error}", step="join") from error
    ctx.root = DirFd.open("/")
    steps.run(before, ctx)
    return execute.spawn(ctx)
