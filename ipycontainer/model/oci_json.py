"""`config.json` to records and back (OCI runtime-spec 1.3, config.md and config-linux.md).

A key of the specification that this runtime does not carry out is refused by its name, unless it is
empty (other engines write empty lists). One that the specification does not have is passed over, as
it demands (config.md "Extensibility"): it is a newer one's, or somebody's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ipycontainer.errors import InvalidArgument
from ipycontainer.model.hooks import Hooks
from ipycontainer.model.oci import (
    Capabilities,
    Device,
    DeviceRule,
    ExecAffinity,
    IdMapping,
    Linux,
    MemoryPolicy,
    Mount,
    Process,
    Rlimit,
    Root,
    Scheduler,
    Spec,
    User,
)
from ipycontainer.model.resources import Resources

__all__ = ["OCI_VERSION", "from_json", "process_from_json", "to_json"]

OCI_VERSION = "1.2.0"
_NO_LIMIT = (1 << 64) - 1  # RLIM_INFINITY, which the records have as -1
T = TypeVar("T")

_CAPABILITY_SETS = ("bounding", "effective", "permitted", "inheritable", "ambient")
# Keys of the specification that are not carried out. Labels of a module that the kernel lacks would
# be refused by it; what is Windows', Solaris' and so on means nothing here.
_REFUSED = ("intelRdt", "mountLabel")


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
        **({"hooks": hooks} if (hooks := spec.hooks.to_json()) else {}),
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
            {"type": limit.type, "soft": limit.soft & _NO_LIMIT, "hard": limit.hard & _NO_LIMIT}
            for limit in process.rlimits
        ],
        "noNewPrivileges": process.no_new_privileges,
        **({"oomScoreAdj": process.oom_score_adj} if process.oom_score_adj is not None else {}),
        **({"apparmorProfile": process.apparmor_profile} if process.apparmor_profile else {}),
        **({"selinuxLabel": process.selinux_label} if process.selinux_label else {}),
        **({"scheduler": _scheduler_to_json(process.scheduler)} if process.scheduler else {}),
        **_io_priority_to_json(process.io_priority),
        **_affinity_to_json(process.exec_affinity),
    }


def _scheduler_to_json(scheduler: Scheduler) -> dict[str, Any]:
    values = {name: getattr(scheduler, name) for name in ("nice", "priority", "flags")}
    times = {name: getattr(scheduler, name) for name in ("runtime", "deadline", "period")}
    given = {key: value for key, value in {**values, **times}.items() if value}
    return {"policy": scheduler.policy, **given}


def _io_priority_to_json(wanted: tuple[str, int] | None) -> dict[str, Any]:
    return {"ioPriority": {"class": wanted[0], "priority": wanted[1]}} if wanted else {}


def _affinity_to_json(affinity: ExecAffinity) -> dict[str, Any]:
    both = {"initial": affinity.initial, "final": affinity.final}
    given = {key: value for key, value in both.items() if value}
    return {"execCPUAffinity": given} if given else {}


def _mount_to_json(mount: Mount) -> dict[str, Any]:
    return {
        "destination": mount.destination,
        **({"type": mount.type} if mount.type else {}),
        **({"source": mount.source} if mount.source else {}),
        "options": list(mount.options),
        **_mappings_to_json("uidMappings", mount.uid_mappings),
        **_mappings_to_json("gidMappings", mount.gid_mappings),
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
        **({"personality": {"domain": linux.personality}} if linux.personality else {}),
        **_mappings_to_json("uidMappings", linux.uid_mappings),
        **_mappings_to_json("gidMappings", linux.gid_mappings),
        **_offsets_to_json(linux.time_offsets),
        **_policy_to_json(linux.memory_policy),
        **_net_devices_to_json(linux.net_devices),
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


def _offsets_to_json(offsets: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    found = {clock: {"secs": sec, "nanosecs": nano} for clock, (sec, nano) in offsets.items()}
    return {"timeOffsets": found} if found else {}


def _policy_to_json(policy: MemoryPolicy | None) -> dict[str, Any]:
    if policy is None:
        return {}
    rest = {"nodes": policy.nodes, "flags": list(policy.flags)}
    return {"memoryPolicy": {"mode": policy.mode, **{k: v for k, v in rest.items() if v}}}


def _net_devices_to_json(devices: Mapping[str, str]) -> dict[str, Any]:
    found = {name: {"name": inside} for name, inside in devices.items()}
    return {"netDevices": found} if found else {}


def from_json(raw: Mapping[str, Any]) -> Spec:
    """Return the records of a `config.json`. Raises InvalidArgument, naming the key."""
    try:
        return _spec(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidArgument(f"config.json is not as the runtime-spec says: {error!r}") from error


def process_from_json(raw: Mapping[str, Any]) -> Process:
    """Return the records of a `process` object alone. Raises InvalidArgument, naming the key."""
    try:
        return _process(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidArgument(f"the process is not as the runtime-spec says: {error!r}") from error


def _spec(raw: Mapping[str, Any]) -> Spec:
    if not isinstance(raw.get("process"), Mapping):
        raise InvalidArgument("config.json has no process")
    if not isinstance(raw.get("root"), Mapping):
        raise InvalidArgument("root must be specified")
    root = raw["root"]
    return Spec(
        process=_process(raw["process"]),
        root=Root(str(root.get("path", "rootfs")), bool(root.get("readonly", False))),
        hostname=str(raw.get("hostname", "")),
        domainname=str(raw.get("domainname", "")),
        mounts=_each(raw.get("mounts"), _mount),
        linux=_linux(raw.get("linux") or {}),
        hooks=Hooks.from_json(raw.get("hooks") or {}),
        annotations={str(key): str(value) for key, value in (raw.get("annotations") or {}).items()},
    )


def _process(raw: Mapping[str, Any]) -> Process:
    user = raw.get("user") or {}
    sets = raw.get("capabilities") or {}
    umask, score = user.get("umask"), raw.get("oomScoreAdj")
    size = raw.get("consoleSize") or {}
    affinity = raw.get("execCPUAffinity") or {}
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
        capabilities=Capabilities(**{name: _words(sets.get(name)) for name in _CAPABILITY_SETS}),
        rlimits=_each(raw.get("rlimits"), _rlimit),
        no_new_privileges=bool(raw.get("noNewPrivileges", False)),
        oom_score_adj=None if score is None else int(score),
        apparmor_profile=str(raw.get("apparmorProfile", "")),
        selinux_label=str(raw.get("selinuxLabel", "")),
        scheduler=_scheduler(raw.get("scheduler")),
        io_priority=_io_priority(raw.get("ioPriority")),
        exec_affinity=ExecAffinity(
            str(affinity.get("initial") or ""), str(affinity.get("final") or "")
        ),
    )


def _scheduler(raw: Mapping[str, Any] | None) -> Scheduler | None:
    if not raw:
        return None
    return Scheduler(
        str(raw["policy"]),
        int(raw.get("nice", 0)),
        int(raw.get("priority", 0)),
        _words(raw.get("flags")),
        int(raw.get("runtime", 0)),
        int(raw.get("deadline", 0)),
        int(raw.get("period", 0)),
    )


def _io_priority(raw: Mapping[str, Any] | None) -> tuple[str, int] | None:
    return (str(raw["class"]), int(raw.get("priority", 0))) if raw else None


def _console_size(size: tuple[int, int]) -> dict[str, Any]:
    rows, columns = size
    return {"consoleSize": {"height": rows, "width": columns}} if rows or columns else {}


def _rlimit(raw: Mapping[str, Any]) -> Rlimit:
    soft, hard = (_signed(int(raw.get(key) or 0)) for key in ("soft", "hard"))
    return Rlimit(str(raw["type"]), soft, hard)


def _signed(limit: int) -> int:
    """Return -1 for RLIM_INFINITY, which the specification's uint64 writes as 2**64 - 1."""
    return limit - (1 << 64) if limit >= 1 << 63 else limit


