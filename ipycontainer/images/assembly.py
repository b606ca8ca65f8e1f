"""An image that comes in layer by layer: what is missing is unpacked, then all of it is added.

Between pull and load, which bring the blobs, and the store. The order makes it safe to kill at any
point: blobs and trees first, under names that a sweep recognises; then the rows in one transaction,
so that no image is ever listed in part; the index, a copy of the rows, last. Runs in a worker,
under `sweep.adding`.
"""

from __future__ import annotations

import hashlib
import os
import queue
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from ipycontainer import faults
from ipycontainer.errors import EngineError, ImageFormatError
from ipycontainer.images import media_types, oci_config, sweep
from ipycontainer.images.blob_stream import Arrived
from ipycontainer.images.image_config import ReadConfig
from ipycontainer.images.layout import CONFIG_TYPE, MANIFEST_TYPE, BlobWriter, Layout
from ipycontainer.images.manifest import Manifest
from ipycontainer.images.unpacking import Unpacked, Unpacker
from ipycontainer.model.image import Descriptor, ImageRecord, Layer
from ipycontainer.storage import trash
from ipycontainer.store import durability, images
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home

__all__ = ["Assembly", "Lying", "Source", "chain_ids", "place", "warnings_of"]


class Source(Protocol):
    """Where a layer's blob can be read, while it comes or once it is there."""

    def beyond(self, seen: Arrived | None, given_up: Callable[[], bool]) -> Arrived:
        """Wait until more has come than was seen."""


class Lying:
    """A blob that is there already."""

    def __init__(self, path: Path) -> None:
        self._arrived = Arrived(path, 0, path.stat().st_size, complete=True)

    def beyond(self, seen: Arrived | None, given_up: Callable[[], bool]) -> Arrived:
        """Return it."""
        del seen, given_up
        return self._arrived


@dataclass(frozen=True, slots=True)
class Part:
    """One layer of an image that comes in.

    `tree` tells that it is unpacked already; then `size` is known, and the blob is only looked at.
    """

    descriptor: Descriptor
    diff_id: str
    chain_id: str
    tree: bool
    blob: bool
    size: int = 0


def chain_ids(diff_ids: Sequence[str]) -> list[str]:
    """Return the chain ids of layers, base first (OCI image-spec `config.md`, "Layer ChainID")."""
    found: list[str] = []
    for diff_id in diff_ids:
        if not found:
            found.append(diff_id)
            continue
        digest = hashlib.sha256(f"{found[-1]} {diff_id}".encode()).hexdigest()
        found.append(f"sha256:{digest}")
    return found


