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

from ipycontainer.errors import InvalidArgument, Unsupported
from ipycontainer.linux import capabilities, mounts
from ipycontainer.linux.cgroups import Cgroup, Hierarchies
from ipycontainer.model import oci
from ipycontainer.model.oci import Capabilities, Device, Mount, Process, Spec
from ipycontainer.runtime import (
    command_steps,
    defaults,
    donors,
    mount_steps,
    network_steps,
    options,
    path_steps,
    process_steps,
    terminal_steps,
    tree_steps,
    volume_steps,
)
from ipycontainer.runtime import session_steps as session
from ipycontainer.runtime.parameters import need, parameter
from ipycontainer.runtime.steps import Identity, Step

__all__ = ["CgroupView", "plan", "plan_process"]

_FILE_SYSTEMS = frozenset({"proc", "tmpfs", "devpts", "sysfs", "mqueue", "ramfs"})


@dataclass(frozen=True, slots=True)
class CgroupView:
    """The container's own cgroup as it is shown inside.

    `binds` are (name, directory of the host) each, `links` (link, name).
    """

    binds: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    v2: bool = False

    @classmethod
    def of(cls, cgroup: Cgroup | None, hierarchies: Hierarchies | None) -> CgroupView | None:
        """Return how a cgroup is shown; None where there is nothing to show."""
        if cgroup is None:
            return cls(v2=True) if hierarchies and hierarchies.version == "v2" else None
        if cgroup.is_v2:
            return cls((("", cgroup.directories[""]),), v2=True)
        binds: dict[str, str] = {}
        links = []
        for controller, directory in cgroup.directories.items():
            # cpu and cpuacct are often one mount, `cpu,cpuacct`, with a link for each
            mounted = (hierarchies.controllers if hierarchies else {})[controller]
            name = mounted.rpartition("/")[2]
            binds[name] = directory
            if name != controller:
                links.append((controller, name))
        return cls(tuple(binds.items()), tuple(links))


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
) -> tuple[Step, ...]:
    """Return the steps of a start, in order.

    `userns`: init is not in the machine's first user namespace, so device nodes are bound instead
    of made, and file systems need a namespace of their own. `cgroup` is what is shown at
    /sys/fs/cgroup, `own_cgroup` the one that init lives in. `ahead`: init was there before its
    cgroup. Raises InvalidArgument or Unsupported, by name.
    """
    spaces = spec.linux.namespaces
    new = frozenset(kind for kind, path in spaces.items() if not path)
    own_user = "user" in new
    userns = userns or own_user
    steps: list[Step] = []
    if die_with_parent:
        steps.append(session.DieWithParent())
    if spec.process.oom_score_adj is not None:
        steps.append(session.SetOomScoreAdj(spec.process.oom_score_adj))
    steps += [session.SetRlimit(limit) for limit in spec.process.rlimits]
    steps.append(
        session.NewSessionKeyring(posixpath.basename(spec.linux.cgroups_path) or "container")
    )
    steps += donors.joins(spec)
    if own_user:
        # without the maps it has no right to any cgroup: the parent puts it in
        steps.append(session.AwaitParent("made its part (cgroup, id maps)"))
        steps.append(session.BecomeRoot())
    steps.append(session.HideFromTracers())
    if "network" in new:
        steps.append(session.LoopbackUp())
    steps += [parameter(key, value, frozenset(spaces)) for key, value in spec.linux.sysctl.items()]
    if spec.hostname:
        need(frozenset(spaces), "uts", "a host name")
        steps.append(session.SetHostname(spec.hostname))
    if spec.domainname:
        need(frozenset(spaces), "uts", "a domain name")
        steps.append(session.SetDomainname(spec.domainname))
    if own_cgroup is not None and not own_user:
        if ahead:
            steps.append(session.AwaitParent("made the cgroup"))
        steps.append(session.JoinCgroup(own_cgroup))
    if "cgroup" in new:
        steps.append(session.UnshareCgroup())
    need(new, "mount", "a root")
    steps += _tree(spec, bundle, userns, frozenset(spaces), cgroup)
    process = plan_process(spec, spec.process, user="", hold=hold, die_with_parent=die_with_parent)
    if own_cgroup is not None:
        # as late as can be: the parent's part goes on beside the mounts
        process = (session.AwaitParent("limited init's devices"), *process)
    return (*steps, *process)


