"""`version` and `info` in docker's layout. A line stands only where the engine has the fact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ipycontainer.model.units import human_size_binary
from ipycontainer.version import __version__

__all__ = ["info_lines", "version_lines"]

_VALUE_COLUMN = 20


def version_lines(data: Mapping[str, Any]) -> list[str]:
    """Return the lines of `version`: the client's, and the engine's where there is one."""
    client, server = data["Client"], data["Server"]
    lines = ["Client:", *_pairs(1, _versions(client))]
    if server is None:
        return lines
    platform = server.get("Platform", {}).get("Name", "")
    lines += ["", f"Server: {platform}".rstrip()]
    for component in server.get("Components", ()):
        details = {"Version": component["Version"], **component.get("Details", {})}
        lines += [f" {component['Name']}:", *_pairs(2, _versions(details))]
    return lines


def _versions(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    api = str(facts.get("ApiVersion", ""))
    if least := facts.get("MinAPIVersion"):
        api = f"{api} (minimum version {least})"
    machine = f"{facts['Os']}/{facts['Arch']}" if "Arch" in facts else ""
    rows = [
        ("Version", str(facts.get("Version", ""))),
        ("API version", api),
        ("Python version", str(facts.get("PythonVersion", ""))),
        ("OS/Arch", machine),
        ("Kernel version", str(facts.get("KernelVersion", ""))),
        ("Context", str(facts.get("Context", ""))),
    ]
    return [(label, value) for label, value in rows if value]


def _pairs(indent: int, rows: Sequence[tuple[str, str]]) -> list[str]:
    return [f"{' ' * indent}{label}:".ljust(_VALUE_COLUMN) + value for label, value in rows]


# Docker's labels in docker's order: indentation, label, key of the API's object.
_INFO = (
    (1, "Containers", "Containers"),
    (2, "Running", "ContainersRunning"),
    (2, "Paused", "ContainersPaused"),
    (2, "Stopped", "ContainersStopped"),
    (1, "Images", "Images"),
    (1, "Server Version", "ServerVersion"),
    (1, "Storage Driver", "Driver"),
    (2, "", "DriverStatus"),
    (1, "Logging Driver", "LoggingDriver"),
    (1, "Cgroup Driver", "CgroupDriver"),
    (1, "Cgroup Version", "CgroupVersion"),
    (1, "Plugins", "Plugins"),
    (1, "Swarm", "Swarm"),
    (1, "Network Way Out", "NetworkWayOut"),
    (1, "Runtimes", "Runtimes"),
    (1, "Default Runtime", "DefaultRuntime"),
    (1, "Init Binary", "InitBinary"),
    (1, "Security Options", "SecurityOptions"),
    (1, "Kernel Version", "KernelVersion"),
    (1, "Operating System", "OperatingSystem"),
    (1, "OSType", "OSType"),
    (1, "Architecture", "Architecture"),
    (1, "CPUs", "NCPU"),
    (1, "Total Memory", "MemTotal"),
    (1, "Name", "Name"),
    (1, "ID", "ID"),
    (1, "Docker Root Dir", "DockerRootDir"),
    (1, "Debug Mode", "Debug"),
    (1, "Experimental", "ExperimentalBuild"),
    (1, "Insecure Registries", "RegistryConfig"),
    (1, "Live Restore Enabled", "LiveRestoreEnabled"),
)


def info_lines(data: Mapping[str, Any]) -> list[str]:
    """Return the lines of `info`, with docker's empty one at the end."""
    client = data.get("ClientInfo", {})
    lines = ["Client:", f" Version:    {__version__}"]
    if client:
        lines += [f" Context:    {client['Context']}", f" Debug Mode: {_word(client['Debug'])}"]
    lines += ["", "Server:"]
    for indent, label, key in _INFO:
        value = data.get(key)
        if value is None:
            continue
        space = " " * indent
        if key == "DriverStatus":
            lines += [f"{space}{name}: {text}" for name, text in value]
        elif key == "SecurityOptions":
            lines += [f"{space}{label}:", *_security(value)]
        elif key == "Runtimes":
            lines.append(f"{space}{label}: {' '.join(sorted(value))}")
        elif key == "Plugins":
            lines.append(f"{space}{label}:")
            lines += [
                f"{space} {kind}: {' '.join(names)}" for kind, names in value.items() if names
            ]
        elif key == "Swarm":
            lines.append(f"{space}{label}: {value['LocalNodeState']}")
        elif key == "RegistryConfig":
            hosts = _insecure(value)
            lines += [f"{space}{label}:", *(f"{space} {each}" for each in hosts)] if hosts else []
        elif isinstance(value, bool):
            lines.append(f"{space}{label}: {_word(value)}")
        elif key == "MemTotal":
            lines.append(f"{space}{label}: {human_size_binary(value)}")
        else:
            lines.append(f"{space}{label}: {value}")
    return [*lines, ""]


def _word(value: bool) -> str:
    return str(value).lower()  # as Go prints it


def _insecure(config: Mapping[str, Any]) -> list[str]:
    """Return the registries that are spoken to without TLS: those named, and whole networks."""
    named = config.get("IndexConfigs") or {}
    hosts = [name for name, index in named.items() if not index.get("Secure", True)]
    return [*hosts, *(config.get("InsecureRegistryCIDRs") or ())]


def _security(options: Sequence[str]) -> list[str]:
    """Return `name=seccomp,profile=builtin` as a name, and its other pairs below it."""
    lines = []
    for option in options:
        pairs = dict(pair.partition("=")[::2] for pair in option.split(","))
        lines.append(f"  {pairs.pop('name')}")
        lines += [f"   {key.capitalize()}: {value}" for key, value in pairs.items()]
    return lines
