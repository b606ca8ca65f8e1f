"""What a container did to its image, from its upper directories.

Two trees are compared, what the container sees and what it saw at first, by docker's rules
(moby pkg/archive `FileInfo.addChanges`): a directory counts as changed when its mode or owner did,
or when something below it is listed; a file also by size and time. An overlay's upper directory
holds all that can differ, so only its entries are looked at, except below a directory that hides
or moved what lies under it. Runs in a worker that may read files of subordinate ids; the container
may be running, so every directory is opened by name in its parent's fd, no link followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model.state import Overlay
from ipycontainer.storage import attributes, drivers
from ipycontainer.storage.drivers import Driver

__all__ = ["ENGINE_POINTS", "Change", "change", "changes", "differ"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW

# Made by the runtime to mount on where storage.mountpoints has no layer for it, as docker has.
ENGINE_POINTS = frozenset(
    {
        "/.dockerenv",
        "/dev",
        "/dev/console",
        "/dev/pts",
        "/dev/shm",
        "/etc/hostname",
        "/etc/hosts",
        "/etc/mtab",
        "/etc/resolv.conf",
        "/proc",
        "/sys",
    }
)
_NOT_MOUNTED = "/.dockerenv"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of `diff`: `kind` is A (added), C (changed) or D (deleted).

    The rest describes the file as it is now, or as it was where it is gone. `size` is in bytes, 0
    for what is not a file; `size_delta` is what it gained or lost.
    """

    kind: Literal["A", "C", "D"]
    path: str
    type: str
    mode: int
    uid: int
    gid: int
    size: int
    size_delta: int

    def row(self) -> tuple[str, str, str, int, int, int, int, int]:
        """Return its fields in their order: of a million files, names would be most of the text."""
        return (
            *(self.kind, self.path, self.type, self.mode),
            *(self.uid, self.gid, self.size, self.size_delta),
        )


@dataclass(slots=True)
class _Item:
    """A path to tell of, or (`only_with_children`) to tell of if something below it is told.

    `inside` is the path in the overlay's own tree where its content is to be looked at, None for
    what has none; `lowers` number the layers that show the same directory, topmost first.
    """

    change: Change
    inside: str | None = None
    lowers: tuple[int, ...] = ()
    hides_lowers: bool = False
    only_with_children: bool = False


def changes(
    overlays: Sequence[Overlay], userxattr: bool, mount_points: Iterable[str] = ()
) -> list[Change]:
    """Return what changed, parents before what is in them, names of a directory in byte order.

    An overlay's paths are told below its target. Not told are the engine's own mount points: those
    that docker makes too, where no layer has them, the targets of the other overlays, and
    `mount_points`, each with the directories that were made only to hold it. `userxattr` tells
    where overlayfs keeps its marks (`user.overlay.*` in a user namespace). Raises OSError.
    """
    hidden = {*mount_points, *(overlay.target for overlay in overlays)} - {"/"}
    found: list[Change] = []
    for overlay in overlays:
        with ExitStack() as opened:
            upper = opened.enter_context(DirFd.open(overlay.upper))
            lowers = [opened.enter_context(DirFd.open(lower)) for lower in overlay.lowers]
            prefix = overlay.target.rstrip("/")
            # Seen through its own target, an overlay hides nothing: what lies there is its own.
            points = _below(hidden, prefix)
            driver = drivers.of(overlay)
            marks = driver.marks(userxattr)
            items = _Comparison(upper, lowers, driver, marks, prefix, points).run()
            found += _told(items)
    return found


def _below(points: Iterable[str], prefix: str) -> set[str]:
    return {point for point in points if point.startswith(f"{prefix}/")}


def _told(items: list[_Item]) -> list[Change]:
    """Drop directories that stand here for the sake of their content when there is none.

    Backwards: in this order what follows a directory directly is what is in it, if anything is.
    """
    told: list[Change] = []
    for item in reversed(items):
        if item.only_with_children and not (
            told and told[-1].path.startswith(item.change.path + "/")
        ):
            continue
        told.append(item.change)
    told.reverse()
    return told


