"""Where the mounts of a container come from: volumes by name, binds by path.

Read by the engine, which writes a bundle, and by workers, which show the same mounts in a view.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ipycontainer.model.mounts import MountPoint
from ipycontainer.model.state import ContainerRecord
from ipycontainer.model.volume import VolumeRecord
from ipycontainer.storage.view import Shown
from ipycontainer.store import volumes
from ipycontainer.store.database import Transaction
from ipycontainer.store.home import Home

__all__ = ["by_depth", "records", "shown", "source_of"]


def records(tx: Transaction, mounts: tuple[MountPoint, ...]) -> dict[str, VolumeRecord]:
    """Return the volumes among a container's mounts, by name."""
    named = {mount.source for mount in mounts if mount.type == "volume"}
    found = {name: volumes.find(tx, name) for name in sorted(named)}
    return {name: record for name, record in found.items() if record is not None}


def source_of(home: Home, mount: MountPoint, known: Mapping[str, VolumeRecord]) -> str:
    """Return the path of the host that a bind or a volume shows."""
    if mount.type != "volume":
        return mount.source
    record = known.get(mount.source)
    return (record.binds if record is not None else "") or str(home.volume(mount.source))


def by_depth(mounts: tuple[MountPoint, ...]) -> list[MountPoint]:
    """Return mounts in the order of mounting: what holds another one comes first."""
    return sorted(mounts, key=lambda mount: mount.target.count("/"))


def shown(home: Home, tx: Transaction, record: ContainerRecord) -> Iterator[Shown]:
    """Yield what a view of the container shows besides its own files, in the order of mounting.

    The engine's own files (a script, /etc/hosts) are there too; a tmpfs is not, as in docker.
    """
    known = records(tx, record.config.mounts)
    directory = home.container(record.id)
    for bind in record.config.image_mounts:
        yield bind.source, "", bind.target, bind.read_only
    found: dict[str, Shown] = {}
    for name in ("resolv.conf", "hostname", "hosts"):
        found[f"/etc/{name}"] = (str(directory / name), "", f"/etc/{name}", False)
    for number, path in enumerate(record.config.files):
        found[path] = (str(directory / f"file-{number}"), "", path, True)
    for mount in record.config.mounts:
        if mount.type in ("bind", "volume"):
            source = source_of(home, mount, known)
            found[mount.target] = (source, mount.subpath, mount.target, mount.read_only)
    yield from sorted(found.values(), key=lambda shown: shown[2].count("/"))
