"""Binds whose files have other owners inside (`uidMappings`, `idmap`): made by the parent.

Only root of the file system's own user namespace may map one (mount_setattr(2)), which init no
longer is where it has a user namespace: so the parent clones and maps the trees, and init takes
them over. Imports linux, model, options and steps.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from ipycontainer.errors import InvalidArgument, StepFailed
from ipycontainer.linux import mounts, namespaces
from ipycontainer.model.oci import IdMapping, Linux, Mount, Spec
from ipycontainer.runtime import handed_trees, options
from ipycontainer.runtime.steps import Context, Step

__all__ = ["TakeMapped", "is_mapped", "make_trees", "taking"]


@dataclass(frozen=True, slots=True)
class TakeMapped:
    """Receive the trees that the parent has mapped, one for each of `targets`."""

    targets: tuple[str, ...]

    def execute(self, ctx: Context) -> None:
        """Keep them until their turn comes."""
        trees = handed_trees.take(ctx.sync)
        if len(trees) != len(self.targets):
            raise StepFailed("the parent has mapped no tree", step=self.describe())
        ctx.mapped += trees

    def describe(self) -> str:
        """Say it."""
        return f"take the binds with owners of their own: {' '.join(self.targets)}"


def is_mapped(mount: Mount) -> bool:
    """Tell whether a mount's files shall have other owners inside."""
    words = {"idmap", "ridmap"} & {*mount.options}
    return bool(words or mount.uid_mappings or mount.gid_mappings)


def taking(spec: Spec) -> list[Step]:
    """Return the step that takes mapped binds over, where there are any."""
    targets = tuple(mount.destination for mount in spec.mounts if is_mapped(mount))
    return [TakeMapped(targets)] if targets else []


def make_trees(spec: Spec, bundle: str) -> list[int]:
    """Return the fds of the mapped trees, in the mounts' order. Raises StepFailed, InvalidArgument.

    They are the caller's to close.
    """
    made: list[int] = []
    try:
        for mount in filter(is_mapped, spec.mounts):
            made += [_make(mount, spec.linux, bundle)]
    except BaseException:
        for fd in made:
            os.close(fd)
        raise
    return made


def _make(mount: Mount, linux: Linux, bundle: str) -> int:
    uids, gids = mount.uid_mappings, mount.gid_mappings
    if not uids and not gids:  # the word alone: as the container's own ids are
        uids, gids = linux.uid_mappings, linux.gid_mappings
    if not options.is_bind(mount):
        raise InvalidArgument(f"{mount.destination}: id-mapped mounts are only for binds")
    if not uids or not gids:
        raise InvalidArgument(
            f"{mount.destination}: an id-mapped mount needs uidMappings and gidMappings"
        )
    source = posixpath.normpath(posixpath.join(bundle, mount.source))
    parsed = options.parse(mount)
    try:
        owners = namespaces.open_mapped_user(_lines(uids), _lines(gids))
        try:
            tree = mounts.clone_tree(mounts.AT_FDCWD, source, recursive=parsed.recursive)
            try:
                mounts.map_owners(tree, owners, recursive="ridmap" in mount.options)
            except BaseException:
                os.close(tree)
                raise
        finally:
            os.close(owners)
    except OSError as error:
        raise StepFailed(
            f"map the owners of {source} for {mount.destination}: {error.strerror}",
            hint="it takes root of the machine, and a file system that lets its owners be mapped",
            step="map owners",
            errno=error.errno or 0,
        ) from error
    return tree


def _lines(mappings: Sequence[IdMapping]) -> namespaces.IdMap:
    return tuple((each.container_id, each.host_id, each.size) for each in mappings)
