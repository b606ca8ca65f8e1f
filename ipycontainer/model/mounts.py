"""What is shown in a container besides its own files: binds, volumes, tmpfs, images.

One record for all of docker's words (`-v`, `--mount`, `--tmpfs`, `--volumes-from`, VOLUME), kept
with the container's config. Which keys a type may have is checked by who reads the words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["ANONYMOUS_LABEL", "Bind", "MountPoint", "MountType", "Origin", "Recursion", "unlike"]

# Docker's mark of a volume that was made without a name.
ANONYMOUS_LABEL = "com.docker.volume.anonymous"

MountType = Literal["bind", "volume", "tmpfs", "image"]
Recursion = Literal["enabled", "disabled", "writable", "readonly"]
# The words that asked for it: `inspect` shows each kind in a place of its own.
Origin = Literal["-v", "--mount", "--tmpfs", "--volumes-from", "VOLUME"]


@dataclass(frozen=True, slots=True)
class Bind:
    """A directory or file of the host that the engine itself shows inside.

    `source` is absolute on the host.
    """

    source: str
    target: str
    read_only: bool = False
    propagation: str = "rprivate"


@dataclass(frozen=True, slots=True)
class MountPoint:
    """One thing shown at `target`, an absolute path inside.

    `source` is a path of the host (bind), a volume's name ("" until an anonymous one has one), or
    an image's id. `mode` is what stood after the target in `-v`, as typed. `options` are those of
    a tmpfs in mount(8)'s words. `recursion` says what becomes of mounts below a bind: shown and
    read-only with it where possible (`enabled`), left out, left writable, or read-only by all
    means. `no_copy` keeps the image's content out of an empty volume. `has_options`: the words had
    some of its type's own, which `inspect` shows also where they change nothing. `typed_source` and
    `typed_target` are what was typed where it is not the clean path (`/x/`): `inspect` shows that.
    `refused` is what docker's daemon says of a word that it cannot read, once it comes to it:
    nothing is mounted then.
    """

    type: MountType
    target: str
    source: str = ""
    read_only: bool = False
    origin: Origin = "-v"
    mode: str = ""
    propagation: str = ""
    recursion: Recursion = "enabled"
    create_source: bool = False
    subpath: str = ""
    no_copy: bool = False
    anonymous: bool = False
    driver: str = ""
    driver_options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    refused: str = ""
    has_options: bool = False
    typed_source: str = ""
    typed_target: str = ""

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> MountPoint:
        """Return the record that `dataclasses.asdict` took apart; unknown keys are dropped."""
        known = {name: raw[name] for name in cls.__dataclass_fields__ if name in raw}
        known["options"] = tuple(known.get("options", ()))
        return cls(**known)


def unlike(typed: str, clean: str) -> str:
    """Return what was typed where it is not the clean path, empty where it is."""
    return typed if typed != clean else ""
