"""Read a bundle for the OCI command line: what runc takes is taken, with its warnings."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ipycontainer.errors import InvalidArgument, Unsupported
from ipycontainer.linux import capabilities
from ipycontainer.model import oci_json
from ipycontainer.model.oci import Capabilities, Process, Spec
from ipycontainer.runtime.command_line.report import Log
from ipycontainer.runtime.defaults import DEVICE_RULES

__all__ = ["Bundle", "read_bundle", "without_unknown_capabilities"]

CONSOLE = (5, 1)  # docker's own word, not runc's
DENY_ALL, *ALLOWED_DEVICES = (rule for rule in DEVICE_RULES if (rule.major, rule.minor) != CONSOLE)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle's directory, its config.json as it stands there, and what that asks for."""

    directory: str
    config: Mapping[str, Any]
    spec: Spec


def read_bundle(directory: str, container_id: str, log: Log) -> Bundle:
    """Return the bundle of a directory. Raises InvalidArgument and Unsupported, by name."""
    directory = os.path.abspath(directory)
    config = _read_config(directory)
    spec = oci_json.from_json(_without_kernel_memory(config, log))
    for mount in spec.mounts:
        if not mount.destination.startswith("/"):
            log.warn(f"invalid mount: destination {mount.destination} not absolute")
    root = os.path.join(directory, spec.root.path)
    if not os.path.isdir(root):
        raise InvalidArgument(f"invalid rootfs: stat {root}: no such file or directory")
    if spec.process.selinux_label:
        raise Unsupported(
            "selinux label is specified in config, but selinux is disabled or not supported"
        )
    spaces = spec.linux.namespaces
    mapped = spec.linux.uid_mappings or spec.linux.gid_mappings
    if spaces.get("user") == "" and not mapped:
        raise InvalidArgument(
            "user namespaces enabled, but no namespace path to join nor mappings to apply specified"
        )
    linux = replace(
        spec.linux,
        # runc's choice: without a cgroup no device rule would hold
        cgroups_path=spec.linux.cgroups_path or f"/{container_id}",
        # and its rules: what is not allowed is denied, what every container has comes last
        device_rules=(DENY_ALL, *spec.linux.device_rules, *ALLOWED_DEVICES),
    )
    process = without_unknown_capabilities(spec.process, log)
    return Bundle(directory, config, replace(spec, process=process, linux=linux))


def _read_config(directory: str) -> dict[str, Any]:
    path = f"{directory}/config.json"
    try:
        raw = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InvalidArgument("JSON specification file config.json not found") from error
    except ValueError as error:
        raise InvalidArgument(f"{path} is no JSON: {error}") from error
    if not isinstance(raw, dict):
        raise InvalidArgument(f"{path} is no JSON object")
    return raw


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


def without_unknown_capabilities(process: Process, log: Log) -> Process:
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
