"""Load images from a tar that docker, podman, skopeo or we have saved.

    archive -> decompress -> its files, each a blob in `ingest/` -> index.json or manifest.json ->
    assembly -> rows

Read in one pass from a stream that cannot be wound back, so every file is stored before anybody
knows what it is; what no image needs is removed at the end. Nothing of the archive is believed but
what its bytes' digests say. Run by a worker.
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ipycontainer import faults
from ipycontainer.errors import ImageFormatError, ImageNotFound, InvalidReference
from ipycontainer.images import image_config, manifest, media_types, oci_config, sweep
from ipycontainer.images.assembly import Assembly, Lying
from ipycontainer.images.beside import Beside
from ipycontainer.images.compression import Decompressed, compression_of
from ipycontainer.images.intake import read_some
from ipycontainer.images.layout import (
    CONFIG_TYPE,
    FULL_NAME,
    LIMIT_CONFIG_BYTES,
    LIMIT_MANIFEST_BYTES,
    MANIFEST_TYPE,
    REF_NAME,
    BlobWriter,
    Layout,
)
from ipycontainer.images.manifest import Index, Manifest
from ipycontainer.images.teller import Teller, short
from ipycontainer.images.unpacking import Unpacker
from ipycontainer.model import platform as platforms
from ipycontainer.model import reference
from ipycontainer.model.image import Descriptor
from ipycontainer.model.platform import Platform
from ipycontainer.storage.tar_reader import TarReader
from ipycontainer.storage.unpack import DEFAULT_LIMITS, clean
from ipycontainer.store import images
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home

__all__ = ["Loaded", "load"]

_PIECE = 1 << 20
_MOST_FILES = 100_000
_LIMIT_LIST_BYTES = 16 << 20
_MOST_LINKS = 8


@dataclass(frozen=True, slots=True)
class Loaded:
    """An image that was loaded, by id, with its names; `renamed` are those taken from others."""

    image_id: str
    tags: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Wanted:
    """An image that the archive says it has."""

    manifest: Manifest
    config: bytes
    tags: list[str] = field(default_factory=list)


def load(
    home: Home,
    store: Store,
    source: BinaryIO,
    platform: Platform | None,
    unpackers: Sequence[Unpacker],
    teller: Teller,
) -> list[Loaded]:
    """Load all images of an archive, for this platform where it has several.

    Raises ImageFormatError; nothing is left then of an image that is not whole.
    """
    if sweep.leftovers(home, store):
        sweep.sweep(home, store)
    with sweep.adding(home), ExitStack() as stack:
        archive = _Archive(Layout(home), stack)
        archive.read(source)
        faults.point("load: read")
        return [
            _add(home, store, archive, wanted, unpackers, teller)
            for wanted in _wanted(archive, platform)
        ]


def _add(
    home: Home,
    store: Store,
    archive: _Archive,
    wanted: _Wanted,
    unpackers: Sequence[Unpacker],
    teller: Teller,
) -> Loaded:
    layout = archive.layout
    read_config = image_config.read(wanted.config)
    assembly = Assembly(home, store, layout, wanted.manifest, read_config)
    try:
        sources = {}
        for part in assembly.parts:
            digest = part.descriptor.digest
            path = layout.blob(digest) if part.blob else archive.path(digest)
            sources[digest] = Lying(path)
            size = path.stat().st_size
            if size != part.descriptor.size:
                raise ImageFormatError(f"{digest} has {size} bytes, not {part.descriptor.size}")
        assembly.unpack(
            unpackers,
            sources,
            lambda blob, at: teller.count(short(blob.digest), "Loading layer", at, blob.size),
        )
        for part in assembly.parts:
            if not part.blob:
                archive.commit(part.descriptor.digest)
        with store.read() as tx:
            renamed = [(tag, held) for tag in wanted.tags if (held := _holder(tx, tag))]
        record = assembly.add(wanted.config, "load", tags=wanted.tags)
    finally:
        assembly.discard()
    moved = tuple((tag, held) for tag, held in renamed if held != record.id)
    return Loaded(record.id, tuple(wanted.tags), moved, tuple(assembly.warnings))


def _holder(tx: Any, tag: str) -> str:
    try:
        return images.find(tx, tag).id
    except ImageNotFound:
        return ""


class _Archive:
    """The files of an archive: small ones and layers alike lie in `ingest/`, hashed."""

    def __init__(self, layout: Layout, stack: ExitStack) -> None:
        self.layout = layout
        self._stack = stack
        self._files: dict[str, BlobWriter] = {}
        self._links: dict[str, str] = {}
        self._directories: set[str] = set()  # at the top
        self._by_digest: dict[str, BlobWriter] = {}
        self._committed: set[str] = set()

    def read(self, source: BinaryIO) -> None:
        """Take in the whole archive, compressed or not."""
        content = Decompressed(lambda n: read_some(source, n), DEFAULT_LIMITS.total_bytes)
        reader = TarReader(io.BufferedReader(content, _PIECE).read)
        for number, entry in enumerate(reader):
            if number > _MOST_FILES:
                raise ImageFormatError(f"the archive has more than {_MOST_FILES} files")
            name = clean(entry.name)
            if entry.kind == "symlink":  # docker before 1.10 saved a layer once, and links to it
                self._links[name] = clean(posixpath.join(posixpath.dirname(name), entry.link))
            elif entry.kind == "dir":
                self._directories |= {name.partition("/")[0]} - {"", "."}
            elif entry.kind == "link":
                self._links[name] = clean(entry.link)
            elif entry.kind == "file":
                writer = self._stack.enter_context(BlobWriter(self.layout))
                if entry.size > _PIECE:
                    with Beside() as beside:
                        for _, piece in reader.data():
                            beside.hand(writer.write, piece)
                        beside.finish()
                else:
                    for _, piece in reader.data():
                        writer.write(piece)
                writer.close()
                self._files[name] = writer
                self._by_digest[writer.digest] = writer

    def find(self, name: str) -> BlobWriter | None:
        """Return a file by its name, links followed inside the archive."""
        name = clean(name)
        for _ in range(_MOST_LINKS):
            if name in self._files:
                return self._files[name]
            if name not in self._links:
                return None
            name = self._links[name]
        return None

    def first_missing(self) -> str:
        """Return what docker misses in an archive that says nothing of images.

        In its first form an image is a directory a layer, which `repositories` names.
        """
        directories = {name.partition("/")[0] for name in self._files if "/" in name}
        below = min(directories | self._directories, default="")
        return f"{below}/json" if below else "repositories"

    def content(self, name: str, limit_bytes: int) -> bytes | None:
        """Return a small file's content, None where there is none."""
        writer = self.find(name)
        return None if writer is None else _content(writer, name, limit_bytes)

    def blob(self, digest: str, limit_bytes: int) -> bytes:
        """Return a small blob of the archive by its digest."""
        writer = self._by_digest.get(digest)
        if writer is not None:
            return _content(writer, digest, limit_bytes)
        if self.layout.has(digest):
            return self.layout.read_blob(digest, limit_bytes)
        raise ImageFormatError(f"blob {digest} is missing from the archive")

    def path(self, digest: str) -> Path:
        """Return where a blob of the archive lies, until it is committed."""
        writer = self._by_digest.get(digest)
        if writer is None:
            raise ImageFormatError(f"blob {digest} is missing from the archive")
        return writer.path

    def commit(self, digest: str) -> None:
        """Put a blob of the archive into the layout; once is enough."""
        if digest not in self._committed:
            self._committed.add(digest)
            self._by_digest[digest].commit("")


