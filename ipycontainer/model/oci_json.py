"""`config.json` to records and back (OCI runtime-spec 1.2, config.md and config-linux.md).

Read strictly: a key that this runtime does not carry out is refused by its name, unless it is empty
(other engines write empty lists) or stands in a table of what means nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ipycontainer.errors import InvalidArgument
from ipycontainer.model.oci import (
    Capabilities,
    Device,
    DeviceRule,
    IdMapping,
    Linux,
    Mount,
    Process,
    Rlimit,
    Root,
    Spec,
    User,
)
from ipycontainer.model.resources import Resources

__all__ = ["OCI_VERSION", "from_json", "to_json"]

OCI_VERSION = "1.2.0"
T = TypeVar("T")

_CAPABILITY_SETS = ("bounding", "effective", "permitted", "inheritable", "ambient")
# Known keys by object; all others are refused. `user.username` is Windows', and labels of modules
# that the kernel lacks would be refused by it.
_SPEC = {
    *("ociVersion", "process", "root", "hostname", "domainname", "mounts", "linux"),
    "annotations",
}
_PROCESS = {
    *("args", "env", "cwd", "user", "terminal", "capabilities", "rlimits", "noNewPrivileges"),
    *("oomScoreAdj", "consoleSize", "apparmorProfile"),
}
_USER = {"uid", "gid", "additionalGids", "umask"}
_MOUNT = {"destination", "type", "source", "options"}
_DEVICE = {"path", "type", "major", "minor", "fileMode", "uid", "gid"}
_LINUX = {
    *("namespaces", "cgroupsPath", "devices", "resources", "maskedPaths", "readonlyPaths"),
    *("rootfsPropagation", "sysctl", "seccomp", "uidMappings", "gidMappings"),
}


def to_json(spec: Spec) -> dict[str, Any]:
    """Return the object that `config.json` holds."""
    return {
        "ociVersion": OCI_VERSION,
        "process": _process_to_json(spec.process),
        "root": {"path": spec.root.path, "readonly": spec.root.readonly},
        "hostname": spec.hostname,
        **({"domainname": spec.domainname} if spec.domainname else {}),
        "mounts": [_mount_to_json(mount) for mount in spec.mounts],
        "linux": _linux_to_json(spec.linux),
        "annotations": dict(spec.annotations),
    }


def _process_to_json(process: Process) -> dict[str, Any]:
    user = process.user
    return {
        "terminal": process.terminal,
        **_console_size(process.console_size),
        "user": {
            "uid": user.uid,
            "gid": user.gid,
            "additionalGids": list(user.additional_gids),
            **({"umask": user.umask} if user.umask is not None else {}),
        },
        "args": list(process.args),
        "env": list(process.env),
        "cwd": process.cwd,
        "capabilities": {
            name: list(getattr(process.capabilities, name)) for name in _CAPABILITY_SETS
        },
        "rlimits": [
            {"type": limit.type, "soft": limit.soft, "hard": limit.hard}
            for limit in process.rlimits
        ],
        "noNewPrivileges": process.no_new_privileges,
        **({"oomScoreAdj": process.oom_score_adj} if process.oom_score_adj is not None else {}),
        **({"apparmorProfile": process.apparmor_profile} if process.apparmor_profile else {}),
    }


def _mount_to_json(mount: Mount) -> dict[str, Any]:
    return {
        "destination": mount.destination,
        **({"type": mount.type} if mount.type else {}),
        **({"source": mount.source} if mount.source else {}),
        "options": list(mount.options),
    }


def _linux_to_json(linux: Linux) -> dict[str, Any]:
    return {
        "namespaces": [
            {"type": kind, "path": path} if path else {"type": kind}
            for kind, path in linux.namespaces.items()
        ],
        **({"cgroupsPath": linux.cgroups_path} if linux.cgroups_path else {}),
        "devices": [
            {
                "path": device.path,
                "type": device.type,
                "major": device.major,
                "minor": device.minor,
                "fileMode": device.file_mode,
                "uid": device.uid,
                "gid": device.gid,
            }
            for device in linux.devices
        ],
        "resources": {
            "devices": [_rule_to_json(rule) for rule in linux.device_rules],
            **(linux.resources.to_json() if linux.resources is not None else {}),
        },
        "maskedPaths": list(linux.masked_paths),
        "readonlyPaths": list(linux.readonly_paths),
        "sysctl": dict(linux.sysctl),
        **({"rootfsPropagation": linux.rootfs_propagation} if linux.rootfs_propagation else {}),
        **({"seccomp": dict(linux.seccomp)} if linux.seccomp is not None else {}),
        **_mappings_to_json("uidMappings", linux.uid_mappings),
        **_mappings_to_json("gidMappings", linux.gid_mappings),
    }


def _rule_to_json(rule: DeviceRule) -> dict[str, Any]:
    return {
        "allow": rule.allow,
        "type": rule.type,
        **({"major": rule.major} if rule.major is not None else {}),
        **({"minor": rule.minor} if rule.minor is not None else {}),
        "access": rule.access,
    }


def _mappings_to_json(name: str, mappings: Sequence[IdMapping]) -> dict[str, Any]:
    lines = [
        {"containerID": line.container_id, "hostID": line.host_id, "size": line.size}
        for line in mappings
    ]
    return {name: lines} if lines else {}


def from_json(raw: Mapping[str, Any]) -> Spec:
    """Return the records of a `config.json`. Raises InvalidArgument, naming the key."""
    try:
        return _spec(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidArgument(f"config.json is not as the runtime-spec says: {error!r}") from error


def _spec(raw: Mapping[str, Any]) -> Spec:
    _only(raw, _SPEC, "")
    if not isinstance(raw.get("process"), Mapping):
        raise InvalidArgument("config.json has no process")
    root = raw.get("root") or {}
    _only(root, {"path", "readonly"}, "root.")
    return Spec(
        process=_process(raw["process"]),
        root=Root(str(root.get("path", "rootfs")), bool(root.get("readonly", False))),
        hostname=str(raw.get("hostname", "")),
        domainname=str(raw.get("domainname", "")),
        mounts=_each(raw.get("mounts"), _mount),
        linux=_linux(raw.get("linux") or {}),
        annotations={str(key): str(value) for key, value in (raw.get("annotations") or {}).items()},
    )


def _process(raw: Mapping[str, Any]) -> Process:
    _only(raw, _PROCESS, "process.")
    user = raw.get("user") or {}
    _only(user, _USER, "process.user.")
    sets = raw.get("capabilities") or {}
    _only(sets, set(_CAPABILITY_SETS), "process.capabilities.")
    umask, score = user.get("umask"), raw.get("oomScoreAdj")
    size = raw.get("consoleSize") or {}
    return Process(
        args=_words(raw.get("args")),
        env=_words(raw.get("env")),
        cwd=str(raw.get("cwd", "/")),
        user=User(
            int(user.get("uid", 0)),
            int(user.get("gid", 0)),
            tuple(int(gid) for gid in user.get("additionalGids") or ()),
            None if umask is None else int(umask),
        ),
        terminal=bool(raw.get("terminal", False)),
        console_size=(int(size.get("height", 0)), int(size.get("width", 0))),
        capabilities=Capabilities(**{name: _words(sets.get(name)) for name in sets}),
        rlimits=_each(raw.get("rlimits"), _rlimit),
        no_new_privileges=bool(raw.get("noNewPrivileges", False)),
        oom_score_adj=None if score is None else int(score),
        apparmor_profile=str(raw.get("apparmorProfile", "")),
    )


def _console_size(size: tuple[int, int]) -> dict[str, Any]:
    rows, columns = size
    return {"consoleSize": {"height": rows, "width": columns}} if rows or columns else {}


def _rlimit(raw: Mapping[str, Any]) -> Rlimit:
    return Rlimit(str(raw["type"]), _signed(int(raw["soft"])), _signed(int(raw["hard"])))


def _signed(limit: int) -> int:
    """Return -1 for RLIM_INFINITY, which the specification's uint64 writes as 2**64 - 1."""
    return limit - (1 << 64) if limit >= 1 << 63 else limit


