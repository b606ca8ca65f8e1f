"""Steps that make a container's root of what the bundle's overlays say: merged here, or by others.

Planned by runtime.plan, executed by runtime.init as mount_steps are. Imports linux, model, errors
and steps.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ipycontainer.errors import InvalidArgument, StepFailed
from ipycontainer.linux import mounts
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model.oci import ANNOTATION_OVERLAYS, BY_BIND, BY_PARENT, Spec
from ipycontainer.runtime import handed_trees
from ipycontainer.runtime.mount_steps import BindRoot, MountOverlay
from ipycontainer.runtime.steps import Context, Step

__all__ = ["TakeMounted", "tree_steps", "wants_trees"]


@dataclass(frozen=True, slots=True)
class TakeMounted:
    """Attach what the parent has mounted: file systems that a process of its own serves.

    They come as descriptors of detached mounts, one for each of `targets`; the first becomes the
    root, over `mountpoint`.
    """

    targets: tuple[str, ...]
    mountpoint: str

    def execute(self, ctx: Context) -> None:
        """Receive all, then attach one after the other."""
        trees = handed_trees.take(ctx.sync)
        if len(trees) != len(self.targets):
            raise StepFailed("the parent has mounted no tree", step=self.describe())
        try:
            os.mkdir(self.mountpoint, 0o700)
        except FileExistsError:
            pass
        for number, (tree, target) in enumerate(zip(trees, self.targets, strict=True)):
            place = ctx.root.mkdirs(target).fd if number else _directory(self.mountpoint)
            try:
                mounts.move_onto(tree, place)
            finally:
                os.close(place)
            if number == 0:
                ctx.root = DirFd.open(self.mountpoint)
            os.close(tree)

    def describe(self) -> str:
        """Say it."""
        return f"take what is served at {' '.join(self.targets)}"


def _directory(path: str) -> int:
    return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def wants_trees(spec: Spec) -> bool:
    """Tell whether the parent must mount this bundle's trees."""
    return f'"{BY_PARENT}"' in spec.annotations.get(ANNOTATION_OVERLAYS, "")


def tree_steps(entries: Sequence[Any], root: str) -> tuple[list[Step], tuple[str, ...]]:
    """Return the steps for the entries of ANNOTATION_OVERLAYS, and where their trees are.

    Raises InvalidArgument.
    """
    if not entries:
        return [BindRoot(root)], ("/",)
    try:
        targets = tuple(_clean(entry["target"]) for entry in entries)
        by = entries[0].get("by", "")
        if by == BY_PARENT:
            steps: list[Step] = [TakeMounted(targets, root)]
        elif by == BY_BIND:
            steps = [BindRoot(str(entries[0]["upper"]))]
        else:
            steps = [
                _overlay(entry, target, "" if number else root)
                for number, (entry, target) in enumerate(zip(entries, targets, strict=True))
            ]
        layered = all(entry["lowers"] for entry in entries)
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidArgument(f"annotation {ANNOTATION_OVERLAYS}: {error}") from error
    if targets[0] != "/" or "/" in targets[1:] or not layered:
        raise InvalidArgument(
            f'annotation {ANNOTATION_OVERLAYS}: the first target, and no other, is "/", '
            "and each needs a layer"
        )
    return steps, targets


def _overlay(entry: Mapping[str, Any], target: str, mountpoint: str) -> MountOverlay:
    return MountOverlay(
        target=target,
        lowers=tuple(entry["lowers"]),
        upper=entry["upper"],
        work=entry["work"],
        userxattr=bool(entry.get("userxattr", False)),
        mountpoint=mountpoint,
    )


def _clean(path: str) -> str:
    if not path.startswith("/"):
        raise InvalidArgument(f"mount destination {path} is not absolute")
    return posixpath.normpath("/" + path.lstrip("/"))
