"""`-v`, `--mount` and `--tmpfs` of `run` and `create`, read as docker reads them.

Sources: docker/cli `cli/compose/loader/volume.go`, `opts/mount.go`; moby
`volume/mounts/{linux_parser,validate}.go`, `daemon/pkg/oci` for the options of a tmpfs. What the
client refuses raises UsageError (or click's own error), what the daemon refuses before it looks for
the image InvalidArgument. The rest it refuses when it comes to the mounts: that is told with them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from ipycontainer.commands import go_csv
from ipycontainer.commands.go_quoting import parse_bool
from ipycontainer.errors import InvalidArgument, UsageError
from ipycontainer.model.mounts import MountPoint, MountType, Recursion, unlike
from ipycontainer.model.volume import check_volume_name

__all__ = ["MountWord", "mount_points"]

if TYPE_CHECKING:
    _Type = click.ParamType[Any]
else:
    _Type = click.ParamType

_ACCESS = ("ro", "rw")
_PROPAGATION = ("private", "rprivate", "rshared", "rslave", "shared", "slave")
# Words for security labels that this machine has not, and for docker on a Mac: without effect
# there, too, on a Linux without SELinux.
_CONSISTENCY = ("cached", "consistent", "delegated", "default")
_NO_EFFECT = ("z", "Z", *_CONSISTENCY)
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([bkmgtp])?(i?b)?", re.IGNORECASE)


def mount_points(
    volumes: Sequence[str], mounts: Sequence[MountPoint], tmpfs: Sequence[str], cwd: Path
) -> tuple[MountPoint, ...]:
    """Return what the words ask for, in their order; the same `-v` twice is one.

    The source `.` and what starts with `./` stand below `cwd`.
    """
    found = [_read_late(spec, cwd) for spec in dict.fromkeys(volumes)]
    found += [_checked(_placed(mount, cwd)) for mount in mounts]
    found += [_tmpfs(spec) for spec in dict.fromkeys(tmpfs)]
    return tuple(found)


# ── -v ───────────────────────────────────────────────────────────────────────────────────────────


def _read_late(spec: str, cwd: Path) -> MountPoint:
    """Return what a word asks for, or what docker's daemon will say of it."""
    try:
        return _volume(spec, cwd)
    except UsageError:
        raise
    except InvalidArgument as error:
        return MountPoint("volume", spec, refused=error.message)


def _volume(spec: str, cwd: Path) -> MountPoint:
    source, target, mode = _sections(spec)
    if not source:
        clean = _unnamed_target(target)
        return MountPoint("volume", clean, anonymous=True, typed_target=unlike(target, clean))
    if source == "." or source.startswith("./"):  # not ../x: that docker sends as it is
        source = posixpath.normpath(cwd / source)
        spec = f"{source}:{spec.partition(':')[2]}"  # docker's client tells its daemon so
    is_bind = source.startswith("/")
    words = _mode(mode)
    propagation = next((word for word in words if word in _PROPAGATION), "")
    kind: MountType = "bind" if is_bind else "volume"
    where = f"invalid volume specification: '{spec}': invalid mount config for type \"{kind}\": "
    if is_bind and "nocopy" in words:
        raise InvalidArgument(f"{where}field VolumeOptions must not be specified")
    if not is_bind and propagation:
        raise InvalidArgument(f"{where}field BindOptions must not be specified")
    clean = _target(spec, target, kind)
    point = MountPoint(
        kind, clean, source, "ro" in words, mode=mode, typed_target=unlike(target, clean)
    )
    if is_bind:
        path = posixpath.normpath(source)
        return replace(
            point,
            source=path,
            typed_source=unlike(source, path),
            propagation=propagation,
            create_source=True,
        )
    check_volume_name(source)
    return replace(point, no_copy="nocopy" in words)


def _sections(spec: str) -> tuple[str, str, str]:
    """Return source, target and options; the source is empty for an anonymous volume."""
    if not spec:
        raise UsageError("invalid empty volume spec")
    parts = _cut(spec) if len(spec) > 2 else [spec]
    for number, part in enumerate(parts):
        if not part:
            raise UsageError(f"invalid spec: {spec}: empty section between colons")
        if number > 2:  # source, target, options
            raise UsageError(f"invalid spec: {spec}: too many colons")
    if len(parts) == 1:
        return "", parts[0], ""
    source, target, *mode = spec.split(":")  # by which the daemon goes
    if len(mode) > 1 or not target or (not mode and target in (*_ACCESS, "nocopy")):
        raise InvalidArgument(f"invalid volume specification: '{spec}'")
    return source, target, mode[0] if mode else ""


