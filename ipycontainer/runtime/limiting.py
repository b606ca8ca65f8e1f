"""Limit a container's cgroup before anything lives in it, and say in runc's words what was refused.

Imports linux and model only. Called for bundles with limits, and for rules of devices.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ipycontainer.errors import EngineError, InvalidArgument, StepFailed, Unsupported
from ipycontainer.linux import cgroups, limits, namespaces
from ipycontainer.linux.cgroups import Cgroup, Hierarchies
from ipycontainer.model.oci import DeviceRule
from ipycontainer.model.resources import Resources

__all__ = ["further", "limit", "limit_devices", "without_cgroup"]

# runc's words between the start that failed and the limit that was refused.
APPLYING = "unable to apply cgroup configuration"
LIMITING = "error during container init: error setting cgroup config for procHooks process"


def further(hierarchies: Hierarchies, resources: Resources) -> tuple[str, ...]:
    """Return the controllers that limits need besides the usual ones. Raises StepFailed."""
    v2 = not hierarchies.is_v1
    usual = cgroups.CONTROLLERS_V2 if v2 else cgroups.CONTROLLERS_V1
    try:
        needed = limits.controllers(resources, v2=v2)
    except (InvalidArgument, Unsupported) as error:
        raise _refused(error) from error
    return tuple(name for name in needed if name not in usual)


def without_cgroup(hierarchies: Hierarchies, resources: Resources) -> StepFailed:
    """Return the error for limits that nobody can set: of the first of their controllers."""
    names = limits.controllers(resources, v2=not hierarchies.is_v1) or ("any",)
    return StepFailed(
        f"{LIMITING}: cannot set {names[0]} limit: container could not join or create cgroup",
        hint="this user has no cgroup here: ipycontainer doctor names the way to one",
        step="limit the cgroup",
    )


def limit(cgroup: Cgroup, resources: Resources) -> None:
    """Limit a cgroup that has just been made, or remove it. Raises StepFailed."""
    try:
        limits.apply(cgroup, resources)
    except StepFailed as error:
        cgroup.remove()
        raise _refused(error, error.step) from error


def limit_devices(cgroup: Cgroup, rules: Sequence[DeviceRule]) -> None:
    """Set the rules for devices, but for version 2 in a user namespace, or by an ordinary user.

    It takes no program from there (EPERM), and nobody can make a node there.
    """
    if cgroup.is_v2 and (os.geteuid() != 0 or not namespaces.in_initial_userns()):
        return
    cgroup.set_device_rules(rules)


def _refused(error: EngineError, step: str = "") -> StepFailed:
    """Return a refused limit in runc's words: it has real-time limits set before the others."""
    when = APPLYING if "cpu.rt_" in step else LIMITING
    return StepFailed(f"{when}: {error.message}", step="limit the cgroup")
