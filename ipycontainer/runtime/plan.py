"""Decide what a start does: from a spec to a list of steps, without touching the kernel.

One list for four readers: init executes it, `--explain` shows it, timings are noted against it,
tests check its order. The order is runc's and crun's, with the errors that others give noted at the
steps. Imports model, linux's constants and the steps.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ipycontainer.errors import InvalidArgument
from ipycontainer.linux import capabilities, mounts
from ipycontainer.linux.cgroups import Cgroup
from ipycontainer.linux.namespaces import FLAGS
from ipycontainer.model import oci
from ipycontainer.model.hooks import State
from ipycontainer.model.oci import Capabilities, Device, Mount, Process, Spec
from ipycontainer.runtime import (
    clock_steps,
    defaults,
    execve_steps,
    idmap_steps,
    mount_steps,
    namespace_donors,
    network_steps,
    path_steps,
    process_steps,
    root_steps,
    scheduling_steps,
    terminal_steps,
    tree_steps,
    volume_steps,
)
from ipycontainer.runtime import session_steps as session
from ipycontainer.runtime.hooks import RunHooks
from ipycontainer.runtime.mount_plan import CgroupView, clean, steps_of
from ipycontainer.runtime.options import is_bind
from ipycontainer.runtime.steps import Identity, Step
from ipycontainer.runtime.sysctl import need, parameter

__all__ = ["CgroupView", "Manner", "oom_score", "plan", "plan_process"]

# config-linux.md "Rootfs Mount Propagation"
_ROOT_PROPAGATIONS = {
    "private": mounts.MS_PRIVATE,
    "slave": mounts.MS_SLAVE,
    "shared": mounts.MS_SHARED,
    "unbindable": mounts.MS_UNBINDABLE,
}


@dataclass(frozen=True, slots=True)
class Manner:
    """What a caller says of a start beside the bundle; the engine leaves all of it as it is.

    `state` is what hooks are told; without it there are none. `preserve_fds` is how many fds from 3
    on the program keeps. `clamp_oom_score`: who may not lower it that far keeps it, with a warning.
    `must_limit`: nothing runs where limits cannot hold, instead of with a warning. `add_own_group`:
    a user's own group is among the further ones too, as docker has it (CVE-2022-36109).
    `share_cgroup`: one that is there already is joined as it is, else it is made anew.
    """

    state: State | None = None
    preserve_fds: int = 0
    pivot: bool = True
    new_keyring: bool = True
    clamp_oom_score: bool = True
    must_limit: bool = False
    add_own_group: bool = True
    share_cgroup: bool = False


_PLAIN = Manner()


def plan(
    spec: Spec,
    bundle: str,
    *,
    userns: bool,
    cgroup: CgroupView | None = None,
    own_cgroup: Cgroup | None = None,
    hold: bool = False,
    die_with_parent: bool = True,
    ahead: bool = False,
    manner: Manner = _PLAIN,
) -> tuple[Step, ...]:
    """Return the steps of a start, in order.

    `userns`: init is not in the machine's first user namespace, so device nodes are bound instead
    of made, and file systems need a namespace of their own. `cgroup` is what is shown at
    /sys/fs/cgroup, `own_cgroup` the one that init lives in. `ahead`: init was there before its
    cgroup. Raises InvalidArgument or Unsupported, by name.
    """
    spaces = spec.linux.namespaces
    if unknown := spaces.keys() - FLAGS.keys():
        raise InvalidArgument(f'namespace "{min(unknown)}" does not exist')
    new = frozenset(kind for kind, path in spaces.items() if not path)
    own_user = "user" in new
    userns = userns or "user" in spaces
    steps: list[Step] = []
    if die_with_parent:
        steps.append(session.DieWithParent())
    steps += oom_score(spec, manner)
    if manner.new_keyring:
        name = posixpath.basename(spec.linux.cgroups_path) or "container"
        steps.append(session.NewSessionKeyring(name))
    steps += namespace_donors.joins(spec)
    if own_user:
        # without the maps it has no right to any cgroup: the parent puts it in
        steps.append(session.AwaitParent("made its part (cgroup, id maps)"))
        steps.append(session.BecomeRoot())
    elif "user" in spaces and own_cgroup is not None:
        steps.append(session.AwaitParent("put this process into its cgroup"))
    steps += clock_steps.clocks(spec)
    steps.append(session.HideFromTracers())
    if "network" in new:
        steps.append(session.LoopbackUp())
    steps += [parameter(key, value, frozenset(spaces)) for key, value in spec.linux.sysctl.items()]
    if spec.linux.net_devices:
        need(frozenset(spaces), "network", "an interface of the machine's")
    if spec.hostname:
        need(frozenset(spaces), "uts", "a host name")
        steps.append(session.SetHostname(spec.hostname))
    if spec.domainname:
        need(frozenset(spaces), "uts", "a domain name")
        steps.append(session.SetDomainname(spec.domainname))
    if own_cgroup is not None and "user" not in spaces:
        if ahead:
            steps.append(session.AwaitParent("made the cgroup"))
        steps.append(session.JoinCgroup(own_cgroup))
    if "cgroup" in new:
        steps.append(session.UnshareCgroup())
    if "mount" in spaces:
        steps += _tree(spec, bundle, userns, frozenset(spaces), cgroup, manner)
    else:
        steps += _bare_tree(spec, bundle, manner)
    process = plan_process(
        spec, spec.process, user="", hold=hold, die_with_parent=die_with_parent, manner=manner
    )
    if own_cgroup is not None:
        # as late as can be: the parent's part goes on beside the mounts
        process = (session.AwaitParent("limited init's devices"), *process)
    return (*steps, *process)


def oom_score(spec: Spec, manner: Manner) -> tuple[session.SetOomScoreAdj, ...]:
    """Return the step for what the bundle says of memory that runs out, if it says anything.

    It is the container's: an exec'd process has it, too, whatever its own description says (runc).
    """
    score = spec.process.oom_score_adj
    return () if score is None else (session.SetOomScoreAdj(score, manner.clamp_oom_score),)


def plan_process(
    spec: Spec,
    process: Process,
    *,
    user: str,
    hold: bool = False,
    die_with_parent: bool = True,
    manner: Manner = _PLAIN,
) -> tuple[Step, ...]:
    """Return the steps from a finished tree to the program: the same for a start and for `exec`.

    `user` is `U[:G]`, "" for the spec's own.
    """
    env = _environment(process)
    if not process.args:
        raise InvalidArgument("no command specified")
    if not process.cwd.startswith("/"):
        raise InvalidArgument("Cwd must be an absolute path")
    annotations = spec.annotations
    ids = process.user
    user = user or annotations.get(oci.ANNOTATION_USER, "")
    groups = _json_annotation(annotations, oci.ANNOTATION_GROUPS, list) or []
    own = (ids.gid,) if manner.add_own_group else ()
    further = tuple(dict.fromkeys((*own, *ids.additional_gids)))
    identity = Identity(ids.uid, ids.gid, further, "/")
    first = process is spec.process
    reap = annotations.get(oci.ANNOTATION_INIT) == "true" and first
    return (
        process_steps.NewSession(),
        process_steps.CloseFds(manner.preserve_fds),
        *(() if process.terminal else (process_steps.ConnectStdio(),)),
        process_steps.ResolveUser(
            user, identity, tuple(str(group) for group in groups), not env.get("HOME")
        ),
        *(
            (terminal_steps.ConnectTerminal(first, process.console_size),)
            if process.terminal
            else ()
        ),
        *((mount_steps.MakeReadOnly(("/dev",)),) if first and _closed_devices(spec) else ()),
        process_steps.EnterWorkdir(process.cwd),
        execve_steps.FindCommand(process.args[0], env.get("PATH", defaults.PATH)),
        *scheduling_steps.scheduling_of(spec, process),
        *(
            (process_steps.SetAppArmor(process.apparmor_profile),)
            if process.apparmor_profile
            else ()
        ),
        # as late as rights allow: a program may be given fewer files than its start needs
        *(session.SetRlimit(limit) for limit in process.rlimits),
        process_steps.ResetSignals(),
        *(() if process.no_new_privileges else (process_steps.FilterSystemCalls(),)),
        _limits(process.capabilities, process, die_with_parent),
        execve_steps.CheckCommand(process.args[0]),
        process_steps.Ready(wait=hold),
        *(_hooks("startContainer", spec, manner) if first else ()),
        execve_steps.Execute(process.args, env, reap=reap, die_with_parent=die_with_parent),
    )


def _hooks(moment: str, spec: Spec, manner: Manner) -> list[Step]:
    """Return the step of the hooks that init itself runs, at a moment of its life."""
    if manner.state is None:
        return []
    if moment == "createContainer":
        hooks, status = spec.hooks.create_container, "creating"
    else:
        hooks, status = spec.hooks.start_container, "created"
    state = replace(manner.state, status=status)
    return [RunHooks(moment, hooks, state, _environment(spec.process))] if hooks else []


def _limits(caps: Capabilities, process: Process, die_with_parent: bool) -> Step:
    umask = 0o022 if process.user.umask is None else process.user.umask
    return process_steps.LimitPrivileges(
        bounding=_mask(caps.bounding),
        effective=_mask(caps.effective),
        permitted=_mask(caps.permitted),
        inheritable=_mask(caps.inheritable),
        # the kernel takes no ambient capability that is not inheritable (EPERM); `runc spec` asks
        # for some, and runc then gives none of them
        ambient=_mask(caps.ambient) & _mask(caps.inheritable) & _mask(caps.permitted),
        no_new_privileges=process.no_new_privileges,
        umask=umask,
        die_with_parent=die_with_parent,
    )


def _mask(names: tuple[str, ...]) -> int:
    try:
        return capabilities.mask_of(names)
    except KeyError as error:
        raise InvalidArgument(f"unknown capability {error}") from error


def _environment(process: Process) -> dict[str, str]:
    env: dict[str, str] = {}
    for entry in process.env:
        name, equals, value = entry.partition("=")
        if not name or not equals or "\0" in entry:
            raise InvalidArgument(f"invalid environment variable {entry!r}")
        env[name] = value
    return env


def _bare_tree(spec: Spec, bundle: str, manner: Manner) -> list[Step]:
    """Return the steps to a root without a mount namespace: nothing can be mounted, or hidden."""
    for what, there in (
        ("unable to mount anything", spec.mounts or spec.annotations.get(oci.ANNOTATION_OVERLAYS)),
        ("unable to restrict sys entries", spec.linux.masked_paths or spec.linux.readonly_paths),
        ("unable to close the root for writing", spec.root.readonly),
    ):
        if there:
            raise InvalidArgument(f"{what} without a private MNT namespace")
    return [
        root_steps.TakeRoot(posixpath.normpath(posixpath.join(bundle, spec.root.path))),
        session.TellParent(),
        *_created(spec, manner),
        root_steps.ChangeRoot(),
        *_workdir(spec),
    ]


def _created(spec: Spec, manner: Manner) -> list[Step]:
    """Return the steps of the hooks that see the tree made and the host's root still there."""
    steps = _hooks("createContainer", spec, manner)
    hooks = manner.state is not None and (spec.hooks.prestart or spec.hooks.create_runtime)
    if hooks or spec.linux.net_devices:
        steps.insert(0, session.AwaitParent("moved its devices, run its hooks"))
    return steps