def _cut(spec: str) -> list[str]:
    """Return the sections as docker's client finds them: to it `a:` begins a drive of Windows."""
    found, section = [], ""
    for char in spec:
        if char == ":" and not (len(section) == 1 and section.isalpha()):
            found.append(section)
            section = ""
        else:
            section += char
    return [*found, section]


def _unnamed_target(target: str) -> str:
    """Return where an anonymous volume goes: docker takes any word, as seen from the root.

    Also the root itself, with which no container starts.
    """
    return posixpath.normpath(f"/{target.lstrip('/')}")


def _mode(text: str) -> list[str]:
    if not text:
        return []
    words = text.split(",")
    access = [word for word in words if word in _ACCESS]
    propagation = [word for word in words if word in _PROPAGATION]
    others = [word for word in words if word == "nocopy" or word in _NO_EFFECT]
    known = len(access) + len(propagation) + len(others)
    labels = [word for word in others if word in ("z", "Z")]
    consistency = [word for word in others if word in _CONSISTENCY]
    kinds = (access, propagation, labels, consistency)
    if any(len(kind) > 1 for kind in kinds) or words.count("nocopy") > 1 or known < len(words):
        raise InvalidArgument(f"invalid mode: {text}")
    return words


def _target(spec: str, target: str, kind: str) -> str:
    where = f"invalid volume specification: '{spec}': invalid mount config for type \"{kind}\": "
    if not target.startswith("/"):
        raise InvalidArgument(f"{where}invalid mount path: '{target}' mount path must be absolute")
    clean = posixpath.normpath("/" + target.lstrip("/"))
    if clean == "/":
        raise InvalidArgument(f"{where}invalid specification: destination can't be '/'")
    return clean


# ── --mount ──────────────────────────────────────────────────────────────────────────────────────


class MountWord(_Type):
    """One `--mount`: `key=value` pairs between commas, as CSV."""

    name = "mount"

    def convert(
        self, value: str | MountPoint, param: click.Parameter | None, ctx: click.Context | None
    ) -> MountPoint:
        """Return the mount point; what only the daemon checks is checked by `mount_points`."""
        if isinstance(value, MountPoint):
            return value
        try:
            return _read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _read(text: str) -> MountPoint:
    if not text:
        raise ValueError("EOF")
    words = go_csv.fields(text)
    given: dict[str, Any] = {"type": "volume"}
    pairs: dict[str, dict[str, str]] = {}
    seen: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        key = key.lower()
        if not equals and key not in _SWITCHES:
            raise ValueError(f"invalid field '{word}' must be a key=value pair")
        seen.append(key)
        if key in ("volume-label", "volume-opt"):
            name, _, text_ = value.partition("=")
            pairs.setdefault(key, {})[name] = text_
            continue
        field, reader = _KEYS.get(key, ("", str))
        if not field:
            raise ValueError(f"unexpected key '{key}' in '{word}'")
        try:
            given[field] = reader(value) if equals else True
        except ValueError:
            raise ValueError(_invalid(key, value)) from None
    given.pop("consistency", None)
    if not given["type"]:
        raise ValueError("type is required")
    if not given.get("target"):
        raise ValueError("target is required")
    _no_mixing(given, seen)
    own = (key for key in seen if key != "bind-recursive" or given.get("recursion") != "enabled")
    given["has_options"] = any(key.startswith(f"{given['type']}-") for key in own)
    return _point(given, pairs)


def _invalid(key: str, value: str) -> str:
    if key == "bind-recursive":
        return (
            f"invalid value for bind-recursive: {value} "
            '(must be "enabled", "disabled", "writable", or "readonly")'
        )
    return f"invalid value for {key}: {value}"


def _no_mixing(given: dict[str, Any], seen: Sequence[str]) -> None:
    for family in ("volume", "bind", "tmpfs", "image"):
        if given["type"] != family and any(key.startswith(f"{family}-") for key in seen):
            raise ValueError(f"cannot mix '{family}-*' options with mount type '{given['type']}'")
    if given.get("recursion") == "writable" and not given.get("read_only"):
        raise ValueError(
            "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction"
        )
    if given.get("recursion") == "readonly":
        if not given.get("read_only"):
            raise ValueError(
                "option 'bind-recursive=readonly' requires 'readonly' to be specified in "
                "conjunction"
            )
        if given.get("propagation") != "rprivate":
            raise ValueError(
                "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be "
                "specified in conjunction"
            )


