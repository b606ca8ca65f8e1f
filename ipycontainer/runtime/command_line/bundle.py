"""Read a bundle for the OCI command line: what runc takes is taken, with its warnings."""

from __future__ import annotations

import json
import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ipycontainer.errors import InvalidArgument, Unsupported
from ipycontainer.linux import capabilities, namespaces
from ipycontainer.model import oci_json, oci_types
from ipycontainer.model.oci import Capabilities, DeviceRule, Linux, Mount, Process, Spec
from ipycontainer.runtime import options
from ipycontainer.runtime.command_line.report import Log
from ipycontainer.runtime.defaults import DEVICE_RULES
from ipycontainer.runtime.scheduling_steps import affinity
from ipycontainer.runtime.session_steps import RLIMITS

__all__ = ["Bundle", "checked_process", "read_bundle"]

MOST_ID = (1 << 31) - 1  # runc's and docker's
CONSOLE = (5, 1)  # docker's own word, not runc's
DENY_ALL, *ALLOWED_DEVICES = (rule for rule in DEVICE_RULES if (rule.major, rule.minor) != CONSOLE)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle: its directory, its config.json as later commands find it, what that asks for."""

    directory: str
    config: Mapping[str, Any]
    spec: Spec


def read_bundle(directory: str, container_id: str, log: Log) -> Bundle:
    """Return the bundle of a directory. Raises InvalidArgument and Unsupported, by name."""
    directory = os.path.realpath(directory)  # a bundle may be reached through a link, as by runc
    config = _without_kernel_memory(_tidied(_read_config(directory)), log)
    _check_words(config)
    spec = oci_json.from_json(config)
    for mount in spec.mounts:
        if not mount.destination.startswith("/"):
            log.warn(f"invalid mount: destination {mount.destination} not absolute")
    root = os.path.join(directory, spec.root.path)
    if not os.path.isdir(root):
        raise InvalidArgument(f"invalid rootfs: stat {root}: no such file or directory")
    if os.path.realpath(root) != os.path.normpath(root):
        raise InvalidArgument("invalid rootfs: not an absolute path, or a symlink")
    spaces = spec.linux.namespaces
    mapped = spec.linux.uid_mappings or spec.linux.gid_mappings
    if spaces.get("user") == "" and not mapped:
        raise InvalidArgument(
            "user namespaces enabled, but no namespace path to join nor mappings to apply specified"
        )
    if spaces.get("user") and mapped:
        _check_maps(spec.linux)
    linux = replace(
        spec.linux,
        # runc's choice: without a cgroup no device rule would hold
        cgroups_path=spec.linux.cgroups_path or f"/{container_id}",
        # and its rules: what is not allowed is denied, what every container has comes last
        device_rules=(DENY_ALL, *_known_access(spec.linux.device_rules), *ALLOWED_DEVICES),
    )
    process = checked_process(spec.process, log)
    mounts = tuple(_without_data(mount, log) for mount in spec.mounts)
    return Bundle(directory, config, replace(spec, process=process, linux=linux, mounts=mounts))


def _check_maps(linux: Linux) -> None:
    """Refuse maps that are not those which a named user namespace has already."""
    wanted = tuple(
        tuple((each.container_id, each.host_id, each.size) for each in lines)
        for lines in (linux.uid_mappings, linux.gid_mappings)
    )
    if namespaces.maps_of(linux.namespaces["user"]) != wanted:
        raise InvalidArgument(
            "user namespaces enabled, but both namespace path and non-matching mapping specified "
            "-- you may only provide one"
        )


def _check_words(config: Mapping[str, Any]) -> None:
    """Refuse what has a right type and no sense, in runc's words, where a record cannot tell."""
    linux = config.get("linux") or {}
    if (config.get("process") or {}).get("selinuxLabel") or linux.get("mountLabel"):
        raise Unsupported(
            "selinux label is specified in config, but selinux is disabled or not supported"
        )
    for number, rule in enumerate((linux.get("resources") or {}).get("devices") or ()):
        if not rule.get("access"):
            raise InvalidArgument(f"device access at {number} field cannot be empty")


def _known_access(rules: Sequence[DeviceRule]) -> Iterator[DeviceRule]:
    """Yield rules with what they say of reading, writing and making; runc reads nothing else."""
    for rule in rules:
        if access := "".join(letter for letter in rule.access if letter in "rwm"):
            yield replace(rule, access=access)


