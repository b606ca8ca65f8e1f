"""What `docker inspect` shows: docker's objects, filled from our state.

Each field is read from the record, or stands in one of the tables of constants below with its
reason. Shape and order are docker 26.1.5's (API 1.45).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ipycontainer.engine import (
    bundle,
    drivers,
    health,
    inspect_mounts,
    inspect_network,
    log_options,
    network_files,
    privileges,
    sharing,
)
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.image import ImageConfig, ImageRecord
from ipycontainer.model.limits import DEVICE_LISTS, HOST_CONFIG, Limits
from ipycontainer.model.state import ContainerRecord, Status
from ipycontainer.model.units import rfc3339nano
from ipycontainer.model.volume import DRIVER, VolumeRecord
from ipycontainer.runtime import defaults
from ipycontainer.store.home import Home

__all__ = ["container", "history", "image", "volume"]

NEVER = "0001-01-01T00:00:00Z"  # Go's zero time

# Options that no container here can have yet: docker's value of an option that was not given.
NOT_YET: dict[str, Any] = {
    "Cgroup": "",
    "DeviceRequests": None,
}
# What is so by the engine's making: the runtime is our own, Windows' fields are empty on Linux, the
# console has no size without a terminal, and no security module labels our processes.
BY_DESIGN: dict[str, Any] = {
    "ConsoleSize": [0, 0],
    "Runtime": "ipycontainer",
    "Isolation": "",
    "CpuCount": 0,
    "CpuPercent": 0,
    "IOMaximumIOps": 0,
    "IOMaximumBandwidth": 0,
}


def container(
    home: Home,
    record: ContainerRecord,
    settings: Mapping[str, Any],
    executing: Sequence[str] = (),
) -> dict[str, Any]:
    """Return a container's object of docker's API.

    `settings` is its NetworkSettings, `executing` has the ids of what is executed in it now.
    """
    config = record.config
    directory = home.container(record.id)
    words = (*(config.entrypoint or ()), *config.command)
    return {
        "Id": record.id,
        "Created": rfc3339nano(record.created_ns),
        "Path": words[0] if words else "",
        "Args": list(words[1:]),
        "State": {**_state(record), **_health(home, record)},
        "Image": record.image_id,
        **_files(directory, record),
        "Name": f"/{record.name}",
        "RestartCount": record.restart_count,
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": privileges.SecurityWords.parse(config.privileges.security_opt).apparmor,
        "ExecIDs": list(executing) or None,
        "HostConfig": _host_config(record),
        "GraphDriver": _graph_driver(record),
        "Mounts": inspect_mounts.mounts(home, config.mounts),
        "Config": _config(record),
        "NetworkSettings": settings,
    }


def _links(record: ContainerRecord) -> list[str]:
    """Return docker's words for links of the default bridge."""
    return [f"/{name}:/{record.name}/{alias}" for name, alias in record.config.bridge_links]


def _state(record: ContainerRecord) -> dict[str, Any]:
    state = record.state
    return {
        "Status": state.status.value,
        "Running": state.status.alive,
        "Paused": state.status is Status.PAUSED,
        "Restarting": state.status is Status.RESTARTING,
        "OOMKilled": state.oom_killed,
        "Dead": state.status is Status.DEAD,
        "Pid": state.pid,
        "ExitCode": state.exit_code,
        "Error": state.error,
        "StartedAt": _moment(state.started_ns),
        "FinishedAt": _moment(state.finished_ns),
    }


def _health(home: Home, record: ContainerRecord) -> dict[str, Any]:
    """Return docker's Health, which it leaves out of a container that is not checked."""
    found = health.state(home, record)
    return {} if found is None else {"Health": found}


def _host_config(record: ContainerRecord) -> dict[str, Any]:
    config = record.config
    return {
        **inspect_mounts.host_config(config),
        "LogConfig": log_options.shown(config),
        "NetworkMode": config.network,
        "PortBindings": inspect_network.bindings(config),
        "RestartPolicy": {"Name": config.restart, "MaximumRetryCount": config.restart_limit},
        "AutoRemove": config.auto_remove,
        "ReadonlyRootfs": config.read_only,
        "CgroupnsMode": sharing.cgroupns(config, unified=bundle.is_unified()),
        "Dns": list(config.dns),
        "DnsOptions": list(config.dns_options),
        "DnsSearch": list(config.dns_search),
        "Links": _links(record) or None,
        "PublishAllPorts": config.publish_all,
        "OomScoreAdj": config.oom_score_adj,
        "CgroupParent": config.cgroup_parent,
        **_limits(config.limits),
        **_oom_switch(record),
        "Ulimits": [
            {"Name": limit.name, "Hard": limit.hard, "Soft": limit.soft} for limit in config.ulimits
        ],
        **_rights(config),
        **NOT_YET,
        **BY_DESIGN,
    }


