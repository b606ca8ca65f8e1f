"""Decide how a bundle's mounts are made: each mount of the spec becomes a step or two.

A part of plan, and pure as that is. Imports model, linux's constants and the mount steps.
"""

from __future__ import annotations

import errno
import posixpath
from dataclasses import dataclass, replace

from ipycontainer.errors import InvalidArgument, StepFailed, Unsupported
from ipycontainer.linux import mounts
from ipycontainer.linux.cgroups import Cgroup, Hierarchies
from ipycontainer.model.oci import Mount
from ipycontainer.runtime import (
    cgroup_mounts,
    foreign_mounts,
    idmap_steps,
    mount_steps,
    options,
    refusals,
    volume_steps,
)
from ipycontainer.runtime.steps import Step

__all__ = ["CgroupView", "clean", "steps_of"]

_FILE_SYSTEMS = frozenset({"proc", "tmpfs", "devpts", "sysfs", "mqueue", "ramfs"})
# What a file may be laid over inside /proc, for lxcfs and its kin: no mask or check depends on
# them. Source: runc's checkProcMount (libcontainer/rootfs_linux.go).
_PROC_FILES = frozenset(
    f"/proc/{name}"
    for name in (
        *("cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo"),
        *("net/dev", "sys/kernel/ns_last_pid", "sys/crypto/fips_enabled"),
    )
)
_CGROUP_ROOTS = ("cgroup", "cgroup2")


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


def steps_of(
    mount: Mount, bundle: str, userns: bool, own: frozenset[str], cgroup: CgroupView | None
) -> list[Step]:
    """Return the steps of one mount. `own` are the kinds of namespaces not the host's.

    Raises InvalidArgument and Unsupported, by name.
    """
    target = clean(mount.destination)
    if target == "/":
        raise InvalidArgument("a mount at / would hide the container's root")
    parsed = options.parse(mount)
    if parsed.remount:
        return [foreign_mounts.Remount(target, parsed.set_bits, parsed.clear_bits)]
    if parsed.bind:
        return [_user_bind(mount, bundle, target, parsed)]
    if mount.type == "overlay" and any(key == "lowerdir+" for key, _ in parsed.data):
        return [volume_steps.image_step(target, parsed)]
    if mount.type in _CGROUP_ROOTS:
        return _cgroup_mount(target, parsed, userns, own, cgroup)
    if not mount.type or mount.type == "none":
        raise Unsupported(f'mount type "{mount.type}" of {target} is not supported')
    inside_proc = target == "/proc" or target.startswith("/proc/")
    if inside_proc and (mount.type != "proc" or target != "/proc"):
        raise _inside_proc(mount.source or mount.type, target)
    source = mount.source or mount.type
    if mount.type not in _FILE_SYSTEMS:
        return [_by_name(mount.type, source, target, parsed)]
    owner = {"sysfs": "network", "mqueue": "ipc", "proc": "pid"}.get(mount.type)
    if userns and owner is not None and owner not in own:
        # a user namespace may not mount what shows a namespace that is not its own (EPERM)
        host = {"sysfs": "/sys", "mqueue": "/dev/mqueue", "proc": "/proc"}[mount.type]
        whole = replace(parsed, tree_bits=parsed.set_bits)  # with all that the host has below it
        optional = mount.type == "mqueue"  # many a machine mounts none
        return [_bind(host, target, whole, recursive=True, optional=optional)]
    data, fallback = (*parsed.data, *((word, "") for word in parsed.whole)), None
    if mount.type == "devpts" and userns:
        fallback = tuple((key, value) for key, value in data if key != "gid")
    return [
        mount_steps.MountFileSystem(
            mount.type,
            target,
            source,
            data,
            parsed.set_bits,
            fallback,
            parsed.propagation,
            parsed.copy_up,
        )
    ]


def _inside_proc(source: str, target: str) -> StepFailed:
    reason = refusals.NOT_PROC if target == "/proc" else refusals.INSIDE_PROC
    error = PermissionError(errno.EPERM, reason)
    words = refusals.of_bind(source, target, error)
    return StepFailed(words, step=f"bind {source} on {target}", errno=errno.EPERM)


def _user_bind(mount: Mount, bundle: str, target: str, parsed: options.MountOptions) -> Step:
    inside_proc = target in _PROC_FILES
    if target.startswith("/proc/") and not inside_proc:
        raise _inside_proc(mount.source, target)
    asked = dict(parsed.data)
    subpath = asked.pop("subpath", "")
    if asked:
        raise Unsupported(f'mount option "{next(iter(asked))}" of bind {target} is not supported')
    source = posixpath.normpath(posixpath.join(bundle, mount.source))
    return _bind(
        source,
        target,
        parsed,
        recursive=parsed.recursive,
        subpath=subpath,
        inside_proc=inside_proc,
        mapped=idmap_steps.is_mapped(mount),
    )


def _bind(
    source: str,
    target: str,
    parsed: options.MountOptions,
    *,
    recursive: bool,
    subpath: str = "",
    optional: bool = False,
    inside_proc: bool = False,
    mapped: bool = False,
) -> Step:
    return mount_steps.BindMount(
        source,
        target,
        parsed.set_bits,
        parsed.clear_bits,
        parsed.propagation or mounts.MS_PRIVATE,
        recursive=recursive,
        tree_bits=parsed.tree_bits,
        tree_clear_bits=parsed.tree_clear_bits,
        spread=parsed.spread,
        subpath=subpath,
        optional=optional,
        inside_proc=inside_proc,
        mapped=mapped,
    )


def _by_name(kind: str, source: str, target: str, parsed: options.MountOptions) -> Step:
    """Return the step for a file system that is none of the kernel's own."""
    data = ",".join(f"{key}={value}" if value else key for key, value in parsed.data)
    return foreign_mounts.MountByName(
        kind, source, target, data, parsed.set_bits, parsed.propagation, parsed.whole
    )


def _cgroup_mount(
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
    return [cgroup_mounts.MountCgroups(target, view.binds, view.links, writable)]


def clean(path: str) -> str:
    """Return a mount's place as an absolute path; one that is not is meant from the root."""
    return posixpath.normpath("/" + path.lstrip("/"))
