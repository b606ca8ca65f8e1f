"""An archive on its way in: one pass that stores it, hashes it, and unpacks what it is made of.

    source -> blob and its digest -> decompress -> diff id -> storage.unpack

Called by images.archive_import. A layer may be stored plain, or as gzip or zstd; of an archive that
is compressed in another way the content is stored.
"""

from __future__ import annotations

import hashlib
import io
import select
from typing import BinaryIO

from ipycontainer.images import media_types
from ipycontainer.images.compression import Decompressed
from ipycontainer.images.layout import BlobWriter

__all__ = ["Intake", "read_some"]

_PIECE = 1 << 20


class Intake:
    """Reads an archive for one unpacking.

    `read` gives the tar's bytes; `finish` takes in what follows the archive's end, to be called
    before `diff_id`, `media_type` and the writer's digest say anything.
    """

    def __init__(self, source: BinaryIO, writer: BlobWriter, limit_bytes: int) -> None:
        self._tee = _Tee(source, writer, limit_bytes)
        self._buffered = io.BufferedReader(self._tee, _PIECE)
        self.read = self._buffered.read

    def finish(self) -> None:
        """Read to the end of the source: the blob is all of it, padding included."""
        while self._buffered.read(_PIECE):
            pass

    @property
    def diff_id(self) -> str:
        """Return the digest of the uncompressed archive."""
        return self._tee.diff_id

    @property
    def media_type(self) -> str:
        """Return the blob's type."""
        return media_types.layer_type(self._tee.stored_as)


class _Tee(io.RawIOBase):
    def __init__(self, source: BinaryIO, writer: BlobWriter, limit_bytes: int) -> None:
        super().__init__()
        self._source = source
        self._writer = writer
        self._first: list[bytes] | None = []
        self._decompressed = Decompressed(self._raw, limit_bytes)
        compression = self._decompressed.compression
        self.stored_as = compression if compression in ("gzip", "zstd") else ""
        self._hash = hashlib.sha256() if self.stored_as else None
        first, self._first = self._first, None
        if self.stored_as:
            for piece in first:
                writer.write(piece)

    @property
    def diff_id(self) -> str:
        return f"sha256:{self._hash.hexdigest()}" if self._hash else self._writer.digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        length = self._decompressed.readinto(buffer)
        if self._hash:
            self._hash.update(buffer[:length])
        else:
            self._writer.write(buffer[:length])
        return length

    def _raw(self, wanted: int) -> bytes:
        piece = read_some(self._source, wanted)
        if self._first is not None:
            self._first.append(piece)  # how it is compressed, and so what is stored, is not known
        elif self.stored_as:
            self._writer.write(piece)
        return piece


def read_some(source: BinaryIO, wanted: int) -> bytes:
    """Read what there is, at most `wanted` bytes, none at the end; waits for non-blocking pipes."""
    while True:
        piece: bytes | None = source.read(wanted)
        if piece is not None:
            return piece
        select.select([source], [], [])
