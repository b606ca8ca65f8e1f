"""An archive on its way in: one pass that stores it, hashes it, and unpacks what it is made of.

    source -> blob and its digest -> decompress -> diff id -> storage.unpack

Digests and the blob's file are a thread's, beside who unpacks: both let go of the interpreter's
lock for as long as they take. Called by images.archive_import. A layer may be stored plain, or as
gzip or zstd; of an archive that is compressed in another way the content is stored.
"""

from __future__ import annotations

import hashlib
import select
from types import TracebackType
from typing import BinaryIO, Self

from ipycontainer.images import media_types
from ipycontainer.images.beside import Beside
from ipycontainer.images.compression import Decompressed
from ipycontainer.images.layout import BlobWriter

__all__ = ["Intake", "read_some"]

_PIECE = 1 << 20


class Intake:
    """Reads an archive for one unpacking, inside a `with`.

    `read` gives the tar's bytes; `finish` takes in what follows the archive's end, to be called
    before `diff_id`, `media_type` and the writer's digest say anything. What the blob's file does
    not take is raised by either, a few pieces late.
    """

    def __init__(self, source: BinaryIO, writer: BlobWriter, limit_bytes: int) -> None:
        self._beside = Beside()
        try:
            self._tee = _Tee(source, writer, limit_bytes, self._beside)
        except BaseException:
            self._beside.end()
            raise
        self._piece = b""
        self._at = 0

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""
        at, end = self._at, self._at + size
        if end <= len(self._piece):
            self._at = end
            return self._piece[at:end]
        parts = [self._piece[at:]]
        missing = end - len(self._piece)
        self._at, self._piece = 0, b""
        while missing and (piece := self._tee.take(_PIECE)):
            parts.append(piece[:missing])
            self._at, self._piece = len(parts[-1]), piece
            missing -= len(parts[-1])
        return b"".join(parts)

    def finish(self) -> None:
        """Read to the end of the source: the blob is all of it, padding included."""
        self._at, self._piece = 0, b""
        while self._tee.take(_PIECE):
            pass
        self._beside.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._beside.end()

    @property
    def diff_id(self) -> str:
        """Return the digest of the uncompressed archive."""
        return self._tee.diff_id

    @property
    def media_type(self) -> str:
        """Return the blob's type."""
        return media_types.layer_type(self._tee.stored_as)


class _Tee:
    def __init__(
        self, source: BinaryIO, writer: BlobWriter, limit_bytes: int, beside: Beside
    ) -> None:
        self._beside = beside
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
                beside.hand(writer.write, piece)

    @property
    def diff_id(self) -> str:
        return f"sha256:{self._hash.hexdigest()}" if self._hash else self._writer.digest

    def take(self, wanted: int) -> bytes:
        piece = self._decompressed.take(wanted)
        self._beside.hand(self._hash.update if self._hash else self._writer.write, piece)
        return piece

    def _raw(self, wanted: int) -> bytes:
        piece = read_some(self._source, wanted)
        if self._first is not None:
            self._first.append(piece)  # how it is compressed, and so what is stored, is not known
        elif self.stored_as:
            self._beside.hand(self._writer.write, piece)
        return piece


def read_some(source: BinaryIO, wanted: int) -> bytes:
    """Read what there is, at most `wanted` bytes, none at the end; waits for non-blocking pipes."""
    while True:
        piece: bytes | None = source.read(wanted)
        if piece is not None:
            return piece
        select.select([source], [], [])