def _workdir(spec: Spec) -> list[Step]:
    return [process_steps.MakeWorkdir(spec.process.cwd)] if spec.process.cwd != "/" else []


def _tree(
    spec: Spec,
    bundle: str,
    userns: bool,
    own: frozenset[str],
    cgroup: CgroupView | None,
    manner: Manner,
) -> list[Step]:
    """Return the steps that make the tree. `own` are the kinds of namespaces not the host's."""
    propagation = spec.linux.rootfs_propagation
    if propagation and propagation.removeprefix("r") not in _ROOT_PROPAGATIONS:
        raise InvalidArgument(f"rootfsPropagation={propagation} is not supported")
    if not manner.pivot and propagation in ("private", "rprivate"):
        raise InvalidArgument("rootfsPropagation of [r]private is not safe without pivot_root")
    steps: list[Step] = [
        *volume_steps.shared_steps(spec.mounts, bundle),
        mount_steps.IsolateMounts(),
    ]
    root = posixpath.normpath(posixpath.join(bundle, spec.root.path))
    trees, targets = tree_steps.tree_steps(
        _json_annotation(spec.annotations, oci.ANNOTATION_OVERLAYS, list) or [], root
    )
    steps += trees
    steps += idmap_steps.taking(spec)
    closed = _closed_devices(spec)
    for mount in spec.mounts:
        if mount in closed:  # not before its devices are made
            mount = replace(mount, options=tuple(word for word in mount.options if word != "ro"))
        steps += steps_of(mount, bundle, userns, own, cgroup)
    steps += namespace_donors.shared_shm(spec)
    if not any(clean(mount.destination) == "/dev" and is_bind(mount) for mount in spec.mounts):
        devices = _devices(spec.linux.devices)
        sources = _json_annotation(spec.annotations, oci.ANNOTATION_DEVICES, dict) or {}
        steps.append(
            path_steps.BindDevices(devices, tuple(sources.items()))
            if userns
            else path_steps.MakeDevices(devices)
        )
        steps.append(path_steps.LinkDevices(defaults.DEVICE_LINKS))
    steps.append(session.TellParent())
    steps += _created(spec, manner)
    if spec.linux.masked_paths:
        steps.append(path_steps.MaskPaths(spec.linux.masked_paths))
    if spec.linux.readonly_paths:
        steps.append(path_steps.RestrictPaths(spec.linux.readonly_paths))
    steps += _workdir(spec)
    if spec.root.readonly:
        steps.append(mount_steps.MakeReadOnly(targets))
    joined = {kind for kind, path in spec.linux.namespaces.items() if path}
    if interfaces := spec.annotations.get(oci.ANNOTATION_INTERFACES):
        need(own - joined, "network", "an interface")
        # as late as can be, and while the host's /proc is still there
        steps.append(session.AwaitParent("made the interfaces"))
        steps += network_steps.network_steps(interfaces)
    steps.append(root_steps.PivotRoot() if manner.pivot else root_steps.MoveRoot())
    if propagation:
        value = _ROOT_PROPAGATIONS[propagation.removeprefix("r")]
        steps.append(root_steps.PropagateRoot(value, propagation.startswith("r")))
    return steps


def _closed_devices(spec: Spec) -> tuple[Mount, ...]:
    """Return the mounts that give a /dev of the container's own, and read-only."""
    return tuple(
        mount
        for mount in spec.mounts
        if clean(mount.destination) == "/dev" and not is_bind(mount) and "ro" in mount.options
    )


def _devices(asked: tuple[Device, ...]) -> tuple[Device, ...]:
    paths: dict[str, Device] = {}
    for device in asked:
        paths.setdefault(clean(device.path), device)  # of two at one place runc makes the first
    return (*(each for each in defaults.DEVICES if each.path not in paths), *paths.values())


def _json_annotation(annotations: Mapping[str, str], key: str, kind: type) -> Any:
    text = annotations.get(key)
    if not text:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidArgument(f"annotation {key} is no JSON: {error}") from error
    if not isinstance(value, kind):
        raise InvalidArgument(f"annotation {key} is not a JSON {kind.__name__}")
    return value
