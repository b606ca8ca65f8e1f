"""Part shown trees around what is mounted in them, for overlays of an ordinary user.

What is mounted when a user namespace is made stays locked upon what it hides
(mount_namespaces(7)), so that the kernel refuses a lower directory that has it below (EINVAL): its
overlay would show what lies under the mount. Windows' subsystem for Linux mounts below /usr/lib,
for one. Such a directory is made anew, and what is in it is shown piece by piece. Pure, but for the
listing that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ipycontainer.images.machine import Entry
from ipycontainer.model.paths import is_inside, is_inside_any

__all__ = ["LIMIT_ENTRIES", "Parted", "part"]

LIMIT_ENTRIES = 200  # of a directory that is shown piece by piece: each costs a mount


@dataclass(frozen=True, slots=True)
class Parted:
    """What comes in place of the trees; paths are absolute.

    `trees` have nothing mounted below and can be overlays, `directories` lead to those, `files`
    and `links` (path: target) lie beside them. `whole` are too full for that: each can be bound
    with all that is mounted in it, and only be read.
    """

    trees: tuple[str, ...]
    directories: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    whole: tuple[str, ...] = ()


def part(
    trees: Sequence[str], points: Collection[str], look: Callable[[str], Iterable[Entry]]
) -> Parted:
    """Part `trees` around the mount points; `look` lists a directory, in any order.

    A mount point is left to whoever knows what is mounted there: often a tree of its own.
    """
    kept: list[str] = []
    directories: list[str] = []
    files: list[str] = []
    links: dict[str, str] = {}
    whole: list[str] = []
    pending = list(reversed(trees))
    while pending:
        tree = pending.pop()
        if not any(is_inside(point, tree) for point in points):
            kept.append(tree)
            continue
        entries = sorted(look(tree), key=lambda entry: entry.path)
        if len(entries) > LIMIT_ENTRIES:
            whole.append(tree)
            continue
        directories.append(tree)
        below = [entry for entry in entries if entry.path not in points]
        pending += [entry.path for entry in reversed(below) if entry.is_directory]
        files += [entry.path for entry in below if not entry.is_directory and not entry.target]
        links |= {entry.path: entry.target for entry in below if entry.target}
    return Parted(
        tuple(tree for tree in kept if not is_inside_any(tree, whole)),
        tuple(directories),
        tuple(files),
        links,
        tuple(whole),
    )
