"""From a container's record to its OCI bundle: what docker's defaults and the user's words mean.

The border between engine and runtime: everything that the runtime must know stands in `config.json`
in the container's directory, beside the files that are shown in it as /etc/hosts and its kin.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ipycontainer.engine import limits, mount_specs, network_files
from ipycontainer.engine.network_files import ALONE, Neighbours
from ipycontainer.linux import cgroups
from ipycontainer.model import oci, oci_json
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.image import ImageRecord
from ipycontainer.model.mounts import Bind
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
    "merge_env",
    "warnings_of",
    "write",
]


TERM = "TERM=xterm"  # what docker says of every terminal
NO_MKNOD = (
    "This machine's cgroups are of version 2, for which there are no device rules yet: "
    "the container may not make device nodes"
)


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
) -> None:
    """Write the bundle of one start into the container's directory.

    `size` is that of its terminal, in rows and columns.
    """
    directory = home.container(record.id)
    for name, text in network_files.files(record, neighbours.gateway):
        _write(directory / name, text)
    for number, text in enumerate(record.config.files.values()):
        _write(directory / f"file-{number}", text)
    spec = oci_json.to_json(build(home, record, size, neighbours.shared, around))
    _write(directory / "config.json", json.dumps(spec, separators=(",", ":")))


def warnings_of(
    home: Home, config: ContainerConfig, around: Surroundings | None = None
) -> tuple[str, ...]:
    """Return WARNING lines about what a container will not get; raises for what it may not."""
    known = around.volumes if around is not None else {}
    _, hidden = mount_specs.guarded(home, config.mounts, known)
    return (*hidden, NO_MKNOD) if _lacks_device_rules(home) else hidden


def build(
    home: Home,
    record: ContainerRecord,
    size: tuple[int, int] = (0, 0),
    other: ContainerRecord | None = None,
    around: Surroundings | None = None,
) -> oci.Spec:
    """Return the spec of a container; `other` is the one whose network it shares."""
    config = record.config
    around = around or Surroundings()
    covers, _ = mount_specs.guarded(home, config.mounts, around.volumes)
    namespaces = dict.fromkeys(("mount", "pid", "uts", "ipc"), "")
    namespaces |= network_files.namespace(config, other)
    if _is_unified():
        namespaces["cgroup"] = ""  # docker's default: private under v2, the host's under v1
    granted: tuple[str, ...] = defaults.CAPABILITIES
    if _lacks_device_rules(home):
        granted = tuple(name for name in granted if name != "CAP_MKNOD")
    annotations = {
        oci.ANNOTATION_OVERLAYS: json.dumps(
            [
                {
                    "target": overlay.target,
                    "lowers": overlay.lowers,
                    "upper": overlay.upper,
                    "work": overlay.work,
                    "userxattr": home.rootless,
                }
                for overlay in record.overlays
            ]
        ),
        oci.ANNOTATION_SECCOMP: "default",
    }
    if config.user:
        annotations[oci.ANNOTATION_USER] = config.user
    if config.endpoints:
        annotations[oci.ANNOTATION_NETWORKS] = "true"
    if config.init:
        annotations[oci.ANNOTATION_INIT] = "true"
    if to_mount := mount_specs.volumes_to_mount(around.volumes):
        annotations[oci.ANNOTATION_VOLUMES] = json.dumps(to_mount)
    return oci.Spec(
        process=oci.Process(
            args=(*(config.entrypoint or ()), *config.command),
            env=base_env(record),
            cwd=config.workdir or "/",
            terminal=config.tty,
            console_size=size if config.tty else (0, 0),
            capabilities=defaults.capabilities(granted),
            rlimits=_rlimits(config),
            oom_score_adj=config.oom_score_adj or None,
        ),
        root=oci.Root("rootfs", readonly=config.read_only),
        hostname=network_files.hostname(record, other),
        mounts=(
            *defaults.mounts(),
            *(mount_specs.bind(bind) for bind in config.image_mounts),
            *_ordered(
                (
                    *(
                        mount_specs.bind(Bind(str(path), target))
                        for path, target in network_files.mounted_files(home, record, other)
                    ),
                    *_file_mounts(home, record),
                ),
                mount_specs.specs(home, config.mounts, around.volumes, around.images),
            ),
            *(mount_specs.bind(cover) for cover in covers),
        ),
        linux=oci.Linux(
            namespaces=namespaces,
            cgroups_path=cgroup_path(home, record.id, config.cgroup_parent),
            devices=defaults.DEVICES,
            device_rules=defaults.DEVICE_RULES,
            resources=limits.resources(config.limits) if config.is_limited else None,
            masked_paths=defaults.masked_paths(),
            readonly_paths=defaults.READONLY_PATHS,
            sysctl=network_files.sysctls(config, userns=home.rootless),
        ),
        annotations=annotations,
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


@cache
def _is_unified() -> bool:
    return cgroups.detect().version == "v2"


def _lacks_device_rules(home: Home) -> bool:
    """Tell whether nothing would keep a container from opening a device node that it has made.

    Under v2 that takes a BPF program. In a user namespace nobody can make one.
    """
    return _is_unified() and not home.rootless


def base_env(record: ContainerRecord) -> tuple[str, ...]:
    """Return the environment that every process of a container begins with, as docker's does."""
    terminal = (TERM,) if record.config.tty else ()
    return merge_env(
        (f"PATH={defaults.PATH}", f"HOSTNAME={network_files.hostname(record)}", *terminal),
        record.config.env,
    )


def merge_env(base: Iterable[str], over: Iterable[str]) -> tuple[str, ...]:
    """Lay `K=V` words over others: an equal name takes the later value at the earlier place."""
    merged: dict[str, str] = {}
    for word in (*base, *over):
        name, _, value = word.partition("=")
        merged[name] = value
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


def _write(path: Path, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
