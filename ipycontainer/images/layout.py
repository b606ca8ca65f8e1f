"""The OCI image layout of a home: blobs by digest, and an index made from the store's rows.

Other tools read it as it lies (`skopeo inspect oci:DIR:NAME`, `umoci unpack --image DIR:NAME`); we
read our own rows. Blobs are written before the rows that need them and removed after; nothing in
the index is more than a copy of what the rows say. Source: OCI image-spec `image-layout.md`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ipycontainer import faults
from ipycontainer.errors import ImageFormatError
from ipycontainer.model import reference
from ipycontainer.model.image import Descriptor, ImageRecord
from ipycontainer.store import images
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home

__all__ = [
    "CONFIG_TYPE",
    "FULL_NAME",
    "INDEX_TYPE",
    "LAYER_GZIP_TYPE",
    "LAYER_TYPE",
    "LAYER_ZSTD_TYPE",
    "LIMIT_CONFIG_BYTES",
    "LIMIT_MANIFEST_BYTES",
    "MANIFEST_TYPE",
    "REF_NAME",
    "BlobWriter",
    "Layout",
    "index_entry",
]

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
LAYER_ZSTD_TYPE = "application/vnd.oci.image.layer.v1.tar+zstd"
LIMIT_MANIFEST_BYTES = 4 << 20
LIMIT_CONFIG_BYTES = 8 << 20

REF_NAME = "org.opencontainers.image.ref.name"
FULL_NAME = "io.containerd.image.name"  # what docker and containerd read
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


class BlobWriter:
    """A blob in the making: hashed as it is written, in place under its digest when committed.

    What is not committed is removed at the end of the `with`; a killed process leaves a file in
    `ingest/`, for the sweep.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.path = layout.ingest / secrets.token_hex(8)
        self._file = open(self.path, "xb", buffering=0)  # noqa: SIM115  closed by __exit__
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, piece: bytes | memoryview) -> None:
        """Append bytes."""
        view = memoryview(piece)
        self._hash.update(view)
        self.size += len(view)
        while view:
            view = view[self._file.write(view) :]

    @property
    def digest(self) -> str:
        """Return the digest of what was written so far."""
        return f"sha256:{self._hash.hexdigest()}"

    def commit(self, media_type: str) -> Descriptor:
        """Put the blob in its place, whole: pull and load believe what has its name there.

        A loss of power may leave the name without the bytes, where they were not on the disk first.
        """
        self._file.close()
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fdatasync(fd)
        finally:
            os.close(fd)
        os.chmod(self.path, 0o444)
        os.rename(self.path, self._layout.blob(self.digest))
        return Descriptor(media_type, self.digest, self.size)

    def close(self) -> None:
        """Take it that all is written; the file stays until the end of the `with`."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)


class Layout:
    """The layout of a home. Constructing one makes its directories where they are missing."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.root = home.layout
        self.blobs = self.root / "blobs" / "sha256"
        self.ingest = self.root / "ingest"
        if not (self.root / "oci-layout").exists():
            self.blobs.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.ingest.mkdir(mode=0o700, exist_ok=True)
            _replace(self.root / "oci-layout", b'{"imageLayoutVersion":"1.0.0"}\n', self.ingest)

    def blob(self, digest: str) -> Path:
        """Return the file of a blob. Raises ImageFormatError for what is no sha256 digest."""
        found = _DIGEST.fullmatch(digest)
        if found is None:
            raise ImageFormatError(f"unsupported digest {digest!r}")
        return self.blobs / found[1]

    def put_blob(self, content: bytes, media_type: str) -> Descriptor:
        """Store a small blob, and return its descriptor."""
        with BlobWriter(self) as writer:
            writer.write(content)
            return writer.commit(media_type)

    def has(self, digest: str) -> bool:
        """Tell whether a blob is there."""
        return self.blob(digest).exists()

    def read_blob(self, digest: str, limit_bytes: int = LIMIT_CONFIG_BYTES) -> bytes:
        """Return a small blob, its digest checked. Raises ImageFormatError."""
        try:
            with open(self.blob(digest), "rb") as file:
                content = file.read(limit_bytes + 1)
        except FileNotFoundError:
            raise ImageFormatError(f"blob {digest} is missing from {self.root}") from None
        if len(content) > limit_bytes:
            raise ImageFormatError(f"blob {digest} has more than {limit_bytes} bytes")
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
            raise ImageFormatError(f"blob {digest} is damaged")
        return content

    def write_index(self, store: Store) -> None:
        """Write index.json anew from the rows, if they say something else than it does.

        Rows are read under the lock: of two writers, the later one knows of both changes.
        """
        with _locked(self._index_lock):
            with store.read() as tx:
                records = images.list_all(tx)
            content = json.dumps(self._index(records), indent=1).encode() + b"\n"
            path = self.root / "index.json"
            with suppress(FileNotFoundError):
                if path.read_bytes() == content:
                    return
            faults.point("index")
            _replace(path, content, self.ingest)

    @property
    def _index_lock(self) -> Path:
        return self.root / "index.lock"

    def held(self) -> set[str]:
        """Return the digests of the blobs that are there."""
        return {f"sha256:{name}" for name in os.listdir(self.blobs)}

    def is_behind(self, store: Store) -> bool:
        """Tell whether index.json has other names than the rows: its writer was killed."""
        with store.read() as tx:
            wanted = images.names(tx)
        try:
            listed = json.loads((self.root / "index.json").read_bytes())["manifests"]
        except (OSError, ValueError, KeyError):
            return bool(wanted)
        found = {
            (each["annotations"][REF_NAME], each["digest"])
            for each in listed
            if REF_NAME in each.get("annotations", {})
        }
        return found != wanted

    def remove_unused(self, kept: Iterable[str]) -> None:
        """Remove the blobs that are not in `kept`, and what killed writers have left.

        Whoever writes the index is no importer, and kept away by the index's own lock.
        """
        names = {digest.removeprefix("sha256:") for digest in kept}
        for path in self.blobs.iterdir():
            if path.name not in names:
                path.unlink(missing_ok=True)
        with _locked(self._index_lock):
            for path in self.ingest.iterdir():
                path.unlink(missing_ok=True)

    def _index(self, records: Iterable[ImageRecord]) -> dict[str, Any]:
        """Return the index: a manifest for each name, one without for an image that has none."""
        manifests: list[dict[str, Any]] = []
        for record in records:
            if not record.manifest:  # `host` has no blobs
                continue
            size = self.blob(record.manifest).stat().st_size
            manifests += [index_entry(record, size, tag) for tag in record.tags or ("",)]
        return {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests}


def index_entry(record: ImageRecord, size: int, tag: str) -> dict[str, Any]:
    """Return an image's entry in an index, under one of its names or ("") under none.

    `size` is its manifest's.
    """
    platform = {"architecture": record.architecture, "os": record.os}
    entry: dict[str, Any] = {
        "mediaType": MANIFEST_TYPE,
        "digest": record.manifest,
        "size": size,
        "platform": {**platform, **({"variant": record.variant} if record.variant else {})},
    }
    if tag:
        entry["annotations"] = {REF_NAME: tag, FULL_NAME: reference.parse(tag).canonical}
    return entry


def _replace(path: Path, content: bytes, ingest: Path) -> None:
    fresh = ingest / secrets.token_hex(8)
    with open(fresh, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
