"""Save images into one tar that docker, podman, skopeo and we load again.

Both forms in one, as docker 25 and later write: an OCI layout (`oci-layout`, `index.json`, blobs by
digest) and docker's own `manifest.json` and `repositories`. Blobs go in as they are stored. Run by
a worker; the archive goes to a descriptor, so nothing is ever kept in memory.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, BinaryIO

from ipycontainer.errors import ImageFormatError, ImageNotFound, InvalidArgument
from ipycontainer.images import first_form, manifest, sweep
from ipycontainer.images.layout import (
    FULL_NAME,
    INDEX_TYPE,
    LIMIT_MANIFEST_BYTES,
    MANIFEST_TYPE,
    REF_NAME,
    Layout,
)
from ipycontainer.images.manifest import Manifest
from ipycontainer.images.teller import Teller, short
from ipycontainer.model import reference
from ipycontainer.model.image import Descriptor, ImageRecord
from ipycontainer.model.platform import Platform
from ipycontainer.store import images
from ipycontainer.store.database import Store, Transaction
from ipycontainer.store.home import Home

__all__ = ["save"]

_BLOBS = "blobs/sha256/"


@dataclass(slots=True)
class _Chosen:
    """An image that is saved, and the names that are saved of it."""

    record: ImageRecord
    tags: list[str]


def save(
    home: Home,
    store: Store,
    names: Sequence[str],
    out: BinaryIO,
    teller: Teller,
    platform: Platform | None = None,
) -> None:
    """Write the images that these names, ids or repositories mean.

    A repository without a tag stands for all of its tags, as in docker. Raises ImageNotFound, also
    for an image that is not for the `platform` that is wanted.
    """
    with sweep.adding(home):
        chosen = _choose(store, names, platform)
        layout = Layout(home)
        with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            _Writer(archive, layout, teller).write(list(chosen.values()))


def _choose(store: Store, names: Sequence[str], platform: Platform | None) -> dict[str, _Chosen]:
    chosen: dict[str, _Chosen] = {}
    with store.read() as tx:
        everything = images.list_all(tx)
        for name in names:
            found: list[tuple[ImageRecord, list[str]]] = []
            if _is_repository(name):
                wanted = reference.parse(name).familiar_name
                for record in everything:
                    tags = [tag for tag in record.tags if tag.rpartition(":")[0] == wanted]
                    if tags:
                        found.append((record, tags))
            if not found:
                record = _find(tx, name)
                tags = [tag for tag in record.tags if tag == _familiar(name)]
                found.append((record, tags))
            for record, tags in found:
                if not record.manifest:
                    raise InvalidArgument(
                        f"the image {name} is this machine itself and cannot be saved"
                    )
                _check(name, record, platform)
                entry = chosen.setdefault(record.id, _Chosen(record, []))
                entry.tags += [tag for tag in tags if tag not in entry.tags]
    return chosen


def _check(name: str, record: ImageRecord, wanted: Platform | None) -> None:
    here = Platform(record.os, record.architecture, record.variant)
    if wanted is not None and wanted.rank(here) is None:
        raise ImageNotFound(
            f"image with reference {name} was found but its platform ({here}) does not match "
            f"the specified platform ({wanted})"
        )


def _find(tx: Transaction, name: str) -> ImageRecord:
    try:
        return images.find(tx, name)
    except ImageNotFound:
        if not _is_repository(name) and not name.startswith("sha256:"):
            raise ImageNotFound("reference does not exist") from None
        # docker names it here as it was typed
        raise ImageNotFound(f"No such image: {name}") from None


def _is_repository(name: str) -> bool:
    """Tell whether a name has neither tag nor digest, and is no id."""
    if "@" in name or name.startswith("sha256:"):
        return False
    return ":" not in name.rpartition("/")[2]


def _familiar(name: str) -> str:
    try:
        return reference.parse(name).familiar
    except InvalidArgument:
        return ""


def _index_entry(record: ImageRecord, size: int, tag: str) -> dict[str, Any]:
    """Return an image's entry in the archive's index: no platform, and of a name the tag alone.

    That is docker's form. In the layout of a home the entry names all, by which tools find it.
    """
    entry: dict[str, Any] = {"mediaType": MANIFEST_TYPE, "digest": record.manifest, "size": size}
    if tag:
        named = {FULL_NAME: reference.parse(tag).canonical, REF_NAME: tag.rpartition(":")[2]}
        entry["annotations"] = named
    return entry


def _in_order(repositories: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return names and tags as Go writes maps."""
    return {name: dict(sorted(tags.items())) for name, tags in sorted(repositories.items())}


class _Writer:
    """Writes one archive; each blob once."""

    def __init__(self, archive: tarfile.TarFile, layout: Layout, teller: Teller) -> None:
        self._archive = archive
        self._layout = layout
        self._teller = teller
        self._written: set[str] = set()  # digests of blobs, names of texts

    def write(self, chosen: Sequence[_Chosen]) -> None:
        """Write the images and what leads to them."""
        for directory in ("blobs", "blobs/sha256"):
            # Who unpacks it as an ordinary user may give no directory to root, as one without an
            # entry of its own would be.
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            self._archive.addfile(entry)
        listed: list[dict[str, Any]] = []
        index: list[dict[str, Any]] = []
        repositories: dict[str, dict[str, str]] = {}
        for each in chosen:
            record = each.record
            raw = self._layout.read_blob(record.manifest, LIMIT_MANIFEST_BYTES)
            found = manifest.parse(raw)
            if not isinstance(found, Manifest):
                raise ImageFormatError(f"{record.manifest} is no manifest of an image")
            for blob in (*found.layers, found.config, found.descriptor):
                self._blob(blob)
            config = json.loads(self._layout.read_blob(found.config.digest))
            for text in first_form.texts(config, [layer.chain_id for layer in record.layers]):
                self._text(_BLOBS + sha256(text.encode()).hexdigest(), text)
            index += [_index_entry(record, len(raw), tag) for tag in each.tags or [""]]
            for tag in each.tags:
                name, _, word = tag.rpartition(":")
                repositories.setdefault(name, {})[word] = record.layers[-1].chain_id[7:]
            listed.append(
                {
                    "Config": _BLOBS + found.config.digest[7:],
                    "RepoTags": each.tags or None,
                    "Layers": [_BLOBS + layer.digest[7:] for layer in found.layers],
                    "LayerSources": {
                        layer.diff_id: {
                            "mediaType": blob.media_type,
                            "size": blob.size,
                            "digest": blob.digest,
                        }
                        for layer, blob in zip(record.layers, found.layers, strict=True)
                    },
                }
            )
        self._text(
            "index.json",
            manifest.compact({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": index}),
        )
        self._text("manifest.json", manifest.compact(listed) + "\n")
        self._text("oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}))
        if repositories:
            self._text("repositories", manifest.compact(_in_order(repositories)) + "\n")

    def _blob(self, blob: Descriptor) -> None:
        if blob.digest in self._written:
            return
        self._written.add(blob.digest)
        with open(self._layout.blob(blob.digest), "rb") as file:
            entry = tarfile.TarInfo(_BLOBS + blob.digest[7:])
            entry.size = file.seek(0, io.SEEK_END)
            entry.mode = 0o644
            file.seek(0)
            self._archive.addfile(entry, file)
        self._teller.count(short(blob.digest), "Saved", entry.size, entry.size)

    def _text(self, name: str, text: str) -> None:
        if name in self._written:
            return
        self._written.add(name)
        content = text.encode()
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), 0o644
        self._archive.addfile(entry, io.BytesIO(content))
