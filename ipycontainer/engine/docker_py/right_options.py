"""docker-py's keyword arguments about privileges and namespaces: a part of `options`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ipycontainer.errors import InvalidArgument
from ipycontainer.model.privileges import (
    DEFAULT_SHM_BYTES,
    DeviceMapping,
    Privileges,
    Sharing,
    check_device_rule,
)
from ipycontainer.model.units import parse_size

__all__ = ["extra_hosts", "privileges", "sharing"]

_OPEN_PATHS = "systempaths=unconfined"


def privileges(given: dict[str, Any]) -> Privileges:
    """Take what is about privileges out of docker-py's arguments and return what it means."""
    rules = _texts(given.pop("device_cgroup_rules", ()))
    for rule in rules:
        check_device_rule(rule)
    words = _texts(given.pop("security_opt", ()))
    return Privileges(
        privileged=bool(given.pop("privileged", False)),
        cap_add=_texts(given.pop("cap_add", ())),
        cap_drop=_texts(given.pop("cap_drop", ())),
        devices=tuple(_device(each) for each in given.pop("devices", ())),
        device_rules=rules,
        security_opt=tuple(word for word in words if word != _OPEN_PATHS),
        open_paths=_OPEN_PATHS in words,
    )


def sharing(given: dict[str, Any]) -> Sharing:
    """Take what is about namespaces out of docker-py's arguments and return what it means."""
    size = given.pop("shm_size", DEFAULT_SHM_BYTES)
    shared = Sharing(
        pid=str(given.pop("pid_mode", "")),
        ipc=str(given.pop("ipc_mode", "")),
        uts=str(given.pop("uts_mode", "")),
        cgroupns=str(given.pop("cgroupns", "")),
        userns=str(given.pop("userns_mode", "")),
        domainname=str(given.pop("domainname", "")),
        shm_bytes=parse_size(size) if isinstance(size, str) else int(size),
        sysctls={str(key): str(value) for key, value in given.pop("sysctls", {}).items()},
    )
    for kind, mode, valid in (
        ("PID", shared.pid, shared.pid in ("", "host") or shared.pid.startswith("container:")),
        ("UTS", shared.uts, shared.uts in ("", "host")),
        ("cgroup namespace", shared.cgroupns, shared.cgroupns in ("", "host", "private")),
        ("user namespace", shared.userns, shared.userns in ("", "host")),
    ):
        if not valid:
            raise InvalidArgument(f"invalid {kind} mode: {mode}")
    return shared


def extra_hosts(value: Mapping[str, str] | Iterable[str]) -> tuple[str, ...]:
    """Return `NAME:ADDRESS` for each line that /etc/hosts gets."""
    if isinstance(value, Mapping):
        return tuple(f"{name}:{address}" for name, address in value.items())
    return tuple(value)


def _texts(value: Iterable[Any]) -> tuple[str, ...]:
    return tuple(str(each) for each in value)


def _device(value: str | Mapping[str, str]) -> DeviceMapping:
    if isinstance(value, str):
        return DeviceMapping.parse(value)
    source = value["PathOnHost"]
    return DeviceMapping(
        source, value.get("PathInContainer", source), value.get("CgroupPermissions", "rwm")
    )