def _limits(limits: Limits) -> dict[str, Any]:
    """Return the limits by their names in HostConfig; those that were not given, too."""
    shown: dict[str, Any] = {key: getattr(limits, name) for name, key in HOST_CONFIG.items()}
    for name, number in DEVICE_LISTS.items():
        devices = getattr(limits, name)
        shown[HOST_CONFIG[name]] = [{"Path": each.path, number: each.value} for each in devices]
    return shown


def _oom_switch(record: ContainerRecord) -> dict[str, Any]:
    """Return the switch as docker shows it where nothing was said, or where it was dropped.

    It fills in a value after its checks, and checks again at a start: there it is taken away under
    version 2, which has no such switch.
    """
    begun = record.state.status is not Status.CREATED or record.state.error
    if record.config.limits.oom_kill_disable is not None or (begun and bundle.is_unified()):
        return {}
    return {"OomKillDisable": False}


def _rights(config: ContainerConfig) -> dict[str, Any]:
    """Return what a container may do and what it shares; None and [] are docker's own choice."""
    rights, shared = config.privileges, config.sharing
    masked: list[str] | None = list(defaults.masked_paths())
    readonly: list[str] | None = list(defaults.READONLY_PATHS)
    if rights.privileged:
        masked = readonly = None
    elif rights.open_paths:
        masked, readonly = [], []
    shown: dict[str, Any] = {
        "CapAdd": list(rights.cap_add) or None,
        "CapDrop": list(rights.cap_drop) or None,
        "ContainerIDFile": config.id_file,
        "DeviceCgroupRules": list(rights.device_rules) or None,
        "Devices": [
            {
                "PathOnHost": device.source,
                "PathInContainer": device.target,
                "CgroupPermissions": device.access,
            }
            for device in rights.devices
        ],
        "ExtraHosts": list(config.extra_hosts) or None,
        "GroupAdd": list(config.groups) or None,
        "IpcMode": sharing.ipc(config),
        "MaskedPaths": masked,
        "PidMode": shared.pid,
        "Privileged": rights.privileged,
        "ReadonlyPaths": readonly,
        "SecurityOpt": list(rights.security_opt) or ([] if rights.open_paths else None),
        "ShmSize": shared.shm_bytes,
        "UTSMode": shared.uts,
        "UsernsMode": shared.userns,
    }
    # Docker leaves these out when they were not given.
    if config.annotations:
        shown["Annotations"] = dict(config.annotations)
    if config.init is not None:
        shown["Init"] = config.init
    if shared.sysctls:
        shown["Sysctls"] = dict(shared.sysctls)
    return shown


