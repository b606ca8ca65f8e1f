"""What a container may do beyond its own walls, and what it shares: a part of its config.

Words are docker's own, as `inspect` shows them; what they mean on a machine is the engine's to
find out. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ipycontainer.errors import InvalidArgument

__all__ = ["DEFAULT_SHM_BYTES", "DeviceMapping", "Privileges", "Sharing", "check_device_rule"]

DEFAULT_SHM_BYTES = 64 << 20
_RULE = re.compile(r"[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}")
_ACCESS = re.compile(r"[rwm]+")


@dataclass(frozen=True, slots=True)
class DeviceMapping:
    """A device of this machine shown inside (`--device H[:C][:rwm]`)."""

    source: str
    target: str
    access: str = "rwm"

    @classmethod
    def parse(cls, text: str) -> DeviceMapping:
        """Return the mapping that docker's word means. Raises InvalidArgument in docker's words.

        Of two parts the second is a mode where it reads as one, else a path.
        """
        parts = text.split(":")
        if len(parts) > 3:
            raise InvalidArgument(f"bad format for path: {text}")
        source, target, access = parts[0], parts[0], "rwm"
        if len(parts) == 3:
            _, target, access = parts
            if not _ACCESS.fullmatch(access) or len(set(access)) < len(access):
                raise InvalidArgument(f"bad mode specified: {access}")
        elif len(parts) == 2:
            word = parts[1]
            if _ACCESS.fullmatch(word) and len(set(word)) == len(word):
                access = word
            else:
                target = word
        if not source:
            raise InvalidArgument(f"bad format for path: {text}")
        if not target.startswith("/"):
            raise InvalidArgument(f"{target} is not an absolute path")
        return cls(source, target, access)


@dataclass(frozen=True, slots=True)
class Privileges:
    """What a container may do.

    `security_opt` holds docker's words; `systempaths=unconfined` is no word of it but
    `open_paths`, as in docker. `device_rules` are lines of a device cgroup (`c 7:* rwm`).
    """

    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    devices: tuple[DeviceMapping, ...] = ()
    device_rules: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    open_paths: bool = False

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Privileges:
        """Return the record that `asdict` wrote; unknown keys of a newer version are dropped."""
        known = {name: raw[name] for name in cls.__dataclass_fields__ if name in raw}
        for name in ("cap_add", "cap_drop", "device_rules", "security_opt"):
            known[name] = tuple(known.get(name, ()))
        known["devices"] = tuple(DeviceMapping(**each) for each in known.get("devices", ()))
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Sharing:
    """Which namespaces a container has for itself: "" takes docker's default.

    `pid` and `ipc` may be `container:` and the id of a donor. `shm_bytes` is the size of
    /dev/shm, `sysctls` are parameters of the container's own namespaces.
    """

    pid: str = ""
    ipc: str = ""
    uts: str = ""
    cgroupns: str = ""
    userns: str = ""
    domainname: str = ""
    shm_bytes: int = DEFAULT_SHM_BYTES
    sysctls: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Sharing:
        """Return the record that `asdict` wrote; unknown keys of a newer version are dropped."""
        return cls(**{name: raw[name] for name in cls.__dataclass_fields__ if name in raw})


def check_device_rule(text: str) -> None:
    """Raise InvalidArgument, in docker's words, unless a text is a device cgroup's line."""
    if not _RULE.fullmatch(text):
        raise InvalidArgument(f"invalid device cgroup format '{text}'")
