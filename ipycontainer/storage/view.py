"""A container's files as the container sees them, for a worker that reads or changes them.

The worker gets a mount namespace of its own, so that what is mounted here is seen by nobody and
goes with it. A stopped container's overlays are mounted anew (its lock is the caller's to hold); of
a running one, its own mounts are cloned: a second overlay over one upper directory would succeed in
silence and break both. Neither /proc nor /sys nor a tmpfs is seen, as in docker; volumes and binds
are, where they are asked for.

Nothing here can be executed, and no device opened: a container may make nodes that only its own
cgroup keeps shut.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ipycontainer.errors import ResourceError
from ipycontainer.linux import mounts, namespaces, pidfd, syscalls
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model.state import ContainerRecord, Overlay
from ipycontainer.storage import drivers
from ipycontainer.store.home import Home

__all__ = ["Shown", "seen"]

_HARMLESS = (
    mounts.MOUNT_ATTR_NOSUID
    | mounts.MOUNT_ATTR_NODEV
    | mounts.MOUNT_ATTR_NOEXEC
    | mounts.MOUNT_ATTR_NOATIME
)
_PATH = os.O_PATH | os.O_CLOEXEC

# What is mounted besides the overlays: source on the host, path below it, target, read-only.
Shown = tuple[str, str, str, bool]


@contextmanager
def seen(
    home: Home,
    record: ContainerRecord,
    shown: Sequence[Shown] = (),
    *,
    writable: bool = False,
    closed: bool = False,
    scratch: Path | None = None,
) -> Iterator[DirFd]:
    """Give the root of a container's tree, with `shown` mounted in it.

    Enters a new mount namespace for good. With `writable` changes go where the container's own
    would; `closed` (`--read-only`) is for its own files, not for what is mounted in them. One that
    never ran gets the places for what is mounted, as its start would make them. Raises OSError.
    """
    syscalls.unshare(namespaces.CLONE_NEWNS)
    mounts.make_all_slave()
    # A namespace that nobody is in any more takes its mounts apart: who looks at a second tree has
    # left this one, and would see the first without what is mounted in it.
    namespace = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    scratch = scratch or home.container(record.id) / "rootfs"
    with suppress(FileExistsError):
        os.mkdir(scratch, 0o700)
    makes_places = bool(shown) and (writable or not record.state.started_ns)
    bits = _HARMLESS | (0 if writable else mounts.MOUNT_ATTR_RDONLY)
    alive = record.state.status.alive
    trees = _cloned(record) if alive else None
    root: DirFd | None = None
    own: list[int] = []
    try:
        for number, overlay in enumerate(record.overlays):
            if trees is not None and trees[number] < 0:
                continue
            target = os.open(scratch, _PATH) if root is None else _place(root, overlay.target)
            if target < 0:
                continue
            try:
                if trees is None:
                    shown_writable = writable or makes_places
                    drivers.of(overlay).show(home, overlay, target, writable=shown_writable)
                else:
                    mounts.move_onto(trees[number], target)
            finally:
                os.close(target)
            here = os.open(scratch, _PATH) if root is None else _place(root, overlay.target)
            own.append(here)
            if drivers.of(overlay).holds_all:  # a bind of the home's own mount: as in _show
                mounts.set_attributes(here, _HARMLESS & ~mounts.MOUNT_ATTR_NOATIME)
            else:
                mounts.set_attributes(here, _HARMLESS, mounts.MOUNT_ATTR__ATIME)
            if root is None:
                root = DirFd(os.dup(here))
        if root is None:
            raise ResourceError(f"container {record.short_id} has no files")
        for each in shown:
            _show(root, each, bits, makes_places=makes_places)
        if closed or not writable:
            for here in own:
                mounts.set_attributes(here, mounts.MOUNT_ATTR_RDONLY)
        yield root
    finally:
        if root is not None:
            root.close()
        for fd in (*own, *(trees or ()), namespace):
            if fd >= 0:
                os.close(fd)
        mounts.detach(str(scratch))


def _cloned(record: ContainerRecord) -> list[int]:
    """Return detached clones of a running container's overlays, -1 for one that is not there.

    Its init says where it lives; between the look at the pid and the clone stands the pidfd, so
    that no other process's namespace can be taken for it.
    """
    try:
        process = pidfd.open_verified(record.state.pid, record.state.start_ticks)
    except ProcessLookupError:
        raise ResourceError(f"container {record.short_id} has just ended") from None
    own = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    back = os.open("/", _PATH | os.O_DIRECTORY)
    found: list[int] = []
    try:
        syscalls.setns(process, namespaces.CLONE_NEWNS)
        try:
            with DirFd.open("/") as root:
                for overlay in record.overlays:
                    found.append(_clone(root, overlay))  # noqa: PERF401  kept on errors
        finally:
            syscalls.setns(own, namespaces.CLONE_NEWNS)
            os.fchdir(back)
    except BaseException:
        for fd in found:
            if fd >= 0:
                os.close(fd)
        raise
    finally:
        for fd in (process, own, back):
            os.close(fd)
    return found


def _clone(root: DirFd, overlay: Overlay) -> int:
    """Return a clone of an overlay's mount, -1 where the container has moved it away."""
    try:
        place = root.openat(overlay.target, _PATH | os.O_DIRECTORY)
    except OSError:
        return -1
    try:
        magic = drivers.of(overlay).magic
        if overlay.target != "/" and magic and syscalls.fstatfs_type(place) != magic:
            return -1
        tree = mounts.clone_tree(place, recursive=False)
        mounts.set_attributes(tree, propagation=mounts.MS_PRIVATE)
        return tree
    finally:
        os.close(place)


def _place(root: DirFd, target: str) -> int:
    """Return an fd of the place for a mount, -1 where the container has none."""
    try:
        return root.openat(target, _PATH)
    except OSError:
        return -1


def _show(root: DirFd, shown: Shown, bits: int, *, makes_places: bool) -> None:
    """Mount a volume or bind where the container has its place; elsewhere there is none to see."""
    source, below, target, read_only = shown
    place = _place(root, target)
    if place < 0 and makes_places:
        with suppress(OSError):
            made = os.path.isdir(source) and not below
            place = root.mkdirs(target).fd if made else root.create_file(target)
    if place < 0:
        return
    try:
        if below:
            with DirFd.open(source) as base:
                here = base.openat(below, _PATH)
        else:
            here = os.open(source, _PATH)
        try:
            if stat.S_ISDIR(os.fstat(here).st_mode) != stat.S_ISDIR(os.fstat(place).st_mode):
                return
            tree = mounts.clone_tree(here)
        finally:
            os.close(here)
        try:
            if read_only:
                bits |= mounts.MOUNT_ATTR_RDONLY
            # How times of access are kept is locked on a mount from outside the namespace (EPERM).
            bits &= ~mounts.MOUNT_ATTR_NOATIME
            mounts.set_attributes(tree, bits, propagation=mounts.MS_PRIVATE, recursive=True)
            mounts.move_onto(tree, place)
        finally:
            os.close(tree)
    except FileNotFoundError:
        return  # a bind whose source went away: the container would not start either
    finally:
        os.close(place)
