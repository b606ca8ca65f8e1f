"""Volumes on disk: made, filled with an image's content, thrown away.

A volume is a directory `volumes/NAME/_data`. It is made and renamed into the trash inside the
transaction that writes its row: whoever is the writer sees names and directories agree. `fill` and
`remove` run in a worker, `create` in the engine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from ipycontainer import faults
from ipycontainer.linux import mounts, syscalls
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model.volume import VolumeRecord, check_options, check_volume_name
from ipycontainer.storage import copying, trash
from ipycontainer.store import containers, volumes
from ipycontainer.store.database import Store, Transaction
from ipycontainer.store.home import Home

__all__ = [
    "create",
    "empty",
    "fill",
    "mount",
    "mount_words",
    "remove",
    "sweep",
    "take_away",
    "undo",
    "unmount",
    "unmount_unused",
    "unnamed",
]

# mount(2)'s flags by the words of `-o o=` (linux/mount.h).
_FLAGS = {
    "ro": 0x1,
    "nosuid": 0x2,
    "nodev": 0x4,
    "noexec": 0x8,
    "noatime": 0x400,
    "nodiratime": 0x800,
    "bind": 0x1000,
    "rbind": 0x5000,
    "relatime": 0x200000,
    "strictatime": 0x1000000,
}
_PATH = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


def create(
    home: Home,
    tx: Transaction,
    name: str,
    *,
    anonymous: bool = False,
    labels: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
) -> tuple[VolumeRecord, bool]:
    """Return the volume of this name, made where it is missing, and whether it was.

    One that is there stays as it is, as docker has it. Raises InvalidArgument.
    """
    check_volume_name(name)
    found = volumes.find(tx, name)
    if found is None:  # one that is there is given back as it is, whatever options come with it
        check_options(name, options or {})
        record = VolumeRecord(
            name, time.time_ns(), anonymous, dict(labels or {}), dict(options or {})
        )
        volumes.add(tx, record)
    home.volumes.mkdir(mode=0o700, exist_ok=True)
    home.volume(name).parent.mkdir(mode=0o700, exist_ok=True)
    home.volume(name).mkdir(mode=0o755, exist_ok=True)
    return (found, False) if found is not None else (record, True)


def remove(home: Home, store: Store, name: str) -> None:
    """Remove a volume and all that is in it. Raises NoSuchVolume, VolumeInUse."""
    with store.write() as tx:
        options = volumes.get(tx, name).options
        volumes.remove(tx, name)
        if options:
            unmount(home, name)
        thrown = take_away(home, [name])
    faults.point("volume: removed")
    empty(home, thrown)


def take_away(home: Home, names: Iterable[str]) -> list[str]:
    """Rename volumes' directories into the trash, in the transaction that removes their rows.

    Returns their names there, for `empty`.
    """
    thrown = []
    for name in names:
        fresh = trash.place(home)
        with suppress(FileNotFoundError):
            os.rename(home.volume(name).parent, fresh)
            thrown.append(fresh.name)
    return thrown


def empty(home: Home, thrown: Iterable[str]) -> None:
    """Delete what `take_away` has renamed."""
    for name in thrown:
        trash.delete(home, name)


def sweep(home: Home, store: Store) -> None:
    """Throw away directories that no row names: of one that was killed while making a volume.

    And forget volumes without a directory: power was lost while they were made or removed. One
    that a container needs is empty then.
    """
    with store.write() as tx:
        thrown = take_away(home, unnamed(home, tx))
        for name in missing(home, tx):
            if volumes.get(tx, name).users:
                home.volume(name).mkdir(mode=0o755, parents=True)
            else:
                volumes.remove(tx, name)
    empty(home, thrown)


def undo(home: Home, store: Store, made: Iterable[str]) -> list[str]:
    """Throw away those just made whose rows were undone with the rest; return the others."""
    with store.write() as tx:
        without_row = set(unnamed(home, tx)).intersection(made)
        thrown = take_away(home, without_row)
    empty(home, thrown)
    return [name for name in made if name not in without_row]


def unnamed(home: Home, tx: Transaction) -> list[str]:
    """Return the directories of volumes that no row names."""
    try:
        there = os.listdir(home.volumes)
    except FileNotFoundError:
        return []
    if not there:
        return []
    known = volumes.names(tx)
    return [name for name in there if name not in known]


def missing(home: Home, tx: Transaction) -> list[str]:
    """Return the volumes that have no directory."""
    return [name for name in sorted(volumes.names(tx)) if not home.volume(name).parent.is_dir()]


# ── an image's content ───────────────────────────────────────────────────────────────────────────


def fill(home: Home, root: DirFd, target: str, record: VolumeRecord) -> None:
    """Copy what the image has at `target` into an empty volume, with its owner and mode.

    What is not empty stays as it is, and so does a volume over nothing. One that no other container
    has is filled beside its place and renamed, so that a killed worker leaves an empty one; else
    into its place, where others look already.
    """
    place = Path(record.binds or home.volume(record.name))
    try:
        source = root.openat(target, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return
    with DirFd(source) as inside:
        if record.read_only or os.listdir(place):
            return
        if len(record.users) > 1 or record.binds:
            with DirFd.open(place) as into:
                copying.copy_tree(inside, into)
            return
        fresh = trash.place(home)
        fresh.mkdir(mode=0o700)
        try:
            with DirFd.open(fresh) as into:
                copying.copy_tree(inside, into)
            faults.point("volume: filled")
            os.rename(fresh, place)
        finally:
            trash.delete(home, fresh.name)


# ── volumes that are mounted ─────────────────────────────────────────────────────────────────────


def mount(home: Home, record: VolumeRecord) -> None:
    """Mount a volume's own file system on its directory, unless it is.

    In the mount namespace that the home's monitors share, not in a worker's own. Raises OSError.
    """
    place = os.open(home.volume(record.name), _PATH)
    try:
        if _is_mounted(home, record.name):
            return
        kind = record.options.get("type", "")
        with mounts.FileSystem(kind) as fs:
            fs.set("source", record.options.get("device", kind))
            bits = 0
            for word in filter(None, record.options.get("o", "").split(",")):
                if word in mounts.ATTRIBUTES:
                    bits |= mounts.ATTRIBUTES[word][0]
                else:
                    key, _, value = word.partition("=")
                    fs.set(key, value or None)
            tree = fs.mount(bits)
        try:
            mounts.move_onto(tree, place)
        finally:
            os.close(tree)
    finally:
        os.close(place)


def mount_words(options: str) -> str:
    """Return what docker's message says of a mount's options: mount(2)'s flags, and the rest."""
    words = [word for word in options.split(",") if word]
    flags = 0
    for word in words:
        flags |= _FLAGS.get(word, 0)
    data = ",".join(word for word in words if word not in mounts.ATTRIBUTES)
    return (f", flags: {flags:#x}" if flags else "") + (f", data: {data}" if data else "")


def unmount_unused(home: Home, store: Store, names: Iterable[str], leaving: str) -> None:
    """Unmount volumes that no running container but `leaving` has."""
    with store.read() as tx:
        running = {each.id for each in containers.list_all(tx) if each.state.status.alive}
        unused = [
            name
            for name in names
            if (found := volumes.find(tx, name)) is None
            or not running.intersection(found.users) - {leaving}
        ]
    for name in unused:
        unmount(home, name)


def _is_mounted(home: Home, name: str) -> bool:
    # A path of ours and docker's alphabet: nothing in it that mountinfo would escape but a space.
    wanted = str(home.volume(name)).replace(" ", "\\040")
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        return any(line.split(" ", 5)[4] == wanted for line in lines)


def unmount(home: Home, name: str) -> None:
    """Unmount a volume's own file system; one that is not mounted is no error."""
    with suppress(OSError):
        syscalls.umount(str(home.volume(name)), mounts.MNT_DETACH)
