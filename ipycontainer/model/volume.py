"""What a volume is, as the store knows it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ipycontainer.errors import InvalidArgument

__all__ = ["DRIVER", "VOLUME_NAME", "VolumeRecord", "check_options", "check_volume_name"]

DRIVER = "local"
VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_MANDATORY = {"device": ("type",), "type": ("device",), "o": ("device", "type")}


@dataclass(frozen=True, slots=True)
class VolumeRecord:
    """A volume of the local driver.

    `options` are the driver's `type`, `device` and `o`, as mount(8) takes them; without any the
    volume is a directory of the home. `users` are the ids of the containers that it is part of.
    """

    name: str
    created_ns: int
    anonymous: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    users: tuple[str, ...] = ()

    @property
    def binds(self) -> str:
        """Return the directory of the host that the volume stands for, "" where it is none."""
        if "bind" in self._words or "rbind" in self._words:
            return self.options.get("device", "")
        return ""

    @property
    def read_only(self) -> bool:
        """Tell whether nobody may write into the directory of the host that it stands for."""
        return bool(self.binds) and "ro" in self._words

    @property
    def _words(self) -> Sequence[str]:
        return self.options.get("o", "").split(",")

    @property
    def is_mounted(self) -> bool:
        """Tell whether the volume is a file system that is mounted while a container uses it."""
        return bool(self.options) and not self.binds


def check_volume_name(name: str) -> None:
    """Refuse what is no name of a volume, in the words of docker's local driver."""
    if len(name) == 1:
        raise InvalidArgument(
            f"create {name}: volume name is too short, "
            "names should be at least two alphanumeric characters"
        )
    if VOLUME_NAME.fullmatch(name) is None or len(name) > 255:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        raise InvalidArgument(
            f'create {name}: "{quoted}" includes invalid characters for a local volume name, only'
            ' "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, '
            "use absolute path"
        )


def check_options(name: str, options: Mapping[str, str]) -> None:
    """Refuse what the local driver does not know, or knows only together with something else."""
    for key in options:
        if key not in _MANDATORY:
            if key == "size":  # docker's local driver knows it, where the file system has quotas
                raise InvalidArgument(f"create {name}: quota size requested but no quota support")
            raise InvalidArgument(f'create {name}: invalid option: "{key}"')
    for key, needed in _MANDATORY.items():
        for other in needed if key in options else ():
            if other not in options:
                raise InvalidArgument(f'create {name}: missing required option: "{other}"')
