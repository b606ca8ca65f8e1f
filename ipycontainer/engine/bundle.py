"""From a container's record to its OCI bundle: what docker's defaults and the user's words mean.

The border between engine and runtime: everything that the runtime must know stands in `config.json`
in the container's directory, beside the files that are shown in it as /etc/hosts and its kin.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ipycontainer.engine import (
    drivers,
    exchange,
    limits,
    links,
    mount_specs,
    network_files,
    privileges,
    sharing,
)
from ipycontainer.engine.network_files import ALONE, Neighbours
from ipycontainer.engine.sharing import NO_DONORS, Donors
from ipycontainer.errors import ResourceError
from ipycontainer.linux import cgroups
from ipycontainer.model import oci, oci_json
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.image import ImageRecord
from ipycontainer.model.mounts import Bind
from ipycontainer.model.privileges import DEFAULT_SHM_BYTES
from ipycontainer.model.state import ContainerRecord
from ipycontainer.model.volume import VolumeRecord
from ipycontainer.runtime import defaults
from ipycontainer.store.home import Home
from ipycontainer.supervise.repair import cgroup_path

__all__ = [
    "TERM",
    "Surroundings",
    "base_env",
    "build",
    "is_unified",
    "merge_env",
    "warnings_of",
    "write",
]


TERM = "TERM=xterm"  # what docker says of every terminal


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a container's mounts lead to: volumes by name, images by id."""

    volumes: Mapping[str, VolumeRecord] = field(default_factory=dict)
    images: Mapping[str, ImageRecord] = field(default_factory=dict)


def write(
    home: Home,
    record: ContainerRecord,
    size: tuple[int, int] = (0, 0),
    neighbours: Neighbours = ALONE,
    around: Surroundings | None = None,
    joined: Donors = NO_DONORS,
) -> None:
    """Write the bundle of one start into the container's directory.

    `size` is that of its terminal, in rows and columns. `joined` are the inits of other containers
    whose namespaces it shares.
    """
    directory = home.container(record.id)
    for name, text in network_files.files(home, record, neighbours):
        _write(directory / name, text)
    for number, text in enumerate(record.config.files.values()):
        _write(directory / f"file-{number}", text)
    linked = links.environment(record.name, neighbours.links)
    spec = oci_json.to_json(build(home, record, size, neighbours.shared, around, joined, linked))
    # Two may start it at once, and the monitor of the one must not read what the other has begun.
    whole = directory / f"config.{threading.get_native_id()}"
    _write(whole, json.dumps(spec, separators=(",", ":")))
    whole.rename(directory / "config.json")


def warnings_of(
    home: Home, config: ContainerConfig, around: Surroundings | None = None
) -> tuple[str, ...]:
    """Return WARNING lines about what a container will not get; raises for what it may not."""
    known = around.volumes if around is not None else {}
    _, hidden = mount_specs.guarded(home, config.mounts, known)
    checked = privileges.check(config.privileges, rootless=home.rootless)
    return (*hidden, *checked, *network_files.warnings_of(config))


def build(
    home: Home,
    record: ContainerRecord,
    size: tuple[int, int] = (0, 0),
    other: ContainerRecord | None = None,
    around: Surroundings | None = None,
    joined: Donors = NO_DONORS,
    linked: tuple[str, ...] = (),
) -> oci.Spec:
    """Return the spec of a container; `other` is the one whose network it shares.

    `linked` are the variables that tell of linked containers.
    """
    config, rights, shared = record.config, record.config.privileges, record.config.sharing
    around = around or Surroundings()
    covers, _ = mount_specs.guarded(home, config.mounts, around.volumes)
    granted = privileges.effective(rights, rootless=home.rootless)
    filter_name, profile = privileges.seccomp(rights, granted)
    found = privileges.devices(rights)
    to_mount = mount_specs.volumes_to_mount(around.volumes)
    sharing.check_sysctls(config)
    open_paths = rights.privileged or rights.open_paths
    return oci.Spec(
        process=oci.Process(
            args=(*(config.entrypoint or ()), *config.command),
            env=base_env(record, linked, tty=record.config.tty),
            cwd=config.workdir or "/",
            terminal=config.tty,
            console_size=size if config.tty else (0, 0),
            capabilities=defaults.capabilities(granted),
            rlimits=_rlimits(config),
            oom_score_adj=config.oom_score_adj or None,
            no_new_privileges=privileges.no_new_privileges(rights),
            apparmor_profile=privileges.apparmor(rights),
        ),
        root=oci.Root("rootfs", readonly=config.read_only),
        hostname="" if shared.uts == "host" else network_files.hostname(record, other),
        domainname=shared.domainname,
        mounts=(
            *_own_mounts(config),
            *(mount_specs.bind(bind) for bind in config.image_mounts),
            *_ordered(
                (
                    *(
                        # docker's: read-only, too, where the root is
                        mount_specs.bind(Bind(str(path), target, read_only=config.read_only))
                        for path, target in network_files.mounted_files(home, record, other)
                    ),
                    *_file_mounts(home, record),
                ),
                mount_specs.specs(
                    home, config.mounts, around.volumes, around.images, record.driver
                ),
            ),
            *(mount_specs.bind(cover) for cover in covers),
        ),
        linux=oci.Linux(
            namespaces={
                **sharing.namespaces(config, joined, unified=is_unified()),
                **network_files.namespace(config, other),
            },
            cgroups_path=cgroup_path(home, record.id, config.cgroup_parent),
            devices=found.nodes,
            device_rules=found.rules,
            resources=limits.resources(config.limits) if config.is_limited else None,
            masked_paths=() if open_paths else defaults.masked_paths(),
            readonly_paths=() if open_paths else defaults.READONLY_PATHS,
            sysctl={**network_files.sysctls(config, userns=home.rootless), **shared.sysctls},
            seccomp=profile,
        ),
        annotations={
            **config.annotations,
            oci.ANNOTATION_OVERLAYS: _overlays(home, record),
            **({oci.ANNOTATION_SECCOMP: filter_name} if filter_name else {}),
            oci.ANNOTATION_USER: config.user or "0",  # by name: with the groups that it is in
            **({oci.ANNOTATION_GROUPS: json.dumps(config.groups)} if config.groups else {}),
            **(
                {oci.ANNOTATION_NETWORKS: network_files.wishes(home, record)}
                if config.endpoints and not config.is_guest
                else {}
            ),
            **({oci.ANNOTATION_INIT: "true"} if config.init else {}),
            **({oci.ANNOTATION_VOLUMES: json.dumps(to_mount)} if to_mount else {}),
            **({oci.ANNOTATION_DEVICES: json.dumps(found.sources)} if found.sources else {}),
            **joined.annotations(),
        },
    )