def _content(writer: BlobWriter, name: str, limit_bytes: int) -> bytes:
    if writer.size > limit_bytes:
        raise ImageFormatError(f"{name} has more than {limit_bytes} bytes")
    with open(writer.path, "rb") as file:
        return file.read()


# ── what the archive says it has ─────────────────────────────────────────────────────────────


def _wanted(archive: _Archive, platform: Platform | None) -> list[_Wanted]:
    """Return the images of an archive, in its order.

    An OCI index that names images comes first: it has their manifests as they were.
    """
    index = archive.content("index.json", LIMIT_MANIFEST_BYTES)
    if index is not None:
        found = _of_index(archive, index, platform)
        if found:
            return found
    listed = archive.content("manifest.json", _LIMIT_LIST_BYTES)
    if listed is None:
        if index is not None:
            raise ImageFormatError("the archive's index names no image for this platform")
        raise ImageFormatError(
            f"open {archive.first_missing()}: no such file or directory",
            hint="a root file system becomes an image by: ipycontainer import",
        )
    return _for(platform, _of_list(archive, listed))


def _for(platform: Platform | None, found: list[_Wanted]) -> list[_Wanted]:
    """Return those images whose own settings say that they are for this platform."""
    if platform is None:
        return found
    kept = [each for each in found if platform.rank(_platform(each.config)) is not None]
    if not kept:
        raise ImageFormatError(f"the archive has no image for the platform {platform}")
    return kept