def _tidied(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a config as it is kept for later commands, too.

    A filter that says nothing is none, and `..` in a cgroup's path leads nowhere above the root of
    all, as with runc. Raises InvalidArgument.
    """
    linux = dict(config.get("linux") or {})
    path, profile = linux.get("cgroupsPath") or "", linux.get("seccomp")
    if ".." in path.split("/"):
        linux["cgroupsPath"] = posixpath.normpath(f"/{path}").lstrip("/")
    if profile is not None and not profile.get("defaultAction"):
        if profile.get("syscalls"):
            raise InvalidArgument("string  is not a valid action for seccomp")
        del linux["seccomp"]
    if linux.get("resources"):
        linux["resources"] = oci_types.known(linux["resources"], "LinuxResources")
    return {**config, "linux": linux}


def _without_data(mount: Mount, log: Log) -> Mount:
    """Return a bind without words that only a file system of its own could understand.

    The kernel reads none of them for a bind, and other runtimes pass them over in silence.
    """
    if not options.is_bind(mount):
        return mount
    found = {key: value for key, value in options.parse(mount).data if key != "subpath"}
    if not found:
        return mount
    log.warn(f"ignoring options that a bind does not have: [{' '.join(found)}]")
    kept = tuple(word for word in mount.options if word.partition("=")[0] not in found)
    return replace(mount, options=kept)


def checked_process(process: Process, log: Log) -> Process:
    """Return a process without capabilities that this kernel lacks, with runc's warning.

    Raises InvalidArgument for what no process can be.
    """
    if not process.cwd:
        raise InvalidArgument("Cwd property must not be empty")
    if not process.cwd.startswith("/"):
        raise InvalidArgument("Cwd must be an absolute path")
    if not process.args:
        raise InvalidArgument("args must not be empty")
    if process.selinux_label:
        raise InvalidArgument("selinux label is specified, but selinux is not supported")
    for limit in process.rlimits:
        if limit.type not in RLIMITS:
            raise InvalidArgument(f"wrong rlimit value: {limit.type}")
    user = process.user
    if max(user.uid, user.gid, *user.additional_gids) > MOST_ID:
        raise InvalidArgument("unable to setup user: uids and gids must be in range 0-2147483647")
    affinity(process.exec_affinity)
    return _without_unknown_capabilities(process, log)


def _read_config(directory: str) -> dict[str, Any]:
    path = f"{directory}/config.json"
    try:
        # what follows the object is nobody's: Go's decoder stops behind it
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        raw, _ = json.JSONDecoder().raw_decode(text.lstrip())
    except FileNotFoundError as error:
        raise InvalidArgument("JSON specification file config.json not found") from error
    except ValueError as error:
        raise InvalidArgument(f"{path} is no JSON: {error}") from error
    raw = oci_types.folded(raw)
    oci_types.check(raw)
    if not isinstance(raw, dict):  # null, which Go takes for an object without anything
        raise InvalidArgument("process property must not be empty")
    process = raw.get("process")
    return raw if not process else {**raw, "process": {"cwd": "", **process}}


def _without_kernel_memory(config: Mapping[str, Any], log: Log) -> Mapping[str, Any]:
    """Leave out limits that no kernel has any more (Linux 5.11, 6.1), with runc's warning."""
    linux = config.get("linux") or {}
    resources = linux.get("resources") or {}
    memory = resources.get("memory") or {}
    if not memory.get("kernel") and not memory.get("kernelTCP"):
        return config
    log.warn("Kernel memory settings are ignored and will be removed")
    kept = {key: value for key, value in memory.items() if key not in ("kernel", "kernelTCP")}
    return {**config, "linux": {**linux, "resources": {**resources, "memory": kept}}}


def _without_unknown_capabilities(process: Process, log: Log) -> Process:
    """Leave out capabilities that this kernel does not have, with runc's warning."""
    unknown: dict[str, None] = {}
    sets = {}
    for field in fields(Capabilities):
        names = getattr(process.capabilities, field.name)
        sets[field.name] = tuple(name for name in names if capabilities.is_known(name))
        unknown |= dict.fromkeys(name for name in names if not capabilities.is_known(name))
    if unknown:
        log.warn(f"ignoring unknown or unavailable capabilities: [{' '.join(unknown)}]")
    return replace(process, capabilities=Capabilities(**sets))
