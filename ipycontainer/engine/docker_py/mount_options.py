"""docker-py's `volumes`, `mounts` and `tmpfs` of `create` and `run`, turned into mount points."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from ipycontainer.errors import InvalidArgument, Unsupported
from ipycontainer.model.mounts import MountPoint, MountType, unlike

__all__ = ["mounts", "tmpfs", "volumes"]

_ACCESS = ("ro", "rw")


def volumes(value: Mapping[str, Mapping[str, str]] | Sequence[str]) -> Iterator[MountPoint]:
    """Yield what `volumes` asks for: `SRC:DST[:MODE]` or `/DST` each, or docker-py's mapping."""
    if isinstance(value, Mapping):
        for source, where in value.items():
            yield _volume(source, str(where["bind"]), str(where.get("mode", "rw")))
        return
    for text in value:
        source, colon, rest = text.partition(":")
        target, _, mode = rest.partition(":")
        yield _volume(source if colon else "", target if colon else source, mode or "rw")


def _volume(source: str, target: str, mode: str) -> MountPoint:
    if not os.path.isabs(target) or os.path.normpath(target) == "/":
        raise InvalidArgument(f"invalid volume specification: '{source}:{target}'")
    words = mode.split(",")
    for word in words:
        if word not in (*_ACCESS, "nocopy", "z", "Z") and word.removeprefix("r") not in (
            "private",
            "slave",
            "shared",
        ):
            raise Unsupported(f"the volume mode {word!r} is not supported yet")
    propagation = next((word for word in words if word.endswith(("ate", "ave", "red"))), "")
    bind = source.startswith("/")
    return MountPoint(
        "bind" if bind else "volume",
        os.path.normpath(target),
        source,
        "ro" in words,
        mode=mode,
        propagation=propagation if bind else "",
        create_source=bind,
        no_copy="nocopy" in words,
        anonymous=not source,
        typed_target=unlike(target, os.path.normpath(target)),
    )


def mounts(value: Sequence[Mapping[str, Any]]) -> Iterator[MountPoint]:
    """Yield what `mounts` asks for: docker's Mount objects, which are mappings in docker-py."""
    for raw in value:
        kind: Any = raw.get("Type") or "volume"
        if kind not in get_args(MountType):
            raise InvalidArgument(f'invalid mount config for type "{kind}": mount type unknown')
        target, source = str(raw.get("Target") or ""), str(raw.get("Source") or "")
        if not os.path.isabs(target) or os.path.normpath(target) == "/":
            raise InvalidArgument(
                f'invalid mount config for type "{kind}": '
                f"invalid mount path: '{target}' mount path must be absolute"
            )
        if kind in ("bind", "image") and not source:
            raise InvalidArgument(
                f'invalid mount config for type "{kind}": field Source must not be empty'
            )
        if kind == "volume" and raw.get("ReadOnly") and not source:
            raise InvalidArgument(
                'invalid mount config for type "volume": '
                "must not set ReadOnly mode when using anonymous volumes"
            )
        bind = raw.get("BindOptions") or {}
        volume = raw.get("VolumeOptions") or {}
        temporary = raw.get("TmpfsOptions") or {}
        driver = volume.get("DriverConfig") or {}
        options = []
        if temporary.get("SizeBytes"):
            options.append(f"size={int(temporary['SizeBytes'])}")
        if temporary.get("Mode"):
            options.append(f"mode={int(temporary['Mode']):o}")
        subpath = volume.get("Subpath") or (raw.get("ImageOptions") or {}).get("Subpath") or ""
        yield MountPoint(
            kind,
            os.path.normpath(target),
            source,
            bool(raw.get("ReadOnly")),
            origin="--mount",
            propagation=str(bind.get("Propagation") or ""),
            recursion="disabled" if bind.get("NonRecursive") else "enabled",
            create_source=bool(bind.get("CreateMountpoint")),
            subpath=str(subpath),
            no_copy=bool(volume.get("NoCopy")),
            anonymous=kind == "volume" and not source,
            driver=str(driver.get("Name") or ""),
            driver_options=dict(driver.get("Options") or {}),
            labels=dict(volume.get("Labels") or {}),
            options=tuple(options),
            typed_target=unlike(target, os.path.normpath(target)),
        )


def tmpfs(value: Mapping[str, str]) -> Iterator[MountPoint]:
    """Yield what `tmpfs` asks for: a place, and mount options for each."""
    for target, text in value.items():
        if not os.path.isabs(target) or os.path.normpath(target) == "/":
            raise InvalidArgument(f"invalid mount path: '{target}' mount path must be absolute")
        words = tuple(word for word in (text or "").split(",") if word)
        clean = os.path.normpath(target)
        typed = unlike(target, clean)
        yield MountPoint("tmpfs", clean, origin="--tmpfs", options=words, typed_target=typed)
