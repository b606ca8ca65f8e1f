"""What a sandbox's init does before there is a container, and what is left to do then.

Decided on plans alone, without a kernel: what no container changes is done for good, and of a
container that is expected all that does not hang on its program. Imports linux, model and the rest
of runtime.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from ipycontainer.linux import cgroups
from ipycontainer.linux.cgroups import Cgroup, Hierarchies
from ipycontainer.model import oci
from ipycontainer.model.oci import Linux, Process, Spec
from ipycontainer.runtime import (
    defaults,
    limiting,
    mount_steps,
    path_steps,
    plan,
    process_steps,
    root_steps,
    session_steps,
)
from ipycontainer.runtime.plan import CgroupView
from ipycontainer.runtime.steps import Step

__all__ = [
    "KINDS",
    "differ_in_program_only",
    "done_ahead",
    "last_steps",
    "sample",
    "split",
    "steps_in",
    "without_program",
]

KINDS = ("mount", "uts", "ipc", "pid", "network")  # those of a container that names no others
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
# Of the steps to a program those that are the same for every one, and can be done before others.
_OF_ALL_PROGRAMS = (process_steps.ResetSignals, process_steps.FilterSystemCalls)


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


def split(spec: Spec, planned: Sequence[Step]) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Part the steps that are left in a sandbox: those that can be done ahead, and all others.

    The program and its user come last, and so do addresses, for which the host's /proc must still
    be there: then the root stays. Who hides from tracers hides from its parent, too.
    """
    stops: tuple[type[Step], ...] = (process_steps.NewSession,)
    if oci.ANNOTATION_NETWORKS in spec.annotations:
        stops = (session_steps.AwaitParent, root_steps.PivotRoot)
    told = planned.index(session_steps.TellParent())
    end = next(at for at in range(told, len(planned)) if isinstance(planned[at], stops))
    hides = session_steps.HideFromTracers()
    early = [step for step in planned[:end] if step != hides]
    late = planned[end:]
    if oci.ANNOTATION_NETWORKS not in spec.annotations and not spec.process.terminal:
        # nothing is made or mounted any more that the filter would refuse
        early += [step for step in late if isinstance(step, _OF_ALL_PROGRAMS)]
    return tuple(early), (hides, *(step for step in late if step not in early))


def last_steps(planned: Sequence[Step]) -> tuple[Step, ...]:
    """Return what is left of the steps to a program (plan.plan_process) where `split` did more."""
    hides = session_steps.HideFromTracers()
    return (hides, *(step for step in planned if not isinstance(step, _OF_ALL_PROGRAMS)))


def differ_in_program_only(raw: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    """Tell whether two bundles differ at most in what is executed, and in its environment.

    Then all steps but the last are the same, and need not be planned again.
    """
    return without_program(raw) == without_program(expected)


def without_program(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a bundle that can still be planned, without all that `differ_in_program_only` allows.

    How a container's networks are wished for goes, too: it holds its name, and what is published.
    """
    networks = (
        {oci.ANNOTATION_NETWORKS: "{}"} if oci.ANNOTATION_NETWORKS in raw["annotations"] else {}
    )
    return {
        **raw,
        "process": {**raw["process"], "args": ["true"], "env": []},
        "annotations": {**raw["annotations"], **networks},
    }


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
        for name in defaults.ETC_FILES
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
