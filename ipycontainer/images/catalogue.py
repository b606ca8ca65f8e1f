"""Names of images: give one, take one away, and remove the image with its last one.

Conflicts, their order and their words are docker's (moby `daemon/images/image_delete.go`). `tag`
only writes rows and the index; `remove` deletes trees, so it runs in a worker.
"""

from __future__ import annotations

from typing import Literal

from ipycontainer.errors import ImageInUse, InvalidArgument
from ipycontainer.images.layout import Layout
from ipycontainer.images.sweep import sweep
from ipycontainer.model import reference
from ipycontainer.model.image import ImageRecord
from ipycontainer.store import containers, images
from ipycontainer.store.database import Store, Transaction
from ipycontainer.store.home import Home

__all__ = ["Deed", "remove", "tag"]

# What `rmi` prints, line by line: ("Untagged", "busybox:latest"), ("Deleted", "sha256:...").
Deed = tuple[Literal["Untagged", "Deleted"], str]


def tag(home: Home, store: Store, source: str, target: str) -> str:
    """Give an image one more name, and return it in its familiar form.

    Raises ImageNotFound, InvalidReference; InvalidArgument for a name with a digest.
    """
    name = reference.parse(target)
    if name.digest:
        raise InvalidArgument("refusing to create a tag with a digest reference")
    with store.write() as tx:
        images.tag(tx, images.find(tx, source).id, name.familiar)
    Layout(home).write_index(store)
    return name.familiar


def remove(home: Home, store: Store, ref: str, force: bool = False) -> list[Deed]:
    """Take away the name `ref`, and remove the image when it was the last one.

    An id removes the image with its only name; several names, or a stopped container on it, need
    `force`; a running one cannot be forced. Raises ImageInUse, ImageNotFound.
    """
    with store.write() as tx:
        done = _remove(tx, ref, force)
    Layout(home).write_index(store)
    if any(what == "Deleted" for what, _ in done):
        sweep(home, store)
    return done


def _remove(tx: Transaction, ref: str, force: bool) -> list[Deed]:
    image = images.find(tx, ref)
    done: list[Deed] = []
    by_name = not _is_id(image, ref)
    if by_name:
        users = containers.using_image(tx, image.id)
        if not force and len(image.tags) == 1 and users:
            raise ImageInUse(
                f'conflict: unable to remove repository reference "{ref}" (must force) - '
                f"container {users[0].short_id} is using its referenced image {_short(image.id)}"
            )
        done += _untag(tx, reference.parse(ref).familiar)
        image = images.get(tx, image.id)
        if image.tags:
            return done
        # The name is gone; an image that is still used stays without one, as docker leaves it.
        if _conflict(tx, image, force) is not None:
            return done
    elif (conflict := _conflict(tx, image, force, names_matter=len(image.tags) > 1)) is not None:
        raise conflict
    for name in image.tags:
        done += _untag(tx, name)
    images.remove(tx, image.id)
    done.append(("Deleted", image.id))
    gone = set(images.forget_unused_layers(tx))
    done += [("Deleted", each.chain_id) for each in reversed(image.layers) if each.chain_id in gone]
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