def _mount(raw: Mapping[str, Any]) -> Mount:
    return Mount(
        str(raw["destination"]),
        str(raw.get("type", "")),
        str(raw.get("source", "")),
        _words(raw.get("options")),
        _each(raw.get("uidMappings"), _mapping),
        _each(raw.get("gidMappings"), _mapping),
    )


def _linux(raw: Mapping[str, Any]) -> Linux:
    _refuse(raw)
    resources = raw.get("resources") or {}
    return Linux(
        namespaces=_namespaces(raw.get("namespaces") or ()),
        cgroups_path=str(raw.get("cgroupsPath", "")),
        devices=_each(raw.get("devices"), _device),
        device_rules=_each(resources.get("devices"), _rule),
        resources=Resources.from_json(resources) if resources.keys() - {"devices"} else None,
        masked_paths=_words(raw.get("maskedPaths")),
        readonly_paths=_words(raw.get("readonlyPaths")),
        rootfs_propagation=str(raw.get("rootfsPropagation", "")),
        sysctl={str(key): str(value) for key, value in (raw.get("sysctl") or {}).items()},
        seccomp=raw.get("seccomp"),
        personality=_personality(raw.get("personality") or {}),
        uid_mappings=_each(raw.get("uidMappings"), _mapping),
        gid_mappings=_each(raw.get("gidMappings"), _mapping),
        time_offsets={
            str(clock): (int(each.get("secs", 0)), int(each.get("nanosecs", 0)))
            for clock, each in (raw.get("timeOffsets") or {}).items()
        },
        memory_policy=_memory_policy(raw.get("memoryPolicy")),
        net_devices={
            str(name): str((each or {}).get("name") or name)
            for name, each in (raw.get("netDevices") or {}).items()
        },
    )


