"""The types of `config.json`, field by field, for bundles that somebody else has written.

A number where a word belongs is a mistake that must not be guessed at: runc refuses it, in the
words of Go's encoding/json, which these are. Names are those of the runtime-spec's structs (1.3,
specs-go/config.go). A key that stands in none of them is passed over, as the specification
demands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ipycontainer.errors import InvalidArgument

__all__ = ["check", "folded", "known"]

_INTEGERS = {
    "int": (-(1 << 63), (1 << 63) - 1),
    "int64": (-(1 << 63), (1 << 63) - 1),
    "uint": (0, (1 << 64) - 1),
    "uint64": (0, (1 << 64) - 1),
    "uint32": (0, (1 << 32) - 1),
    "int32": (-(1 << 31), (1 << 31) - 1),
    "uint16": (0, (1 << 16) - 1),
    "fs.FileMode": (0, (1 << 32) - 1),
}
# words that Go knows by a type of their own
_WORDS = frozenset(
    {
        "string",
        *("specs.IOPriorityClass", "specs.LinuxNamespaceType", "specs.LinuxPersonalityDomain"),
        *("specs.LinuxPersonalityFlag", "specs.LinuxSchedulerFlag", "specs.LinuxSchedulerPolicy"),
        *("specs.Arch", "specs.LinuxSeccompAction", "specs.LinuxSeccompFlag"),
        *("specs.LinuxSeccompOperator", "specs.MemoryPolicyModeType"),
        "specs.MemoryPolicyFlagType",
    }
)
_THROTTLE = {"major": "int64", "minor": "int64", "rate": "uint64"}
_STRUCTS: Mapping[str, Mapping[str, str]] = {
    "Spec": {
        "ociVersion": "string",
        "process": "specs.Process",
        "root": "specs.Root",
        "hostname": "string",
        "domainname": "string",
        "mounts": "[]specs.Mount",
        "hooks": "specs.Hooks",
        "annotations": "map[string]string",
        "linux": "specs.Linux",
    },
    "Process": {
        "terminal": "bool",
        "consoleSize": "specs.Box",
        "user": "specs.User",
        "args": "[]string",
        "env": "[]string",
        "cwd": "string",
        "capabilities": "specs.LinuxCapabilities",
        "rlimits": "[]specs.POSIXRlimit",
        "noNewPrivileges": "bool",
        "apparmorProfile": "string",
        "oomScoreAdj": "int",
        "scheduler": "specs.Scheduler",
        "selinuxLabel": "string",
        "ioPriority": "specs.LinuxIOPriority",
        "execCPUAffinity": "specs.CPUAffinity",
    },
    "CPUAffinity": {"initial": "string", "final": "string"},
    "Box": {"height": "uint", "width": "uint"},
    "User": {
        "uid": "uint32",
        "gid": "uint32",
        "umask": "uint32",
        "additionalGids": "[]uint32",
        "username": "string",
    },
    "LinuxCapabilities": dict.fromkeys(
        ("bounding", "effective", "inheritable", "permitted", "ambient"), "[]string"
    ),
    "POSIXRlimit": {"type": "string", "hard": "uint64", "soft": "uint64"},
    "Scheduler": {
        "policy": "specs.LinuxSchedulerPolicy",
        "nice": "int32",
        "priority": "int32",
        "flags": "[]specs.LinuxSchedulerFlag",
        "runtime": "uint64",
        "deadline": "uint64",
        "period": "uint64",
    },
    "LinuxIOPriority": {"class": "specs.IOPriorityClass", "priority": "int"},
    "Root": {"path": "string", "readonly": "bool"},
    "Mount": {
        "destination": "string",
        "type": "string",
        "source": "string",
        "options": "[]string",
        "uidMappings": "[]specs.LinuxIDMapping",
        "gidMappings": "[]specs.LinuxIDMapping",
    },
    "Hooks": dict.fromkeys(
        (
            *("prestart", "createRuntime", "createContainer"),
            *("startContainer", "poststart", "poststop"),
        ),
        "[]specs.Hook",
    ),
    "Hook": {"path": "string", "args": "[]string", "env": "[]string", "timeout": "int"},
    "Linux": {
        "uidMappings": "[]specs.LinuxIDMapping",
        "gidMappings": "[]specs.LinuxIDMapping",
        "sysctl": "map[string]string",
        "resources": "specs.LinuxResources",
        "cgroupsPath": "string",
        "namespaces": "[]specs.LinuxNamespace",
        "devices": "[]specs.LinuxDevice",
        "seccomp": "specs.LinuxSeccomp",
        "rootfsPropagation": "string",
        "maskedPaths": "[]string",
        "readonlyPaths": "[]string",
        "mountLabel": "string",
        "personality": "specs.LinuxPersonality",
        "timeOffsets": "map[string]specs.LinuxTimeOffset",
        "intelRdt": "specs.LinuxIntelRdt",
        "memoryPolicy": "specs.LinuxMemoryPolicy",
        "netDevices": "map[string]specs.LinuxNetDevice",
    },
    "LinuxIntelRdt": {
        **dict.fromkeys(("closID", "l3CacheSchema", "memBwSchema"), "string"),
        **dict.fromkeys(("enableCMT", "enableMBM", "enableMonitoring"), "bool"),
        "schemata": "[]string",
    },
    "LinuxMemoryPolicy": {
        "mode": "specs.MemoryPolicyModeType",
        "nodes": "string",
        "flags": "[]specs.MemoryPolicyFlagType",
    },
    "LinuxNetDevice": {"name": "string"},
    "LinuxIDMapping": dict.fromkeys(("containerID", "hostID", "size"), "uint32"),
    "LinuxNamespace": {"type": "specs.LinuxNamespaceType", "path": "string"},
    "LinuxTimeOffset": {"secs": "int64", "nanosecs": "uint32"},
    "LinuxPersonality": {
        "domain": "specs.LinuxPersonalityDomain",
        "flags": "[]specs.LinuxPersonalityFlag",
    },
    "LinuxDevice": {
        "path": "string",
        "type": "string",
        "major": "int64",
        "minor": "int64",
        "fileMode": "fs.FileMode",
        "uid": "uint32",
        "gid": "uint32",
    },
    "LinuxResources": {
        "devices": "[]specs.LinuxDeviceCgroup",
        "memory": "specs.LinuxMemory",
        "cpu": "specs.LinuxCPU",
        "pids": "specs.LinuxPids",
        "blockIO": "specs.LinuxBlockIO",
        "hugepageLimits": "[]specs.LinuxHugepageLimit",
        "network": "specs.LinuxNetwork",
        "rdma": "map[string]specs.LinuxRdma",
        "unified": "map[string]string",
    },
    "LinuxDeviceCgroup": {
        "allow": "bool",
        "type": "string",
        "major": "int64",
        "minor": "int64",
        "access": "string",
    },
    "LinuxMemory": {
        **dict.fromkeys(("limit", "reservation", "swap", "kernel", "kernelTCP"), "int64"),
        "swappiness": "uint64",
        **dict.fromkeys(("disableOOMKiller", "useHierarchy", "checkBeforeUpdate"), "bool"),
    },
    "LinuxCPU": {
        **dict.fromkeys(("shares", "burst", "period", "realtimePeriod"), "uint64"),
        **dict.fromkeys(("quota", "realtimeRuntime", "idle"), "int64"),
        **dict.fromkeys(("cpus", "mems"), "string"),
    },
    "LinuxPids": {"limit": "int64"},
    "LinuxBlockIO": {
        "weight": "uint16",
        "leafWeight": "uint16",
        "weightDevice": "[]specs.LinuxWeightDevice",
        **dict.fromkeys(
            (
                *("throttleReadBpsDevice", "throttleWriteBpsDevice"),
                *("throttleReadIOPSDevice", "throttleWriteIOPSDevice"),
            ),
            "[]specs.LinuxThrottleDevice",
        ),
    },
    "LinuxWeightDevice": {
        "major": "int64",
        "minor": "int64",
        "weight": "uint16",
        "leafWeight": "uint16",
    },
    "LinuxThrottleDevice": _THROTTLE,
    "LinuxHugepageLimit": {"pageSize": "string", "limit": "uint64"},
    "LinuxNetwork": {"classID": "uint32", "priorities": "[]specs.LinuxInterfacePriority"},
    "LinuxInterfacePriority": {"name": "string", "priority": "uint32"},
    "LinuxRdma": {"hcaHandles": "uint32", "hcaObjects": "uint32"},
    "LinuxSeccomp": {
        "defaultAction": "specs.LinuxSeccompAction",
        "defaultErrnoRet": "uint",
        "architectures": "[]specs.Arch",
        "flags": "[]specs.LinuxSeccompFlag",
        "listenerPath": "string",
        "listenerMetadata": "string",
        "syscalls": "[]specs.LinuxSyscall",
    },
    "LinuxSyscall": {
        "names": "[]string",
        "action": "specs.LinuxSeccompAction",
        "errnoRet": "uint",
        "args": "[]specs.LinuxSeccompArg",
    },
    "LinuxSeccompArg": {
        "index": "uint",
        "value": "uint64",
        "valueTwo": "uint64",
        "op": "specs.LinuxSeccompOperator",
    },
}


def check(raw: Any, struct: str = "Spec") -> None:
    """Hold a JSON value against a struct. Raises InvalidArgument, naming field and type."""
    _walk(raw, f"specs.{struct}", "", "")


def folded(raw: Any, struct: str = "Spec") -> Any:
    """Return a JSON value whose keys have the specification's letters: Go reads `HostName`, too."""
    return _fold(raw, f"specs.{struct}")