def _point(given: dict[str, Any], pairs: dict[str, dict[str, str]]) -> MountPoint:
    options = []
    if "tmpfs_size" in given:
        options.append(f"size={given.pop('tmpfs_size')}")
    if "tmpfs_mode" in given:
        options.append(f"mode={given.pop('tmpfs_mode'):o}")
    if given.pop("non_recursive", False):
        given["recursion"] = "disabled"
    return MountPoint(
        **given,
        origin="--mount",
        anonymous=given["type"] == "volume" and not given.get("source"),
        labels=pairs.get("volume-label", {}),
        driver_options=pairs.get("volume-opt", {}),
        options=tuple(options),
    )


def _octal(text: str) -> int:
    return int(text, 8)


def _size(text: str) -> int:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return int(float(found[1]) * _UNITS[(found[2] or "").lower()])


def _recursion(text: str) -> str:
    if text not in get_args(Recursion):
        raise ValueError(text)
    return text


_SWITCHES = ("readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-create-src")
_KEYS: dict[str, tuple[str, Any]] = {
    "type": ("type", str.lower),
    "source": ("source", str),
    "src": ("source", str),
    "target": ("target", str),
    "dst": ("target", str),
    "destination": ("target", str),
    "readonly": ("read_only", parse_bool),
    "ro": ("read_only", parse_bool),
    "consistency": ("consistency", str),
    "bind-propagation": ("propagation", str.lower),
    "bind-nonrecursive": ("non_recursive", parse_bool),
    "bind-recursive": ("recursion", _recursion),
    "bind-create-src": ("create_source", parse_bool),
    "volume-subpath": ("subpath", str),
    "volume-nocopy": ("no_copy", parse_bool),
    "volume-driver": ("driver", str),
    "image-subpath": ("subpath", str),
    "tmpfs-size": ("tmpfs_size", _size),
    "tmpfs-mode": ("tmpfs_mode", _octal),
}


def _placed(mount: MountPoint, cwd: Path) -> MountPoint:
    """Return a `--mount` whose source, where it begins with a dot, stands below `cwd`."""
    if mount.source != "." and not mount.source.startswith("./"):
        return mount
    return replace(mount, source=posixpath.normpath(cwd / mount.source))


def _checked(mount: MountPoint) -> MountPoint:
    """Return a `--mount` that docker's daemon takes, too, its paths cleaned."""
    where = f'invalid mount config for type "{mount.type}": '
    if mount.type not in ("bind", "volume", "tmpfs", "image"):
        raise InvalidArgument(f"{where}mount type unknown")
    if mount.type == "tmpfs" and mount.source:
        raise InvalidArgument(f"{where}field Source must not be specified")
    if mount.type in ("bind", "image") and not mount.source:
        raise InvalidArgument(f"{where}field Source must not be empty")
    paths = [mount.source, mount.target] if mount.type == "bind" else [mount.target]
    for path in paths:
        if not path.startswith("/"):
            raise InvalidArgument(
                f"{where}invalid mount path: '{path}' mount path must be absolute"
            )
    target = posixpath.normpath("/" + mount.target.lstrip("/"))
    if target == "/":
        raise InvalidArgument(f"{where}invalid specification: destination can't be '/'")
    if mount.propagation and mount.propagation not in _PROPAGATION:
        raise InvalidArgument(f"{where}invalid propagation mode: {mount.propagation}")
    if mount.subpath.startswith("/") or ".." in mount.subpath.split("/"):
        raise InvalidArgument(f"{where}subpath must be a relative path within the {mount.type}")
    if mount.type == "volume" and mount.subpath and mount.anonymous:
        raise InvalidArgument(f"{where}must not set Subpath when using anonymous volumes")
    if mount.type == "volume" and mount.read_only and mount.anonymous:
        raise InvalidArgument(f"{where}must not set ReadOnly mode when using anonymous volumes")
    refused = ""
    if mount.type == "volume" and mount.source:
        try:
            check_volume_name(mount.source)
        except InvalidArgument as error:
            refused = error.message
    source = posixpath.normpath(mount.source) if mount.type == "bind" else mount.source
    return replace(
        mount,
        target=target,
        source=source,
        typed_target=unlike(mount.target, target),
        typed_source=unlike(mount.source, source),
        refused=refused,
    )


# ── --tmpfs ──────────────────────────────────────────────────────────────────────────────────────


def _tmpfs(spec: str) -> MountPoint:
    target, _, text = spec.partition(":")
    if not target.startswith("/"):
        raise InvalidArgument(f"invalid mount path: '{target}' mount path must be absolute")
    clean = posixpath.normpath("/" + target.lstrip("/"))
    if clean == "/":
        raise InvalidArgument("invalid specification: destination can't be '/'")
    words = tuple(text.split(",")) if text else ()  # looked at by who starts it
    typed = unlike(target, clean)
    return MountPoint("tmpfs", clean, origin="--tmpfs", options=words, typed_target=typed)