def _rlimits(config: ContainerConfig) -> tuple[oci.Rlimit, ...]:
    """Return docker's default limits, but for those that the user names."""
    if not config.ulimits:
        return defaults.RLIMITS
    given = tuple(
        oci.Rlimit(f"RLIMIT_{limit.name.upper()}", limit.soft, limit.hard)
        for limit in config.ulimits
    )
    named = {limit.type for limit in given}
    return (*(limit for limit in defaults.RLIMITS if limit.type not in named), *given)


def _overlays(home: Home, record: ContainerRecord) -> str:
    """Return the annotation that says of which layers the tree is made."""
    return json.dumps(
        [
            {
                "target": overlay.target,
                "lowers": overlay.lowers,
                "upper": overlay.upper,
                "work": overlay.work,
                "userxattr": home.rootless,
                **drivers.WORDS.get(overlay.driver, {}),
            }
            for overlay in record.overlays
        ]
    )


def _own_mounts(config: ContainerConfig) -> Iterable[oci.Mount]:
    """Yield the file systems of the kernel's own, and the machine's /dev/shm with `--ipc host`.

    Those in /dev give way to what the user mounts in their place.
    """
    mode, size = sharing.ipc(config), config.sharing.shm_bytes
    taken = {mount.target for mount in config.mounts if mount.target.startswith("/dev/")}
    for mount in defaults.mounts(
        shm_bytes=None if size == DEFAULT_SHM_BYTES else size,
        own_shm=mode in ("private", "shareable"),
        writable=config.privileges.privileged,
    ):
        if mount.destination not in taken:
            yield mount
    if mode == "host" and "/dev/shm" not in taken:
        yield mount_specs.bind(Bind("/dev/shm", "/dev/shm"))


@cache
def is_unified() -> bool:
    """Tell whether this machine's cgroups are of version 2."""
    return cgroups.detect().version == "v2"


def base_env(
    record: ContainerRecord, linked: tuple[str, ...] = (), *, tty: bool
) -> tuple[str, ...]:
    """Return the environment that every process of a container begins with, as docker's does.

    Only one with a terminal of its own (`tty`) is told which.
    """
    terminal = (TERM,) if tty else ()
    return merge_env(
        (f"PATH={defaults.PATH}", f"HOSTNAME={network_files.hostname(record)}", *terminal, *linked),
        record.config.env,
    )


def merge_env(base: Iterable[str], over: Iterable[str]) -> tuple[str, ...]:
    """Lay `K=V` words over others: an equal name takes the later value at the earlier place.

    A `K` alone takes a variable of the first away, and nothing that the others gave.
    """
    merged = dict(word.partition("=")[::2] for word in base if "=" in word)
    known = frozenset(merged)
    for word in over:
        name, equals, value = word.partition("=")
        if equals:
            merged[name] = value
        elif name in known:
            merged.pop(name, None)
    return tuple(f"{name}={value}" for name, value in merged.items())


def _ordered(own: Sequence[oci.Mount], wanted: Sequence[oci.Mount]) -> list[oci.Mount]:
    """Return the engine's files and the user's mounts, what holds another one first.

    /etc/hosts lies in a volume over /etc, as docker has it, and gives way to a bind over itself.
    """
    taken = {mount.destination for mount in wanted}
    kept = [mount for mount in own if mount.destination not in taken]
    return sorted([*kept, *wanted], key=lambda mount: mount.destination.count("/"))


def _file_mounts(home: Home, record: ContainerRecord) -> Iterable[oci.Mount]:
    directory = home.container(record.id)
    for number, path in enumerate(record.config.files):
        yield mount_specs.bind(Bind(str(directory / f"file-{number}"), path, read_only=True))
    if inside := record.config.exchange:
        for name, read_only in (("in", True), ("out", False)):
            source = str(exchange.directory(home, record.id) / name)
            yield mount_specs.bind(Bind(source, f"{inside}/{name}", read_only=read_only))


def _write(path: Path, text: str) -> None:
    """Write a file's text. Not by O_TRUNC: ext4 writes such a file to the disk when it is closed.

    Its option `auto_da_alloc`, which is on by default (ext4(5)), does so even where it was empty.
    """
    data = text.encode()
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if os.write(fd, data) < len(data):  # as much as there was room for
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if os.fstat(fd).st_size > len(data):
                os.ftruncate(fd, len(data))
        finally:
            os.close(fd)
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise ResourceError(f"write {path}: {words}") from error