def known(raw: Any, struct: str) -> Any:
    """Return a JSON value without what the specification does not know, which is to be ignored.

    config.md, "Extensibility". A struct's members must have the specification's letters (`folded`).
    """
    return _known(raw, f"specs.{struct}")


def _known(value: Any, wanted: str) -> Any:
    if isinstance(value, list):
        return [_known(each, wanted.removeprefix("[]")) for each in value]
    if not isinstance(value, dict):
        return value
    if wanted.startswith("map[string]"):
        inner = wanted.removeprefix("map[string]")
        return {key: _known(each, inner) for key, each in value.items()}
    fields = _STRUCTS[wanted.removeprefix("specs.")]
    return {key: _known(each, fields[key]) for key, each in value.items() if key in fields}


def _fold(value: Any, wanted: str) -> Any:
    if isinstance(value, list):
        return [_fold(each, wanted.removeprefix("[]")) for each in value]
    if not isinstance(value, dict):
        return value
    if wanted.startswith("map[string]"):
        inner = wanted.removeprefix("map[string]")
        return {key: _fold(each, inner) for key, each in value.items()}
    fields = _STRUCTS.get(wanted.removeprefix("specs."), {})
    names = {name.lower(): name for name in fields}
    found: dict[str, Any] = {}
    for key, each in value.items():  # of two for one field the later is taken
        name = str(key if key in fields else names.get(key.lower(), key))
        found[name] = _fold(each, fields.get(name, ""))
    return found


