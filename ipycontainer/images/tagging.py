"""Names of images: give one, take one away, and remove the image with its last one.

Conflicts, their order and their words are docker's (moby `daemon/images/image_delete.go`). `tag`
only writes rows and the index; `remove` deletes trees, so it runs in a worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ipycontainer.errors import ImageInUse, InvalidArgument
from ipycontainer.images.layout import Layout
from ipycontainer.images.sweep import sweep
from ipycontainer.model import reference
from ipycontainer.model.filters import has_label
from ipycontainer.model.image import ImageRecord
from ipycontainer.model.reference import Reference
from ipycontainer.store import containers, images
from ipycontainer.store.database import Store, Transaction
from ipycontainer.store.home import Home

__all__ = ["Deed", "prune", "remove", "tag"]

# What `rmi` prints, line by line: ("Untagged", "busybox:latest"), ("Deleted", "sha256:...").
Deed = tuple[Literal["Untagged", "Deleted"], str]


def tag(home: Home, store: Store, source: str, target: str) -> str:
    """Give an image one more name, and return it in its familiar form.

    Raises ImageNotFound, InvalidReference; InvalidArgument for a name with a digest.
    """
    name = reference.parse(target)
    if name.digest:
        raise InvalidArgument(reference.NO_DIGEST)
    reference.check_new(name)
    with store.write() as tx:
        images.tag(tx, images.find(tx, source).id, name.familiar)
    Layout(home).write_index(store)
    return name.familiar


def remove(
    home: Home, store: Store, ref: str, force: bool = False, *, parents: bool = True
) -> list[Deed]:
    """Take away the name `ref`, and remove the image when it was the last one.

    An id removes the image with its only name; several names, or a stopped container on it, need
    `force`; a running one cannot be forced. Without `parents` what it was committed from stays,
    with or without a name. Raises ImageInUse, ImageNotFound.
    """
    with store.write() as tx:
        done = _remove(tx, ref, force, parents)
    Layout(home).write_index(store)
    if any(what == "Deleted" for what, _ in done):
        sweep(home, store)
    return done


def _remove(tx: Transaction, ref: str, force: bool, parents: bool) -> list[Deed]:
    image = images.find(tx, ref)
    done: list[Deed] = []
    if not _is_id(image, ref):
        users = containers.using_image(tx, image.id)
        if not force and _is_single(image) and users:
            raise ImageInUse(
                f'conflict: unable to remove repository reference "{ref}" (must force) - '
                f"container {users[0].short_id} is using its referenced image {_short(image.id)}"
            )
        done += _take_name(tx, image, reference.parse(ref))
        image = images.get(tx, image.id)
        if image.tags or image.digests:
            return done
        # The name is gone; an image that is still used stays without one, as docker leaves it.
        if _conflict(tx, image, force) is not None:
            return done
    elif (conflict := _conflict(tx, image, force, not _is_single(image))) is not None:
        raise conflict
    return done + _delete(tx, image, parents)


def _take_name(tx: Transaction, image: ImageRecord, name: Reference) -> list[Deed]:
    """Take a name away, and with a repository's last tag what the registry calls the image."""
    if name.digest:
        digest = f"{name.familiar_name}@{name.digest}"
        images.forget_digest(tx, digest)
        return [("Untagged", digest)]
    done = _untag(tx, name.familiar)
    left = [tag for tag in image.tags if tag != name.familiar]
    if not any(_repository(tag) == name.familiar_name for tag in left):
        for digest in image.digests:
            if _repository(digest) == name.familiar_name:
                images.forget_digest(tx, digest)
                done.append(("Untagged", digest))
    return done


def _delete(tx: Transaction, image: ImageRecord, parents: bool = True) -> list[Deed]:
    done: list[Deed] = []
    for name in reference.in_order((*image.tags, *image.digests)):
        if "@" in name:
            images.forget_digest(tx, name)
            done.append(("Untagged", name))
        else:
            done += _untag(tx, name)
    images.remove(tx, image.id)
    done.append(("Deleted", image.id))
    gone = set(images.forget_unused_layers(tx))
    done += [("Deleted", each.chain_id) for each in reversed(image.layers) if each.chain_id in gone]
    return done + (_delete_parents(tx, image) if parents else [])