class _Comparison:
    """The walk through one overlay's upper directory.

    It holds a stack instead of recursing, and no directory open but the one it looks at: how deep a
    tree is, is the container's to say.
    """

    def __init__(
        self,
        upper: DirFd,
        lowers: list[DirFd],
        driver: Driver,
        marks: tuple[str, ...],
        prefix: str,
        points: set[str],
    ) -> None:
        self._upper = upper
        self._lowers = lowers
        self._driver = driver
        self._marks = marks
        self._prefix = prefix
        self._points = points
        self._holders = {
            point[:at]
            for point in points | _below(ENGINE_POINTS, prefix)
            for at, char in enumerate(point)
            if char == "/" and at
        }

    def run(self) -> list[_Item]:
        found: list[_Item] = []
        all_lowers = tuple(range(len(self._lowers)))
        waiting = self._look("", all_lowers, self._driver.holds_all)[::-1]
        while waiting:
            item = waiting.pop()
            found.append(item)
            if item.inside is not None:
                waiting += self._look(item.inside, item.lowers, item.hides_lowers)[::-1]
        return found

    def _look(self, inside: str, lowers: tuple[int, ...], hides_lowers: bool) -> list[_Item]:
        """Return what is to be told of one directory's entries, in order."""
        with ExitStack() as opened:
            try:
                upper = opened.enter_context(_sub(self._upper, inside))
                names = set(os.listdir(upper.fd)) - self._driver.own_names
            except (FileNotFoundError, NotADirectoryError):
                return []  # the container has removed it meanwhile
            below = [(n, opened.enter_context(_sub(self._lowers[n], inside))) for n in lowers]
            gone: set[str] = set()
            if hides_lowers:
                for _, directory in below:
                    gone.update(os.listdir(directory.fd))
                gone -= names
            items = []
            for name in sorted(names | gone, key=os.fsencode):
                path = f"{self._prefix}{inside}/{name}"
                if path not in self._points:
                    item = self._item(upper, below, f"{inside}/{name}", name, name in gone)
                    if item is not None:
                        # what lies in a directory that hides the layers is not marked itself
                        item.hides_lowers |= hides_lowers
                        items.append(item)
        return items

    def _item(
        self,
        upper: DirFd,
        below: list[tuple[int, DirFd]],
        inside: str,
        name: str,
        gone: bool,
    ) -> _Item | None:
        path = self._prefix + inside
        now = None if gone else _lstat(upper, name)
        if now is None and not gone:
            return None
        before, lowers = self._before(below, name)
        if now is not None and attributes.is_whiteout(now) and not self._driver.holds_all:
            now = None
        # What the engine mounts over no program removes.
        if path in ENGINE_POINTS and (before is None or (now is None and path != _NOT_MOUNTED)):
            return None
        if now is None:
            return None if before is None else _Item(change("D", path, before, before))
        if not stat.S_ISDIR(now.st_mode):
            if before is None:
                return _Item(change("A", path, now, None))
            if differ(before, now) or self._capability(upper, name) != self._capability(
                self._holder(below, name), name
            ):
                return _Item(change("C", path, now, before))
            return None
        if before is None:
            return _Item(
                change("A", path, now, None), inside, only_with_children=path in self._holders
            )
        changed = change("C", path, now, before)
        if not stat.S_ISDIR(before.st_mode):
            return _Item(changed, inside)
        return _Item(
            changed,
            inside,
            lowers,
            hides_lowers=self._is_opaque(upper, name),
            only_with_children=not differ(before, now),
        )

    def _before(
        self, below: list[tuple[int, DirFd]], name: str
    ) -> tuple[os.stat_result | None, tuple[int, ...]]:
        """Return what the layers showed under a name, and those that share it as a directory."""
        first: os.stat_result | None = None
        shared: list[int] = []
        for number, directory in below:
            status = _lstat(directory, name)
            if status is None:
                continue
            if attributes.is_whiteout(status) or not stat.S_ISDIR(status.st_mode):
                if first is None and not attributes.is_whiteout(status):
                    first = status
                break
            first = first or status
            shared.append(number)
            if self._is_opaque(directory, name):
                break
        return first, tuple(shared)

    def _holder(self, below: list[tuple[int, DirFd]], name: str) -> DirFd | None:
        return next((each for _, each in below if _lstat(each, name) is not None), None)

    def _is_opaque(self, directory: DirFd, name: str) -> bool:
        return any(_xattr(directory, name, mark) == b"y" for mark in self._marks)

    def _capability(self, directory: DirFd | None, name: str) -> bytes:
        return b"" if directory is None else _xattr(directory, name, "security.capability")


def _sub(root: DirFd, inside: str) -> DirFd:
    return DirFd(root.openat(inside or ".", _DIRECTORY))


def _lstat(directory: DirFd, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory.fd, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _xattr(directory: DirFd, name: str, attribute: str) -> bytes:
    """Return an extended attribute, empty where there is none.

    By the path of an fd: the system calls with a directory fd of their own came with Linux 6.13.
    """
    try:
        return os.getxattr(f"/proc/self/fd/{directory.fd}/{name}", attribute, follow_symlinks=False)
    except OSError:
        return b""


def differ(before: os.stat_result, now: os.stat_result) -> bool:
    """Tell whether a file is not what it was, by docker's measure (`statDifferent`).

    A time without a fraction is taken for equal to any within its second, as archives carry such.
    """
    if (
        before.st_mode != now.st_mode
        or before.st_uid != now.st_uid
        or before.st_gid != now.st_gid
        or before.st_rdev != now.st_rdev
    ):
        return True
    if stat.S_ISDIR(now.st_mode):
        return False
    return before.st_size != now.st_size or not _same_time(before.st_mtime_ns, now.st_mtime_ns)


def _same_time(one_ns: int, other_ns: int) -> bool:
    second = 1_000_000_000
    if one_ns % second and other_ns % second:
        return one_ns == other_ns
    return one_ns // second == other_ns // second


def change(
    kind: Literal["A", "C", "D"],
    path: str,
    shown: os.stat_result,
    before: os.stat_result | None,
) -> Change:
    """Return one line of a comparison: of the file as it is `shown`, and as it was."""
    size, old_size = _size(shown), 0 if before is None else _size(before)
    return Change(
        kind=kind,
        path=path,
        type=_TYPES.get(stat.S_IFMT(shown.st_mode), "file"),
        mode=stat.S_IMODE(shown.st_mode),
        uid=shown.st_uid,
        gid=shown.st_gid,
        size=size,
        size_delta=-old_size if kind == "D" else size - old_size,
    )


def _size(status: os.stat_result) -> int:
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


_TYPES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
    stat.S_IFSOCK: "socket",
}
