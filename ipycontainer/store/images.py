"""Images: rows of images, their tags, and the layers and blobs that they stand on.

Only rows: the files belong to `images` and `storage`, which write blobs and layers before the rows
that name them, and remove them after. Every function takes a `Transaction`.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from ipycontainer.errors import ImageNotFound, InvalidReference
from ipycontainer.model import reference
from ipycontainer.model.health import Healthcheck
from ipycontainer.model.image import Descriptor, History, ImageConfig, ImageRecord, Layer
from ipycontainer.model.reference import Reference
from ipycontainer.store import events
from ipycontainer.store.database import Transaction

__all__ = [
    "add",
    "add_unnoticed",
    "blobs_in_use",
    "call",
    "chain_size",
    "container_counts",
    "find",
    "forget_digest",
    "forget_unused_layers",
    "get",
    "layers_in_use",
    "list_all",
    "names",
    "remove",
    "tag",
    "tell",
    "untag",
]

_IMAGE_ID = re.compile(r"(?:sha256:)?([0-9a-f]{1,64})")


def add(tx: Transaction, record: ImageRecord, blobs: Iterable[str] = ()) -> None:
    """Add an image with its layers and tags; `blobs` are the digests it needs in the layout.

    An image that is there already gains the tags. A tag that another image has is taken from it.
    """
    details = {
        "config": asdict(record.config),
        "architecture": record.architecture,
        "os": record.os,
        "author": record.author,
        "comment": record.comment,
        "history": [asdict(row) for row in record.history],
        "variant": record.variant,
        "source": None if record.source is None else asdict(record.source),
        "base": record.base,
        "parent": record.parent,
        "of_container": dict(record.of_container),
        "engine_version": record.engine_version,
    }
    tx.execute(
        "INSERT OR IGNORE INTO images (id, manifest, created_ns, size, details) VALUES (?,?,?,?,?)",
        (
            record.id,
            record.manifest,
            record.created_ns,
            record.size,
            json.dumps(details, separators=(",", ":")),
        ),
    )
    for position, layer in enumerate(record.layers):
        tx.execute(
            "INSERT OR IGNORE INTO layers (chain_id, diff_id, size) VALUES (?,?,?)",
            (layer.chain_id, layer.diff_id, layer.size),
        )
        tx.execute(
            "INSERT OR IGNORE INTO image_layers (image_id, position, chain_id) VALUES (?,?,?)",
            (record.id, position, layer.chain_id),
        )
    for digest in blobs:
        tx.execute(
            "INSERT OR IGNORE INTO image_blobs (image_id, digest) VALUES (?,?)", (record.id, digest)
        )
    for name in record.tags:
        tag(tx, record.id, name)
    for name in record.digests:
        call(tx, record.id, name)


def add_unnoticed(tx: Transaction, record: ImageRecord) -> None:
    """Add an image that nobody has asked for (`host`): no event tells of its tags."""
    add(tx, replace(record, tags=()))
    for name in record.tags:
        tx.execute(
            "INSERT OR REPLACE INTO image_tags (tag, image_id) VALUES (?,?)", (name, record.id)
        )


def get(tx: Transaction, image_id: str) -> ImageRecord:
    """Return the image with this full id (`sha256:...`). Raises ImageNotFound."""
    row = tx.one("SELECT * FROM images WHERE id = ?", (image_id,))
    if row is None:
        raise ImageNotFound(f"No such image: {image_id}")
    return _record(tx, row)


def find(tx: Transaction, text: str) -> ImageRecord:
    """Return the image that a user's word means: id, tag, then a prefix of an id.

    So does docker: a tag `cafe` hides the image whose id begins with cafe. Raises ImageNotFound, or
    InvalidReference for what can be neither.
    """
    wanted = _IMAGE_ID.fullmatch(text)
    digits = wanted[1] if wanted else ""
    if len(digits) == 64:
        return get(tx, f"sha256:{digits}")
    shown = text
    if not text.startswith("sha256:"):
        try:
            named = reference.parse(text)
        except InvalidReference:
            if not digits:
                raise
        else:
            shown = named.familiar
            image_id = _by_name(tx, named)
            if image_id is not None:
                return get(tx, image_id)
    if digits:
        prefix = f"sha256:{digits}"
        rows = tx.all(
            "SELECT * FROM images WHERE id >= ? AND id < ? LIMIT 2", (prefix, prefix + "g")
        )
        if len(rows) == 1:
            return _record(tx, rows[0])
    raise ImageNotFound(f"No such image: {shown}")


def _by_name(tx: Transaction, name: Reference) -> str | None:
    """Return the id of the image with this tag, or with this digest: that wins over a tag."""
    if name.digest:
        values = (name.familiar_name, name.digest)
        found = tx.scalar(
            "SELECT image_id FROM image_digests WHERE repository = ? AND digest = ?", values
        )
    else:
        found = tx.scalar("SELECT image_id FROM image_tags WHERE tag = ?", (name.familiar,))
    return None if found is None else str(found)


def lineage(tx: Transaction, image_id: str) -> list[ImageRecord]:
    """Return an image, the one that it was committed from, and so on, as far as they are here."""
    found: list[ImageRecord] = []
    while image_id:
        try:
            found.append(get(tx, image_id))
        except ImageNotFound:
            break
        image_id = found[-1].parent
    return found


def has_children(tx: Transaction, image_id: str) -> bool:
    """Tell whether another image was committed from this one."""
    asked = "SELECT 1 FROM images WHERE json_extract(details, '$.parent') = ? LIMIT 1"
    return tx.scalar(asked, (image_id,)) is not None


def list_all(tx: Transaction) -> list[ImageRecord]:
    """Return all images, newest first."""
    rows = tx.all("SELECT * FROM images ORDER BY created_ns DESC, id")
    return [_record(tx, row) for row in rows]


def names(tx: Transaction) -> set[tuple[str, str]]:
    """Return every name in the layout, with the digest of the manifest that it leads to."""
    rows = tx.all(
        "SELECT tag, manifest FROM image_tags JOIN images ON id = image_id WHERE manifest != ''"
    )
    return {(row["tag"], row["manifest"]) for row in rows}


def tag(tx: Transaction, image_id: str, name: str) -> None:
    """Let a familiar name with tag (`busybox:latest`) stand for this image, and tell (`tag`)."""
    changed = tx.execute(
        "INSERT INTO image_tags (tag, image_id) VALUES (?,?) ON CONFLICT (tag)"
        " DO UPDATE SET image_id = excluded.image_id WHERE image_id != excluded.image_id",
        (name, image_id),
    )
    now = time.time_ns()
    tx.execute(
        "UPDATE images SET details = json_set(details, '$.tagged_ns', ?) WHERE id = ?",
        (now, image_id),
    )
    if changed:
        events.add(tx, "image", "tag", image_id, {"name": name}, now)


def untag(tx: Transaction, name: str) -> None:
    """Take a name away, and tell (`untag`). One that is not there is no error."""
    image_id = tx.scalar("DELETE FROM image_tags WHERE tag = ? RETURNING image_id", (name,))
    if image_id is not None:
        tell(tx, image_id, "untag", image_id)


def call(tx: Transaction, image_id: str, name: str) -> None:
    """Remember what a registry calls an image (`busybox@sha256:...`); taken from another image."""
    tx.execute(
        "INSERT INTO image_digests (repository, digest, image_id) VALUES (?,?,?)"
        " ON CONFLICT DO UPDATE SET image_id = excluded.image_id",
        (*name.rsplit("@", 1), image_id),
    )


def forget_digest(tx: Transaction, name: str) -> None:
    """Take away what a registry calls an image (`busybox@sha256:...`)."""
    tx.execute("DELETE FROM image_digests WHERE repository = ? AND digest = ?", name.rsplit("@", 1))


def remove(tx: Transaction, image_id: str) -> None:
    """Remove an image's row with its tags, and tell (`delete`).

    Its blobs and layers are garbage from then on, unless others stand on them.
    """
    if tx.execute("DELETE FROM images WHERE id = ?", (image_id,)):
        tell(tx, image_id, "delete", image_id)


def tell(tx: Transaction, image_id: str, action: str, name: str) -> None:
    """Add an event of an image."""
    events.add(tx, "image", action, image_id, {"name": name}, time.time_ns())


def container_counts(tx: Transaction) -> dict[str, int]:
    """Return how many containers stand on each image that has any."""
    rows = tx.all("SELECT image_id, count(*) AS n FROM containers GROUP BY image_id")
    return {row["image_id"]: row["n"] for row in rows}


def chain_size(tx: Transaction, chain_id: str) -> int | None:
    """Return the size of an unpacked layer, None for one that is not known."""
    size = tx.scalar("SELECT size FROM layers WHERE chain_id = ?", (chain_id,))
    return None if size is None else int(size)


def forget_unused_layers(tx: Transaction) -> list[str]:
    """Remove the rows of layers that nothing stands on any more; return their chain ids."""
    rows = tx.all(
        "DELETE FROM layers WHERE chain_id NOT IN (SELECT chain_id FROM image_layers)"
        " AND chain_id NOT IN (SELECT chain_id FROM container_layers) RETURNING chain_id"
    )
    return [row["chain_id"] for row in rows]


def layers_in_use(tx: Transaction) -> set[str]:
    """Return the chain ids of all known layers."""
    return {row["chain_id"] for row in tx.all("SELECT chain_id FROM layers")}


def blobs_in_use(tx: Transaction) -> set[str]:
    """Return the digests of all blobs that an image needs."""
    return {row["digest"] for row in tx.all("SELECT DISTINCT digest FROM image_blobs")}


def _record(tx: Transaction, row: sqlite3.Row) -> ImageRecord:
    details = json.loads(row["details"])
    layers = tx.all(
        "SELECT l.chain_id, l.diff_id, l.size FROM image_layers i JOIN layers l USING (chain_id)"
        " WHERE i.image_id = ? ORDER BY i.position",
        (row["id"],),
    )
    tags = tx.all("SELECT tag FROM image_tags WHERE image_id = ?", (row["id"],))
    digests = tx.all(
        "SELECT repository || '@' || digest AS name FROM image_digests WHERE image_id = ?",
        (row["id"],),
    )
    source = details.get("source")  # images of an older schema have none
    return ImageRecord(
        id=row["id"],
        manifest=row["manifest"],
        created_ns=row["created_ns"],
        size=row["size"],
        config=_config(details["config"]),
        layers=tuple(Layer(each["chain_id"], each["diff_id"], each["size"]) for each in layers),
        tags=reference.in_order(each["tag"] for each in tags),
        architecture=details["architecture"],
        os=details["os"],
        author=details["author"],
        comment=details["comment"],
        history=tuple(History(**each) for each in details["history"]),
        variant=details.get("variant", ""),
        digests=reference.in_order(each["name"] for each in digests),
        source=None if source is None else Descriptor(**source),
        base=details.get("base", ""),
        parent=details.get("parent", ""),
        tagged_ns=details.get("tagged_ns", 0),
        of_container=details.get("of_container", {}),
        engine_version=details.get("engine_version", ""),
    )


def _config(raw: Mapping[str, Any]) -> ImageConfig:
    known: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in raw.items()
        if name in ImageConfig.__dataclass_fields__
    }
    if known.get("healthcheck") is not None:
        check = dict(known["healthcheck"])
        known["healthcheck"] = Healthcheck(**{**check, "test": tuple(check["test"])})
    return ImageConfig(**known)
