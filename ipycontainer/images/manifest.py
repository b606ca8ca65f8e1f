"""Manifests and indexes as records: what a registry or an archive says an image consists of.

Pure: bytes in, records out, every field checked, since whoever wrote them may be hostile. Both
kinds, OCI's and docker's, differ in their media types only. Source: OCI image-spec `manifest.md`,
`image-index.md`, `descriptor.md`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ipycontainer.errors import ImageFormatError, ImageNotFound
from ipycontainer.images import media_types
from ipycontainer.images.layout import LIMIT_CONFIG_BYTES, LIMIT_MANIFEST_BYTES, MANIFEST_TYPE
from ipycontainer.model.image import Descriptor
from ipycontainer.model.platform import Platform

__all__ = [
    "Index",
    "IndexEntry",
    "Manifest",
    "choose",
    "compact",
    "digest_of",
    "json_object",
    "parse",
]

# docker's `maxLayerDepth`, below the 500 that overlayfs takes (fs/overlayfs/params.h).
MOST_LAYERS = 125
MOST_ENTRIES = 10_000
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MOST_BYTES = 1 << 50


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image: its own bytes, the config's blob, and the layers' from the base upwards."""

    raw: bytes
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]

    @property
    def descriptor(self) -> Descriptor:
        """Return what names this manifest."""
        return Descriptor(self.media_type, digest_of(self.raw), len(self.raw))


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One of an index's manifests. `platform` is None where the index does not say."""

    descriptor: Descriptor
    platform: Platform | None


@dataclass(frozen=True, slots=True)
class Index:
    """Several manifests under one name, for several platforms."""

    raw: bytes
    entries: tuple[IndexEntry, ...]


def digest_of(content: bytes) -> str:
    """Return the digest that names these bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def compact(value: Any) -> str:
    """Return JSON without blanks, as Go writes it."""
    return json.dumps(value, separators=(",", ":"))


def json_object(raw: bytes, what: str) -> Mapping[str, Any]:
    """Return the JSON object in these bytes, of `what` an error speaks."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise ImageFormatError(f"{what} is not JSON") from None
    if not isinstance(value, dict):
        raise ImageFormatError(f"{what} is not a JSON object")
    return value


def parse(raw: bytes, media_type: str = "") -> Manifest | Index:
    """Return what these bytes describe. `media_type` is what the sender calls them, "" for nothing.

    Raises ImageFormatError also for one that is both manifest and index: which of them counted
    depended on who read it (CVE-2021-41190).
    """
    if len(raw) > LIMIT_MANIFEST_BYTES:
        raise ImageFormatError(f"a manifest has more than {LIMIT_MANIFEST_BYTES} bytes")
    value = json_object(raw, "the manifest")
    kind = str(value.get("mediaType") or media_type.partition(";")[0].strip())
    if kind in media_types.OBSOLETE_TYPES or value.get("schemaVersion") == 1:
        raise ImageFormatError(
            "the image has a manifest of schema 1, which nobody reads any more",
            hint="whoever made it has to push it again with a newer docker",
        )
    if "manifests" in value and ("layers" in value or "config" in value):
        raise ImageFormatError("the manifest is both an image's and an index")
    if "manifests" in value:
        if kind and kind not in media_types.INDEX_TYPES:
            raise ImageFormatError(f"unsupported manifest media type {kind!r}")
        return _index(raw, value)
    if kind and kind not in media_types.MANIFEST_TYPES:
        raise ImageFormatError(f"unsupported manifest media type {kind!r}")
    return _manifest(raw, kind or MANIFEST_TYPE, value)


def _manifest(raw: bytes, media_type: str, value: Mapping[str, Any]) -> Manifest:
    config = descriptor_of(value.get("config"))
    if config.media_type not in media_types.CONFIG_TYPES:
        raise ImageFormatError(
            f"not an image: its config has the type {config.media_type!r}",
            hint="registries also hold other things than images: charts, plugins, signatures",
        )
    if config.size > LIMIT_CONFIG_BYTES:
        raise ImageFormatError(f"the image's config has more than {LIMIT_CONFIG_BYTES} bytes")
    layers = _list(value, "layers", MOST_LAYERS, "max depth exceeded")
    found = tuple(descriptor_of(layer) for layer in layers)
    for layer in found:
        if media_types.is_foreign(layer.media_type):
            raise ImageFormatError(f"layer {layer.digest} is foreign: registries may not hold it")
    return Manifest(raw, media_type, config, found)


def _index(raw: bytes, value: Mapping[str, Any]) -> Index:
    entries = _list(value, "manifests", MOST_ENTRIES, "the index has too many manifests")
    return Index(raw, tuple(entry for each in entries if (entry := _entry(each)) is not None))


def _entry(value: Any) -> IndexEntry | None:
    """Return an entry that may be an image, None for what is known to be none."""
    descriptor = descriptor_of(value)
    if value.get("artifactType"):
        return None
    platform = value.get("platform")
    if platform is None:
        return IndexEntry(descriptor, None)
    if not isinstance(platform, dict):
        raise ImageFormatError("an index has a platform that is no object")
    names = [platform.get(key) or "" for key in ("os", "architecture", "variant")]
    if not all(isinstance(name, str) for name in names):
        raise ImageFormatError("an index has a platform that is not named")
    if "unknown" in names:  # how builders mark attestations
        return None
    return IndexEntry(descriptor, Platform(*names))


def descriptor_of(value: Any) -> Descriptor:
    """Return a descriptor of a manifest, checked. Raises ImageFormatError."""
    if not isinstance(value, dict):
        raise ImageFormatError("the manifest lacks a descriptor")
    media_type, digest, size = (value.get(key) for key in ("mediaType", "digest", "size"))
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ImageFormatError(f"unsupported digest {str(digest)[:100]!r}")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < _MOST_BYTES:
        raise ImageFormatError(f"{digest} has an invalid size")
    notes = value.get("annotations")
    annotations = {
        key: text
        for key, text in (notes.items() if isinstance(notes, dict) else ())
        if isinstance(text, str)
    }
    return Descriptor(str(media_type or ""), digest, size, annotations)


def _list(value: Mapping[str, Any], key: str, most: int, words: str) -> list[Any]:
    found = value.get(key)
    if not isinstance(found, list):
        raise ImageFormatError(f"the manifest lacks its {key}")
    if len(found) > most:
        raise ImageFormatError(f"{words}: {len(found)} of at most {most}")
    return found


def choose(index: Index, wanted: Platform, name: str) -> Descriptor:
    """Return the manifest that suits a platform best. Raises ImageNotFound in docker's words."""
    ranked = [
        (rank, position, entry.descriptor)
        for position, entry in enumerate(index.entries)
        if entry.platform is not None and (rank := wanted.rank(entry.platform)) is not None
    ]
    if ranked:
        return min(ranked, key=lambda each: each[:2])[2]
    unnamed = [entry.descriptor for entry in index.entries if entry.platform is None]
    if unnamed:  # an index that names no platforms means whatever machine reads it
        return unnamed[0]
    there = sorted({str(entry.platform) for entry in index.entries if entry.platform})
    raise ImageNotFound(
        f"no matching manifest for {wanted} in the manifest list entries",
        hint=f"{name} is there for: {', '.join(there)}" if there else "",
    )