def _mount(raw: Mapping[str, Any]) -> Mount:
    _only(raw, _MOUNT, "mounts.")
    return Mount(
        str(raw["destination"]),
        str(raw.get("type", "")),
        str(raw.get("source", "")),
        _words(raw.get("options")),
    )


def _linux(raw: Mapping[str, Any]) -> Linux:
    _only(raw, _LINUX, "linux.")
    resources = raw.get("resources") or {}
    return Linux(
        namespaces={
            str(each["type"]): str(each.get("path", "")) for each in raw.get("namespaces") or ()
        },
        cgroups_path=str(raw.get("cgroupsPath", "")),
        devices=_each(raw.get("devices"), _device),
        device_rules=_each(resources.get("devices"), _rule),
        resources=Resources.from_json(resources) if resources.keys() - {"devices"} else None,
        masked_paths=_words(raw.get("maskedPaths")),
        readonly_paths=_words(raw.get("readonlyPaths")),
        rootfs_propagation=str(raw.get("rootfsPropagation", "")),
        sysctl={str(key): str(value) for key, value in (raw.get("sysctl") or {}).items()},
        seccomp=raw.get("seccomp"),
        uid_mappings=_each(raw.get("uidMappings"), _mapping),
        gid_mappings=_each(raw.get("gidMappings"), _mapping),
    )


def _device(raw: Mapping[str, Any]) -> Device:
    _only(raw, _DEVICE, "linux.devices.")
    return Device(
        str(raw["path"]),
        str(raw["type"]),
        int(raw.get("major", 0)),
        int(raw.get("minor", 0)),
        int(raw.get("fileMode", 0o666)),
        int(raw.get("uid", 0)),
        int(raw.get("gid", 0)),
    )


def _rule(raw: Mapping[str, Any]) -> DeviceRule:
    major, minor = raw.get("major"), raw.get("minor")
    return DeviceRule(
        bool(raw["allow"]),
        str(raw.get("type", "a")),
        None if major is None or major < 0 else int(major),
        None if minor is None or minor < 0 else int(minor),
        str(raw.get("access", "rwm")),
    )


def _mapping(raw: Mapping[str, Any]) -> IdMapping:
    return IdMapping(int(raw["containerID"]), int(raw["hostID"]), int(raw["size"]))


def _each(raw: Sequence[Any] | None, make: Callable[[Mapping[str, Any]], T]) -> tuple[T, ...]:
    return tuple(make(each) for each in raw or ())


def _words(raw: Sequence[Any] | None) -> tuple[str, ...]:
    return tuple(str(word) for word in raw or ())


def _only(raw: Mapping[str, Any], known: set[str], prefix: str) -> None:
    for key, value in raw.items():
        if key not in known and value not in (None, "", False, 0, [], {}):
            raise InvalidArgument(f"{prefix}{key} of config.json is not supported yet")