def _personality(raw: Mapping[str, Any]) -> str:
    """Return the domain. The specification has a place for flags, and no flag."""
    if raw.get("flags"):
        raise InvalidArgument(f"linux.personality.flags {raw['flags']} of config.json do not exist")
    return str(raw.get("domain", ""))


def _memory_policy(raw: Mapping[str, Any] | None) -> MemoryPolicy | None:
    if not raw:
        return None
    return MemoryPolicy(str(raw["mode"]), str(raw.get("nodes") or ""), _words(raw.get("flags")))


def _namespaces(raw: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in raw:
        kind = str(each["type"])
        if kind in found:
            raise InvalidArgument(f'malformed spec file: duplicated ns "{kind}"')
        found[kind] = str(each.get("path", ""))
    return found


def _device(raw: Mapping[str, Any]) -> Device:
    return Device(
        str(raw["path"]),
        str(raw["type"]),
        int(raw.get("major", 0)),
        int(raw.get("minor", 0)),
        int(raw.get("fileMode", 0o666))
        & 0o777,  # the type stands in `type`; runc leaves out the rest
        int(raw.get("uid", 0)),
        int(raw.get("gid", 0)),
    )


def _rule(raw: Mapping[str, Any]) -> DeviceRule:
    major, minor = raw.get("major"), raw.get("minor")
    return DeviceRule(
        bool(raw.get("allow")),
        str(raw.get("type", "a")),
        None if major is None or major < 0 else int(major),
        None if minor is None or minor < 0 else int(minor),
        str(raw.get("access", "rwm")),
    )


def _mapping(raw: Mapping[str, Any]) -> IdMapping:
    return IdMapping(*(int(raw.get(key) or 0) for key in ("containerID", "hostID", "size")))


def _each(raw: Sequence[Any] | None, make: Callable[[Mapping[str, Any]], T]) -> tuple[T, ...]:
    return tuple(make(each) for each in raw or ())


def _words(raw: Sequence[Any] | None) -> tuple[str, ...]:
    return tuple(str(word) for word in raw or ())


def _refuse(raw: Mapping[str, Any]) -> None:
    for key in _REFUSED:
        if raw.get(key) not in (None, "", False, 0, [], {}):
            raise InvalidArgument(f"linux.{key} of config.json is not supported yet")