class Assembly:
    """One image on its way in."""

    def __init__(
        self, home: Home, store: Store, layout: Layout, manifest: Manifest, config: ReadConfig
    ) -> None:
        if len(manifest.layers) != len(config.diff_ids):
            raise ImageFormatError(
                f"invalid manifest, layers length mismatch: expected {len(config.diff_ids)}, "
                f"got {len(manifest.layers)}"
            )
        self._home = home
        self._store = store
        self._layout = layout
        self.manifest = manifest
        self.config = config
        self.parts = tuple(self._parts())
        self._types = {layer.digest: layer.media_type for layer in manifest.layers}
        self._done: dict[int, Unpacked] = {}
        self._trees: dict[int, Path] = {}
        self._lock = threading.Lock()
        self._given_up = threading.Event()
        # As long as this lies in `ingest/`, whoever comes after a killed process sweeps up: layers
        # and blobs that have their names but no rows yet look like any others.
        self._mark = BlobWriter(layout)

    def _parts(self) -> list[Part]:
        parts = []
        chains = chain_ids(self.config.diff_ids)
        with self._store.read() as tx:
            sizes = [images.chain_size(tx, chain_id) for chain_id in chains]
        for layer, diff_id, chain_id, size in zip(
            self.manifest.layers, self.config.diff_ids, chains, sizes, strict=True
        ):
            tree = size is not None and self._home.layer(chain_id).is_dir()
            blob = self._layout.has(layer.digest)
            parts.append(Part(layer, diff_id, chain_id, tree, blob, size or 0))
        return parts

    def give_up(self) -> None:
        """Let every thread of this assembly stop soon."""
        self._given_up.set()

    def unpack(
        self,
        unpackers: Sequence[Unpacker],
        sources: Mapping[str, Source],
        tell: Callable[[Descriptor, int], None],
    ) -> None:
        """Unpack what is missing, each layer from its source (by digest); wait for all.

        `tell` is called with a blob and how much of it was unpacked; all of it once the layer is
        there. Raises the first error.
        """
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number, part in enumerate(self.parts):
            if not (part.tree and part.blob):
                waiting.put(number)
        errors: list[BaseException] = []

        def work(unpacker: Unpacker) -> None:
            while not self._given_up.is_set():
                try:
                    number = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    part = self.parts[number]
                    self._unpack(number, unpacker, sources[part.descriptor.digest], tell)
                except BaseException as error:  # noqa: BLE001  raised again by the caller
                    errors.append(error)
                    self.give_up()

        threads = [
            threading.Thread(target=work, args=(each,), name="unpack", daemon=True)
            for each in unpackers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def _unpack(
        self,
        number: int,
        unpacker: Unpacker,
        source: Source,
        tell: Callable[[Descriptor, int], None],
    ) -> None:
        part = self.parts[number]
        seen: Arrived | None = None
        try:
            while True:
                now = source.beyond(seen, self._given_up.is_set)
                if seen is not None and seen.attempt != now.attempt:
                    unpacker.abort()
                    seen = None
                if seen is None:
                    target = None if part.tree else self._new_tree(number)
                    unpacker.begin(now.path, target, now.size, now.complete)
                else:
                    unpacker.grown(now.size, now.complete)
                seen = now
                if now.complete:
                    break
        except BaseException:
            if seen is not None:
                unpacker.abort()
            raise
        most = max(0, part.descriptor.size - 1)
        found = unpacker.result(lambda at: tell(part.descriptor, min(at, most)))
        if found.diff_id != part.diff_id:
            raise ImageFormatError(
                f"wrong diff id calculated on extraction: {found.diff_id}, "
                f"the config says {part.diff_id}"
            )
        faults.point("layer: unpacked")
        with self._lock:
            self._done[number] = found
        tell(part.descriptor, part.descriptor.size)

    def _new_tree(self, number: int) -> Path:
        self._discard(number)
        path = self._home.layers / f"{sweep.NEW}{secrets.token_hex(8)}"
        path.mkdir(mode=0o755)
        self._trees[number] = path
        return path

    def _discard(self, number: int) -> None:
        path = self._trees.pop(number, None)
        if path is not None:
            trash.throw_away(self._home, path)

    def discard(self) -> None:
        """Throw away what was unpacked and has not found its place."""
        for number in list(self._trees):
            self._discard(number)
        with self._mark:
            pass

    def add(
        self, config: bytes, how: str, *, tags: Sequence[str] = (), digests: Sequence[str] = ()
    ) -> ImageRecord:
        """Add the image whose blobs are in the layout by now, but for the config and manifest.

        `how` is the event that tells of it: pull, load.
        """
        read, manifest = self.config, self.manifest
        for number, path in list(self._trees.items()):
            if place(path, self._home.layer(self.parts[number].chain_id)):
                del self._trees[number]
        config_blob = self._layout.put_blob(config, CONFIG_TYPE)
        if config_blob.digest != manifest.config.digest:
            raise ImageFormatError(f"the config is not {manifest.config.digest}")
        own = self._layout.put_blob(manifest.raw, manifest.media_type)
        listed = own
        if manifest.media_type != MANIFEST_TYPE:
            listed = self._as_oci(config_blob)
        layers = tuple(
            Layer(part.chain_id, part.diff_id, self._size(number, part))
            for number, part in enumerate(self.parts)
        )
        record = ImageRecord(
            id=config_blob.digest,
            manifest=listed.digest,
            created_ns=read.created_ns,
            size=sum(layer.size for layer in layers),
            config=read.config,
            layers=layers,
            tags=tuple(tags),
            architecture=read.architecture,
            os=read.os,
            author=read.author,
            comment=read.comment,
            engine_version=read.engine_version,
            history=read.history,
            variant=read.variant,
            digests=tuple(digests),
            source=None if listed == own else own,
        )
        blobs = {own.digest, listed.digest, config_blob.digest}
        blobs.update(layer.digest for layer in manifest.layers)
        durability.keep_files(self._home)
        faults.point("image: before the rows")
        with self._store.write() as tx:
            images.add(tx, record, blobs)
            images.tell(tx, record.id, how, tags[0] if tags else record.id)
        self._layout.write_index(self._store)
        return record

    def _as_oci(self, config: Descriptor) -> Descriptor:
        """Store the manifest in OCI's form: other tools read no other from a layout."""
        compressions = {
            self.parts[number].descriptor.digest: found.compression
            for number, found in self._done.items()
        }
        layers = []
        for layer in self.manifest.layers:
            known = compressions.get(layer.digest)
            kind = media_types.layer_type(known) if known is not None else _in_oci(layer)
            layers.append(replace(layer, media_type=kind, annotations={}))
        return self._layout.put_blob(oci_config.manifest_json(config, layers), MANIFEST_TYPE)

    def _size(self, number: int, part: Part) -> int:
        return part.size if part.tree else self._done[number].found.size

    @property
    def warnings(self) -> list[str]:
        """Return what had to be left out, a line each."""
        devices = [path for found in self._done.values() for path in found.found.devices]
        return warnings_of(devices, sum(found.found.squashed for found in self._done.values()))


def _in_oci(layer: Descriptor) -> str:
    """Return OCI's type for docker's, by its name: nobody has looked into this blob just now."""
    if layer.media_type.endswith("zstd"):
        return media_types.layer_type("zstd")
    return media_types.layer_type("gzip" if layer.media_type.endswith("gzip") else "")


def place(path: Path, layer: Path) -> bool:
    """Give an unpacked layer its name; False when one is there already: it is the same."""
    try:
        os.rename(path, layer)
    except OSError as error:
        if not layer.is_dir():
            raise EngineError(f"cannot place a layer: {error}") from error
        return False
    return True


def warnings_of(devices: Sequence[str], squashed: int) -> list[str]:
    """Say what an unpacking had to leave out, a line each."""
    lines = []
    if devices:
        shown = ", ".join(devices[:3]) + (", ..." if len(devices) > 3 else "")
        lines.append(
            f"{len(devices)} device files were left out (this user may not make them): {shown}"
        )
    if squashed:
        lines.append(
            f"{squashed} files belong to root in the image, since this user has no ids for their "
            "owners (see /etc/subuid and newuidmap)"
        )
    return lines
