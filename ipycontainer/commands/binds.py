"""The `-v SRC:DST[:OPTIONS]` of `run` and `create`, read as docker's client and daemon read it.

Sources: docker/cli `cli/compose/loader/volume.go`, moby `volume/mounts/linux_parser.go`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from pathlib import Path

from ipycontainer.errors import InvalidArgument, Unsupported, UsageError
from ipycontainer.model.config import Bind

__all__ = ["parse_binds"]

_ACCESS = ("ro", "rw")
_PROPAGATION = ("private", "rprivate", "rshared", "rslave", "shared", "slave")
_LATER = ("Z", "cached", "consistent", "delegated", "nocopy", "z")
_VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


def parse_binds(specs: Sequence[str], cwd: Path) -> tuple[Bind, ...]:
    """Return the binds that `-v` options ask for; the same words twice are one bind.

    A source that starts with a dot stands below `cwd`. Volumes, named or anonymous, are refused by
    name. Raises UsageError for what docker's client refuses, InvalidArgument for its daemon.
    """
    binds: dict[str, Bind] = {}
    for spec in dict.fromkeys(specs):
        bind = _parse(spec, cwd)
        if bind.target in binds:
            raise InvalidArgument(f"Duplicate mount point: {bind.target}")
        binds[bind.target] = bind
    return tuple(binds.values())


def _parse(spec: str, cwd: Path) -> Bind:
    source, target, mode = _sections(spec)
    if not source:
        raise Unsupported(f"-v {spec}: anonymous volumes are not supported yet", hint=_ADVICE)
    if not source.startswith(("/", ".")):
        raise _volume(source)
    if source.startswith("."):
        source = str(cwd / source)
    return Bind(
        source=posixpath.normpath(source),
        target=_target(spec, target),
        read_only="ro" in mode,
        propagation=next((word for word in mode if word in _PROPAGATION), "rprivate"),
    )


def _sections(spec: str) -> tuple[str, str, list[str]]:
    """Return source, target and options; the source is empty for an anonymous volume."""
    if not spec:
        raise UsageError("invalid empty volume spec")
    parts = spec.split(":") if len(spec) > 2 else [spec]
    if len(parts) > 3:
        raise UsageError(f"invalid spec: {spec}: too many colons")
    if not all(parts):
        raise UsageError(f"invalid spec: {spec}: empty section between colons")
    if len(parts) == 1:
        return "", parts[0], []
    return parts[0], parts[1], _mode(parts[2]) if len(parts) == 3 else []


def _mode(text: str) -> list[str]:
    words = text.split(",")
    for word in words:
        if word in _LATER:
            raise Unsupported(f"option {word} of -v is not supported yet")
    access = [word for word in words if word in _ACCESS]
    propagation = [word for word in words if word in _PROPAGATION]
    if len(access) > 1 or len(propagation) > 1 or len(access) + len(propagation) < len(words):
        raise InvalidArgument(f"invalid mode: {text}")
    return words


def _target(spec: str, target: str) -> str:
    where = f"invalid volume specification: '{spec}': invalid mount config for type \"bind\": "
    if not target.startswith("/"):
        raise InvalidArgument(f"{where}invalid mount path: '{target}' mount path must be absolute")
    clean = posixpath.normpath("/" + target.lstrip("/"))
    if clean == "/":
        raise InvalidArgument(f"{where}invalid specification: destination can't be '/'")
    return clean


_ADVICE = "A directory of this machine is shown by its absolute path: -v /data:/data"


def _volume(source: str) -> Exception:
    if _VOLUME_NAME.fullmatch(source):
        return Unsupported(f"-v {source}: named volumes are not supported yet", hint=_ADVICE)
    return InvalidArgument(
        f'create {source}: "{source}" includes invalid characters for a local volume name, only '
        '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use '
        "absolute path"
    )