def _platform(config: bytes) -> Platform:
    value = manifest.json_object(config, "an image's config")
    parts = (value.get(name) for name in ("os", "architecture", "variant"))
    return Platform(*(part if isinstance(part, str) else "" for part in parts))


def _of_index(archive: _Archive, raw: bytes, platform: Platform | None) -> list[_Wanted]:
    top = manifest.parse(raw)
    if not isinstance(top, Index):
        raise ImageFormatError("index.json is no index")
    found: dict[str, _Wanted] = {}
    for entry in top.entries:
        if platform and entry.platform and platform.rank(entry.platform) is None:
            continue
        wanted = _image(archive, entry.descriptor, platform)
        # docker's archives name no platform: then the image's own settings do
        if platform and not entry.platform and platform.rank(_platform(wanted.config)) is None:
            continue
        known = found.setdefault(wanted.manifest.descriptor.digest, wanted)
        name = _name(entry.descriptor)
        if name and name not in known.tags:
            known.tags.append(name)
    return list(found.values())


def _image(archive: _Archive, descriptor: Descriptor, platform: Platform | None) -> _Wanted:
    """Return the image of an entry, that for this platform where the entry is an index again."""
    raw = archive.blob(descriptor.digest, LIMIT_MANIFEST_BYTES)
    found = manifest.parse(raw, descriptor.media_type)
    if isinstance(found, Index):
        chosen = manifest.choose(found, platform or platforms.own(), descriptor.digest)
        raw = archive.blob(chosen.digest, LIMIT_MANIFEST_BYTES)
        found = manifest.parse(raw, chosen.media_type)
        if isinstance(found, Index):
            raise ImageFormatError("the archive has an index of indexes")
    return _Wanted(found, archive.blob(found.config.digest, LIMIT_CONFIG_BYTES))


def _name(descriptor: Descriptor) -> str:
    """Return the name that an index gives to an image, "" for none that we could use."""
    for key in (FULL_NAME, REF_NAME):
        text = descriptor.annotations.get(key, "")
        if text:
            try:
                name = reference.parse(text)
            except InvalidReference:
                continue
            return name.familiar if not name.digest else ""
    return ""


def _of_list(archive: _Archive, raw: bytes) -> list[_Wanted]:
    """Return the images of docker's manifest.json, with manifests written for them."""
    value = manifest.json_object(b'{"list":' + raw + b"}", "manifest.json")["list"]
    if not isinstance(value, list):
        raise ImageFormatError("manifest.json is not a list")
    return [_of_item(archive, item) for item in value]


def _of_item(archive: _Archive, item: Any) -> _Wanted:
    if not isinstance(item, dict):
        raise ImageFormatError("manifest.json has an item that is no object")
    config_name, layers = item.get("Config"), item.get("Layers")
    if not isinstance(config_name, str) or not isinstance(layers, list):
        raise ImageFormatError("manifest.json has an item without Config or Layers")
    if len(layers) > manifest.MOST_LAYERS:
        raise ImageFormatError(
            f"max depth exceeded: {len(layers)} of at most {manifest.MOST_LAYERS}"
        )
    config = archive.content(config_name, LIMIT_CONFIG_BYTES)
    if config is None:
        raise ImageFormatError(f"open {config_name[:200]}: no such file or directory")
    blobs = []
    for name in layers:
        writer = archive.find(name) if isinstance(name, str) else None
        if writer is None:
            raise ImageFormatError(f"open {str(name)[:200]}: no such file or directory")
        with open(writer.path, "rb") as file:
            compression = compression_of(file.read(8))
        if compression not in ("", "gzip", "zstd"):
            raise ImageFormatError(f"a layer is compressed with {compression}")
        kind = media_types.layer_type(compression)
        blobs.append(Descriptor(kind, writer.digest, writer.size))
    config_blob = Descriptor(CONFIG_TYPE, manifest.digest_of(config), len(config))
    raw = oci_config.manifest_json(config_blob, blobs)
    made = Manifest(raw, MANIFEST_TYPE, config_blob, tuple(blobs))
    names = item.get("RepoTags") or []
    if not isinstance(names, list):
        raise ImageFormatError("manifest.json has invalid RepoTags")
    tags = []
    for name in names:
        try:
            tags.append(reference.parse(str(name)).familiar)
        except InvalidReference as error:
            raise ImageFormatError(f"invalid tag {str(name)[:200]!r}: {error}") from None
    return _Wanted(made, config, tags)