def plan_process(
    spec: Spec, process: Process, *, user: str, hold: bool = False, die_with_parent: bool = True
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
    identity = Identity(ids.uid, ids.gid, ids.additional_gids, "/")
    first = process is spec.process
    reap = annotations.get(oci.ANNOTATION_INIT) == "true" and first
    return (
        process_steps.NewSession(),
        process_steps.CloseFds(),
        *(() if process.terminal else (process_steps.ConnectStdio(),)),
        process_steps.ResolveUser(
            user, identity, tuple(str(group) for group in groups), "HOME" not in env
        ),
        *(
            (terminal_steps.ConnectTerminal(first, process.console_size),)
            if process.terminal
            else ()
        ),
        process_steps.EnterWorkdir(process.cwd),
        command_steps.FindCommand(process.args[0], env.get("PATH", defaults.PATH)),
        *((process_steps.Ready(wait=True),) if hold else ()),
        *(
            (process_steps.SetAppArmor(process.apparmor_profile),)
            if process.apparmor_profile
            else ()
        ),
        _limits(process.capabilities, process, die_with_parent),
        command_steps.CheckCommand(process.args[0]),
        *(() if hold else (process_steps.Ready(wait=False),)),
        command_steps.Execute(process.args, env, reap=reap, die_with_parent=die_with_parent),
    )


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


def _tree(
    spec: Spec,
    bundle: str,
    userns: bool,
    own: frozenset[str],
    cgroup: CgroupView | None,
) -> list[Step]:
    """Return the steps that make the tree. `own` are the kinds of namespaces not the host's."""
    if spec.linux.rootfs_propagation not in ("", "private", "rprivate", "slave", "rslave"):
        raise Unsupported(f"rootfsPropagation {spec.linux.rootfs_propagation} is not supported")
    steps: list[Step] = [
        *volume_steps.shared_steps(spec.mounts, bundle),
        mount_steps.IsolateMounts(),
    ]
    root = posixpath.normpath(posixpath.join(bundle, spec.root.path))
    trees, targets = tree_steps.tree_steps(
        _json_annotation(spec.annotations, oci.ANNOTATION_OVERLAYS, list) or [], root
    )
    steps += trees
    for mount in spec.mounts:
        steps += _mount(mount, bundle, userns, own, cgroup)
    steps += donors.shared_shm(spec)
    if not any(_clean(mount.destination) == "/dev" and _is_bind(mount) for mount in spec.mounts):
        devices = _devices(spec.linux.devices)
        sources = _json_annotation(spec.annotations, oci.ANNOTATION_DEVICES, dict) or {}
        steps.append(
            path_steps.BindDevices(devices, tuple(sources.items()))
            if userns
            else path_steps.MakeDevices(devices)
        )
        steps.append(path_steps.LinkDevices(defaults.DEVICE_LINKS))
    steps.append(session.TellParent())
    if spec.linux.masked_paths:
        steps.append(path_steps.MaskPaths(spec.linux.masked_paths))
    if spec.linux.readonly_paths:
        steps.append(path_steps.RestrictPaths(spec.linux.readonly_paths))
    if spec.process.cwd != "/":
        steps.append(process_steps.MakeWorkdir(spec.process.cwd))
    if spec.root.readonly:
        steps.append(mount_steps.MakeReadOnly(targets))
    joined = {kind for kind, path in spec.linux.namespaces.items() if path}
    if interfaces := spec.annotations.get(oci.ANNOTATION_INTERFACES):
        need(own - joined, "network", "an interface")
        # as late as can be, and while the host's /proc is still there
        steps.append(session.AwaitParent("made the interfaces"))
        steps += network_steps.network_steps(interfaces)
    steps.append(mount_steps.PivotRoot())
    return steps


def _mount(
    mount: Mount, bundle: str, userns: bool, own: frozenset[str], cgroup: CgroupView | None
) -> list[Step]:
    target = _clean(mount.destination)
    if target == "/":
        raise InvalidArgument("a mount at / would hide the container's root")
    parsed = options.parse(mount)
    if parsed.bind:
        if target == "/proc" or target.startswith("/proc/"):
            raise InvalidArgument(f'"{target}" cannot be mounted because it is inside /proc')
        asked = dict(parsed.data)
        subpath = asked.pop("subpath", "")
        if asked:
            raise Unsupported(
                f'mount option "{next(iter(asked))}" of bind {target} is not supported'
            )
        source = posixpath.normpath(posixpath.join(bundle, mount.source))
        return [_bind(source, target, parsed, recursive=parsed.recursive, subpath=subpath)]
    if mount.type == "overlay":
        return [volume_steps.image_step(target, parsed)]
    if mount.type in ("cgroup", "cgroup2"):
        return _cgroup_mount(mount, target, parsed, userns, own, cgroup)
    if mount.type not in _FILE_SYSTEMS:
        raise Unsupported(f'mount type "{mount.type}" of {target} is not supported')
    inside_proc = target == "/proc" or target.startswith("/proc/")
    if inside_proc and (mount.type != "proc" or target != "/proc"):
        raise InvalidArgument(f'"{target}" cannot be mounted because it is inside /proc')
    owner = {"sysfs": "network", "mqueue": "ipc", "proc": "pid"}.get(mount.type)
    if userns and owner is not None and owner not in own:
        # a user namespace may not mount what shows a namespace that is not its own (EPERM)
        host = {"sysfs": "/sys", "mqueue": "/dev/mqueue", "proc": "/proc"}[mount.type]
        whole = replace(parsed, tree_bits=parsed.set_bits)  # with all that the host has below it
        optional = mount.type == "mqueue"  # many a machine mounts none
        return [_bind(host, target, whole, recursive=True, optional=optional)]
    data, fallback = parsed.data, None
    if mount.type == "devpts" and userns:
        fallback = tuple((key, value) for key, value in data if key != "gid")
    return [
        mount_steps.MountFileSystem(
            mount.type, target, mount.source or mount.type, data, parsed.set_bits, fallback
        )
    ]


def _bind(
    source: str,
    target: str,
    parsed: options.MountOptions,
    *,
    recursive: bool,
    subpath: str = "",
    optional: bool = False,
) -> Step:
    return mount_steps.BindMount(
        source,
        target,
        parsed.set_bits,
        parsed.clear_bits,
        parsed.propagation,
        recursive=recursive,
        tree_bits=parsed.tree_bits,
        subpath=subpath,
        optional=optional,
    )


def _cgroup_mount(
    mount: Mount,
    target: str,
    parsed: options.MountOptions,
    userns: bool,
    own: frozenset[str],
    cgroup: CgroupView | None,
) -> list[Step]:
    if cgroup is not None and cgroup.v2:
        # without a namespace of its own it shows all of the machine's, as in docker
        if "cgroup" in own or not userns:
            return [mount_steps.MountFileSystem("cgroup2", target, "cgroup", (), parsed.set_bits)]
        return [
            _bind(directory, target, parsed, recursive=False) for _, directory in cgroup.binds[:1]
        ]
    view, writable = cgroup or CgroupView(), not parsed.set_bits & mounts.MOUNT_ATTR_RDONLY
    return [mount_steps.MountCgroups(target, view.binds, view.links, writable)]


def _devices(asked: tuple[Device, ...]) -> tuple[Device, ...]:
    paths = {_clean(device.path) for device in asked}
    return (*(device for device in defaults.DEVICES if device.path not in paths), *asked)


def _is_bind(mount: Mount) -> bool:
    return mount.type == "bind" or "bind" in mount.options or "rbind" in mount.options


def _clean(path: str) -> str:
    if not path.startswith("/"):
        raise InvalidArgument(f"mount destination {path} is not absolute")
    return posixpath.normpath("/" + path.lstrip("/"))


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