def _walk(value: Any, wanted: str, struct: str, path: str) -> None:
    if value is None:  # leaves what it is for as it was
        return
    if wanted.startswith("[]") and isinstance(value, list):
        for each in value:
            _walk(each, wanted[2:], struct, path)
    elif wanted.startswith("map[string]") and isinstance(value, Mapping):
        for each in value.values():
            _walk(each, wanted.removeprefix("map[string]"), struct, path)
    elif (fields := _STRUCTS.get(wanted.removeprefix("specs."))) and isinstance(value, Mapping):
        for name, kind in fields.items():
            inner = f"{path}.{name}" if path else name
            _walk(value.get(name), kind, wanted.removeprefix("specs."), inner)
    elif not _is_plain(value, wanted):
        place = f"Go struct field {struct}.{path}" if struct else "Go value"
        raise InvalidArgument(
            f"json: cannot unmarshal {_shown(value, wanted)} into {place} of type {wanted}"
        )


def _is_plain(value: Any, wanted: str) -> bool:
    if wanted in _WORDS:
        return isinstance(value, str)
    if wanted == "bool":
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, int) or wanted not in _INTEGERS:
        return False
    least, most = _INTEGERS[wanted]
    return least <= value <= most


def _shown(value: Any, wanted: str) -> str:
    """Name a JSON value as Go does: with its digits where a number was wanted, but another one."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return f"number {value}" if wanted in _INTEGERS else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
