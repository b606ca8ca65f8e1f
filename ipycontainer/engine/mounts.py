"""Decide what is mounted in a new container, and make the volumes that it needs.

The rules of precedence are docker's (moby `daemon/volumes.go` registerMountPoints): what
`--volumes-from` brings gives way to `-v` and `--mount`, an anonymous volume or one of the image to
everything at the same place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ipycontainer.engine import drivers
from ipycontainer.errors import InvalidArgument, ResourceError
from ipycontainer.model import ids
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.image import ImageRecord
from ipycontainer.model.mounts import ANONYMOUS_LABEL, MountPoint, unlike
from ipycontainer.model.volume import DRIVER
from ipycontainer.storage import volumes
from ipycontainer.store import containers
from ipycontainer.store.database import Transaction
from ipycontainer.store.home import Home

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = [
    "MountRefused",
    "check_propagation",
    "check_sources",
    "decide",
    "fills",
    "inherit",
    "leave_volumes",
    "make_sources",
    "make_volumes",
    "resolve_images",
    "volumes_of",
    "wanted",
]


class MountRefused(InvalidArgument):
    """A mount cannot be had; docker has seen to those `before` it: their volumes stay."""

    def __init__(self, message: str, before: Collection[MountPoint]) -> None:
        super().__init__(message)
        self.before = tuple(before)


def wanted(
    engine: Engine, config: ContainerConfig, image_volumes: Sequence[str]
) -> ContainerConfig:
    """Return a config with all that is mounted in its container; no volume is made yet."""
    if not (config.mounts or config.volumes_from or image_volumes):
        return config
    inherited: list[MountPoint] = []
    for word in config.volumes_from:
        ref, _, mode = word.partition(":")
        if not word:
            raise InvalidArgument("volumes-from specification cannot be an empty string")
        check_mode(mode)
        inherited += inherit(engine.containers.get(ref).record.config.mounts, mode)
    decided = decide(config.mounts, inherited, image_volumes)
    check_sources(decided)

    def image(ref: str) -> ImageRecord:
        found = engine.images.get(ref).record
        drivers.prepare_image(engine, found)
        return found

    asked = (
        *(mount.typed_target or mount.target for mount in config.mounts if _is_plain(mount)),
        *image_volumes,
    )
    found = replace(config, mounts=resolve_images(decided, image))
    hidden = tuple(dict.fromkeys(place for place in asked if place not in found.volume_places))
    return replace(found, hidden_volumes=hidden)


def decide(
    mounts: Sequence[MountPoint],
    inherited: Sequence[MountPoint],
    image_volumes: Sequence[str],
) -> tuple[MountPoint, ...]:
    """Return what is mounted: the user's words, what other containers bring, the image's VOLUMEs.

    Raises MountRefused for a word that cannot be read, and for two about one place.
    """
    temporary = {mount.target: mount for mount in mounts if mount.origin == "--tmpfs"}
    named: dict[str, MountPoint] = {}
    for mount in mounts:
        if mount.refused:
            raise MountRefused(mount.refused, named.values())
        if mount.origin == "--tmpfs" or _is_plain(mount):
            continue
        if mount.target in named or (mount.origin == "-v" and mount.target in temporary):
            place = mount.target if mount.origin == "-v" else mount.typed_target or mount.target
            raise MountRefused(f"Duplicate mount point: {place}", named.values())
        named[mount.target] = mount
    found = {mount.target: mount for mount in inherited} | named | temporary
    for mount in mounts:
        if _is_plain(mount):
            found.setdefault(mount.target, mount)
    for target in image_volumes:
        clean = os.path.normpath(f"/{target.lstrip('/')}")
        point = MountPoint(
            "volume", clean, origin="VOLUME", anonymous=True, typed_target=unlike(target, clean)
        )
        found.setdefault(clean, point)
    return tuple(found.values())


def _is_plain(mount: MountPoint) -> bool:
    """Tell whether it is the anonymous volume of a `-v /path`: docker lays it under all else."""
    return mount.origin == "-v" and mount.anonymous and not mount.source


def check_mode(mode: str) -> list[str]:
    """Return the words of a `--volumes-from` behind its colon; InvalidArgument for wrong ones."""
    words = [word for word in mode.split(",") if word]
    known = all(word in ("ro", "rw", "z", "Z", "nocopy") for word in words)
    if not known or {"ro", "rw"} <= set(words):
        raise InvalidArgument(f"invalid mode: {mode}")
    return words


def inherit(mounts: Sequence[MountPoint], mode: str) -> list[MountPoint]:
    """Return the mounts of another container, as `--volumes-from` takes them over."""
    words = check_mode(mode)
    return [
        replace(
            mount, origin="--volumes-from", read_only=mount.read_only or "ro" in words, mode=mode
        )
        for mount in mounts
        if mount.origin != "--tmpfs"
    ]


def make_volumes(
    home: Home, tx: Transaction, mounts: Sequence[MountPoint], driver: str
) -> tuple[tuple[MountPoint, ...], list[str]]:
    """Return the mounts with the names of their volumes, made where missing, and which were made.

    An anonymous volume that another container has already (`--volumes-from`) has a name.
    """
    named: list[MountPoint] = []
    made: list[str] = []
    for mount in mounts:
        if mount.type != "volume":
            named.append(mount)
            continue
        # what `--mount` makes has a word of its own for it
        wanted = mount.driver or (driver if mount.origin != "--mount" else "") or DRIVER
        if wanted != DRIVER:
            raise InvalidArgument(
                f'error looking up volume plugin {wanted}: plugin "{wanted}" not found'
            )
        name = mount.source or ids.new_id()
        # docker marks what `--mount` makes without a name by nothing: `volume prune` lets it be
        marked = not mount.source and mount.origin != "--mount"
        labels = dict(mount.labels) or ({ANONYMOUS_LABEL: ""} if marked else {})
        record, new = volumes.create(
            home,
            tx,
            name,
            anonymous=marked,
            labels=labels,
            options=mount.driver_options,
        )
        made += [name] if new else []
        named.append(replace(mount, source=record.name))
    return tuple(named), made


def leave_volumes(engine: Engine, refusal: MountRefused, name: str, driver: str) -> None:
    """Make the volumes that docker has made when it comes to a mount that it refuses.

    Raises NameInUse where the container's name is taken: that it sees before.
    """
    with engine.store.write() as tx:
        containers.check_free(tx, name.removeprefix("/"))
        make_volumes(engine.home, tx, refusal.before, driver)


def volumes_of(mounts: Sequence[MountPoint]) -> list[str]:
    """Return the names of the volumes among mounts."""
    return [mount.source for mount in mounts if mount.type == "volume"]


def fills(mounts: Sequence[MountPoint]) -> list[MountPoint]:
    """Return the volumes that take the image's content where they are empty."""
    return [
        mount
        for mount in mounts
        if mount.type == "volume" and not mount.no_copy and not mount.subpath
    ]