def _delete_parents(tx: Transaction, image: ImageRecord) -> list[Deed]:
    """Delete what an image was committed from where nothing holds it any more, as docker does."""
    for parent in images.lineage(tx, image.parent)[:1]:
        named = parent.tags or parent.digests
        if not named and _conflict(tx, parent, force=False) is None:
            return _delete(tx, parent)
    return []


def _repository(name: str) -> str:
    return name.partition("@")[0] if "@" in name else name.rpartition(":")[0]


def _is_single(image: ImageRecord) -> bool:
    """Tell whether an image has one name, what its registry calls it not counted."""
    if len(image.tags) + len(image.digests) <= 1:
        return True
    if len(image.tags) > 1:
        return False
    repositories = {_repository(digest) for digest in image.digests}
    return len(repositories) == 1 and all(_repository(tag) in repositories for tag in image.tags)


def prune(
    home: Home,
    store: Store,
    *,
    every: bool = False,
    before_ns: int | None = None,
    labels: Sequence[str] = (),
    without: Sequence[str] = (),
    kept: Sequence[str] = (),
) -> tuple[list[Deed], int]:
    """Remove images that no container stands on: those without a name, or with `every` all.

    `before_ns`, `labels` and `without` (labels that must be missing) narrow that; `kept` are ids.
    Returns what was done and how many bytes of layers went with it.
    """
    with store.write() as tx:
        done: list[Deed] = []
        sizes: dict[str, int] = {}
        for image in images.list_all(tx):
            if image.id in kept or (image.tags and not every):
                continue
            if before_ns is not None and image.created_ns >= before_ns:
                continue
            if not all(has_label(image.config.labels, label) for label in labels):
                continue
            if any(has_label(image.config.labels, label) for label in without):
                continue
            if containers.using_image(tx, image.id):
                done += _untag_but_last(tx, image)
                continue
            if ("Deleted", image.id) in done:  # with the last that was committed from it
                continue
            if images.has_children(tx, image.id):
                for name in image.tags:
                    done += _untag(tx, name)
                continue
            for each in images.lineage(tx, image.id):
                sizes.update({layer.chain_id: layer.size for layer in each.layers})
            done += _delete(tx, image)
    Layout(home).write_index(store)
    if done:
        sweep(home, store)
    freed = sum(sizes.get(name, 0) for what, name in done if what == "Deleted")
    return done, freed


def _untag_but_last(tx: Transaction, image: ImageRecord) -> list[Deed]:
    """Take the names of an image in use away but the last, as docker's prune of all does."""
    done: list[Deed] = []
    for name in image.tags[:-1]:
        done += _take_name(tx, images.get(tx, image.id), reference.parse(name))
    return done


def _untag(tx: Transaction, name: str) -> list[Deed]:
    images.untag(tx, name)
    return [("Untagged", name)]


def _conflict(
    tx: Transaction, image: ImageRecord, force: bool, names_matter: bool = False
) -> ImageInUse | None:
    """Return why an image must stay: hard reasons first, then those that force overrides."""
    users = containers.using_image(tx, image.id)
    short = _short(image.id)
    if images.has_children(tx, image.id):
        return ImageInUse(
            f"conflict: unable to delete {short} (cannot be forced) - "
            "image has dependent child images"
        )
    for user in users:
        if user.state.status.alive:
            return ImageInUse(
                f"conflict: unable to delete {short} (cannot be forced) - "
                f"image is being used by running container {user.short_id}"
            )
    if force:
        return None
    start = f"conflict: unable to delete {short} (must be forced) - "
    if names_matter:
        return ImageInUse(start + "image is referenced in multiple repositories")
    if users:
        return ImageInUse(start + f"image is being used by stopped container {users[0].short_id}")
    return None


def _is_id(image: ImageRecord, ref: str) -> bool:
    return image.id.startswith(ref) or image.id.removeprefix("sha256:").startswith(ref)


def _short(image_id: str) -> str:
    return image_id.removeprefix("sha256:")[:12]