def volume(record: VolumeRecord, mountpoint: str) -> dict[str, Any]:
    """Return a volume's object of docker's API."""
    return {
        "CreatedAt": rfc3339nano(record.created_ns // 1_000_000_000 * 1_000_000_000),
        "Driver": DRIVER,
        "Labels": dict(record.labels) or None,
        "Mountpoint": mountpoint,
        "Name": record.name,
        "Options": dict(record.options) or None,
        "Scope": "local",
    }


def _graph_driver(record: ContainerRecord) -> dict[str, Any]:
    if not record.overlays or record.driver == drivers.COPIES:
        return {"Data": None, "Name": record.driver}
    root = record.overlays[0]
    return {
        "Data": {
            "LowerDir": ":".join(root.lowers),
            "MergedDir": root.target,
            "UpperDir": root.upper,
            "WorkDir": root.work,
        },
        "Name": record.driver,
    }


def _config(record: ContainerRecord) -> dict[str, Any]:
    config = record.config
    exposed = config.exposed_ports
    shown: dict[str, Any] = {
        "Hostname": network_files.hostname(record),
        "Domainname": config.sharing.domainname,
        "User": config.user,
        "AttachStdin": config.attach_stdin,
        "AttachStdout": config.attach_stdout,
        "AttachStderr": config.attach_stderr,
        **({"ExposedPorts": {port: {} for port in exposed}} if exposed else {}),
        "Tty": config.tty,
        "OpenStdin": config.open_stdin,
        "StdinOnce": config.open_stdin and config.attach_stdin,
        "Env": list(config.env) or None,
        "Cmd": list(config.command) or None,
        "Image": config.image,
        "Volumes": {place: {} for place in config.volume_places} or None,
        "WorkingDir": config.workdir,
        "Entrypoint": list(config.entrypoint or ()) or None,
        "OnBuild": None,
        "Labels": dict(config.labels),
    }
    # Docker leaves these out when they were not given.
    if config.mac_address and config.network not in ("none", "host"):
        shown["MacAddress"] = config.mac_address
    if config.healthcheck is not None:
        shown["Healthcheck"] = config.healthcheck.to_docker()
    if config.stop_signal:
        shown["StopSignal"] = config.stop_signal
    if config.stop_timeout is not None:
        shown["StopTimeout"] = config.stop_timeout
    return shown


def _files(directory: Path, record: ContainerRecord) -> dict[str, str]:
    """Return where files of the engine's lie, which docker knows from a container's first start."""
    begun = record.state.started_ns > 0
    shown = {
        "ResolvConfPath": "resolv.conf",
        "HostnamePath": "hostname",
        "HostsPath": "hosts",
        "LogPath": "log",
    }
    return {key: str(directory / name) if begun else "" for key, name in shown.items()}


def _moment(nanoseconds: int) -> str:
    return rfc3339nano(nanoseconds) if nanoseconds else NEVER


def image(record: ImageRecord, places: Sequence[str], driver: str) -> dict[str, Any]:
    """Return an image's object of docker's API.

    `places` are its layers' directories, topmost first, and `driver` what lays containers over
    them. They are whole: nothing is merged, or at work, where no container is.
    """
    config = record.config
    return {
        "Id": record.id,
        "RepoTags": list(record.tags),
        "RepoDigests": list(record.digests),
        "Parent": record.parent,
        "Comment": record.comment,
        "Created": _moment(record.created_ns),
        "DockerVersion": record.engine_version,
        "Author": record.author,
        "Config": _image_config(config) | dict(record.of_container),
        "Architecture": record.architecture,
        **({"Variant": record.variant} if record.variant else {}),
        "Os": record.os,
        "Size": record.size,
        "GraphDriver": {"Data": _layer_places(places), "Name": driver},
        "RootFS": {"Type": "layers", "Layers": [layer.diff_id for layer in record.layers]},
        "Metadata": {"LastTagTime": _moment(record.tagged_ns)},
    }


def _layer_places(places: Sequence[str]) -> dict[str, str] | None:
    if not places:  # `host`, whose layers are trees of this machine
        return None
    upper, *below = places
    return {**({"LowerDir": ":".join(below)} if below else {}), "UpperDir": upper}


def _image_config(config: ImageConfig) -> dict[str, Any]:
    """Return an image's settings: docker's object of a container's, in which much is empty."""
    shown: dict[str, Any] = {
        "Hostname": "",
        "Domainname": "",
        "User": config.user,
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "ExposedPorts": {port: {} for port in sorted(config.exposed_ports)},
        "Tty": False,
        "OpenStdin": False,
        "StdinOnce": False,
        "Env": list(config.env) or None,
        "Cmd": list(config.command) if config.command or config.empty_command else None,
        "Healthcheck": config.healthcheck.to_docker() if config.healthcheck is not None else None,
        "Image": "",
        "Volumes": {path: {} for path in sorted(config.volumes)} or None,
        "WorkingDir": config.workdir,
        "Entrypoint": list(config.entrypoint) or None,
        "OnBuild": list(config.on_build) or None,
        "Labels": {name: config.labels[name] for name in sorted(config.labels)} or None,
        "StopSignal": config.stop_signal,
    }
    left_out = {"ExposedPorts", "Healthcheck", "StopSignal"}  # Go's omitempty
    return {name: value for name, value in shown.items() if value or name not in left_out}


def history(record: ImageRecord, lineage: Sequence[ImageRecord] = ()) -> list[dict[str, Any]]:
    """Return the steps of an image, newest first, with the sizes of their layers in bytes.

    The newest has its id and names, and below it those images of `lineage` that are here: what it
    was committed from, one after another. Nothing that was pulled or imported has any.
    """
    rows: list[dict[str, Any]] = []
    for step, number in zip(record.history, record.layer_numbers(), strict=True):
        rows.append(
            {
                "Id": "<missing>",
                "Created": step.created_ns // 1_000_000_000,
                "CreatedBy": step.created_by,
                "Tags": None,
                "Size": 0 if number < 0 else record.layers[number].size,
                "Comment": step.comment,
            }
        )
    rows.reverse()
    for row, image in zip(rows, (record, *lineage), strict=False):
        row |= {"Id": image.id, "Tags": list(image.tags) or None}
    return rows