def resolve_images(
    mounts: Sequence[MountPoint], find: Callable[[str], ImageRecord]
) -> tuple[MountPoint, ...]:
    """Return the mounts with the ids of their images. Raises ImageNotFound."""
    return tuple(
        replace(mount, source=find(mount.source).id, labels={"reference": mount.source})
        if mount.type == "image"
        else mount
        for mount in mounts
    )


def check_sources(mounts: Sequence[MountPoint]) -> None:
    """Refuse a `--mount type=bind` of what is not there; `-v` makes it."""
    for mount in mounts:
        if mount.type == "bind" and not mount.create_source and not os.path.lexists(mount.source):
            raise InvalidArgument(
                'invalid mount config for type "bind": '
                f"bind source path does not exist: {mount.source}",
                hint="bind-create-src makes it, and so does -v",
            )


def make_sources(mounts: Sequence[MountPoint]) -> None:
    """Make missing directories of `-v`, as docker does at each start. Raises ResourceError."""
    for mount in mounts:
        if mount.type == "bind" and mount.create_source and not os.path.exists(mount.source):
            try:
                os.makedirs(mount.source, exist_ok=True)
            except NotADirectoryError:  # which docker leaves to who mounts it
                continue
            except OSError as error:
                raise ResourceError(
                    f"error while creating mount source path '{mount.source}': "
                    f"mkdir {error.filename}: {(error.strerror or '').lower()}"
                ) from None


def check_propagation(mounts: Sequence[MountPoint], table: Mapping[str, str]) -> None:
    """Refuse a propagation that the source's own mount cannot give, in docker's words.

    `table` maps mount points to the optional fields of proc_pid_mountinfo(5).
    """
    for mount in mounts:
        kind = mount.propagation.removeprefix("r")
        if mount.type != "bind" or kind not in ("shared", "slave"):
            continue
        point = _mount_point(os.path.realpath(mount.source), table)
        fields = table.get(point, "")
        if kind == "shared" and "shared:" not in fields:
            raise InvalidArgument(
                f"path {mount.source} is mounted on {point} but it is not a shared mount"
            )
        if kind == "slave" and "shared:" not in fields and "master:" not in fields:
            raise InvalidArgument(
                f"path {mount.source} is mounted on {point} but it is not a shared or slave mount"
            )


def _mount_point(path: str, table: Mapping[str, str]) -> str:
    inside = [
        point
        for point in table
        if path == point or path.startswith(point if point == "/" else f"{point}/")
    ]
    return max(inside, key=len, default="/")
