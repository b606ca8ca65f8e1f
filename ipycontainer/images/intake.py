"""An archive on its way in: one pass that stores it, hashes it, and unpacks what it is made of.

    source -> blob and its digest -> gunzip -> diff id -> storage.unpack

Called by images.archive_import. Compression is undone here, in this process: running the `xz` or
`unpigz` of somebody's tree was docker's CVE-2026-41567.
"""

from __future__ import annotations

import hashlib
import io
import select
import zlib
from typing import BinaryIO

from ipycontainer.errors import ImageFormatError, Unsupported
from ipycontainer.images.layout import LAYER_GZIP_TYPE, LAYER_TYPE, BlobWriter

__all__ = ["Intake"]

_PIECE = 1 << 20
_GZIP = 31  # zlib: a gzip header, the largest window

# Deflate packs at most 1032 to 1; a tree of files does not come near. Only judged once there is
# enough of it that it would hurt.
_MOST_RATIO = 400
_RATIO_FROM_BYTES = 64 << 20

_LONGEST_MAGIC = 6
_REFUSED = {
    b"BZh": ("bzip2", "bzip2 -dc"),
    b"\xfd7zXZ\0": ("xz", "xz -dc"),
    b"\x28\xb5\x2f\xfd": ("zstd", "zstd -dc"),
    b"PK\x03\x04": ("zip", "bsdtar -cf - @-"),
}


class Intake:
    """Reads an archive, plain or gzip, for one unpacking.

    `read` gives the tar's bytes; `finish` takes in what follows the archive's end, to be called
    before `diff_id`, `media_type` and the writer's digest say anything.
    """

    def __init__(self, source: BinaryIO, writer: BlobWriter, limit_bytes: int) -> None:
        first = b""
        while len(first) < _LONGEST_MAGIC and (piece := _read(source, _PIECE)):
            first += piece
        _refuse(first)
        self._tee = _Tee(source, writer, first, limit_bytes)
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
        """Return the blob's type, as it came."""
        return LAYER_GZIP_TYPE if self._tee.compressed else LAYER_TYPE


class _Tee(io.RawIOBase):
    def __init__(
        self, source: BinaryIO, writer: BlobWriter, first: bytes, limit_bytes: int
    ) -> None:
        super().__init__()
        self._source = source
        self._writer = writer
        self._first: bytes | None = first
        self._limit_bytes = limit_bytes
        self.compressed = first.startswith(b"\x1f\x8b")
        self._hash = hashlib.sha256() if self.compressed else None
        self._inflate = zlib.decompressobj(_GZIP)
        self._pending = b""
        self._given = 0

    @property
    def diff_id(self) -> str:
        return f"sha256:{self._hash.hexdigest()}" if self._hash else self._writer.digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        wanted = len(buffer)
        piece = self._inflated(wanted) if self.compressed else self._raw(wanted)
        self._given += len(piece)
        if self._given > self._limit_bytes:
            raise ImageFormatError(f"the archive has more than {self._limit_bytes} bytes")
        buffer[: len(piece)] = piece
        return len(piece)

    def _raw(self, wanted: int) -> bytes:
        if self._first is not None:
            piece, rest = self._first[:wanted], self._first[wanted:]
            self._first = rest or None
        else:
            piece = _read(self._source, wanted)
        self._writer.write(piece)
        return piece

    def _inflated(self, wanted: int) -> bytes:
        """Return the next uncompressed bytes, at most `wanted`, none at the end."""
        assert self._hash is not None
        while True:
            if self._inflate.eof and not self._next_member():
                return b""
            if not self._pending:
                self._pending = self._raw(_PIECE)
                if not self._pending:
                    raise ImageFormatError("unexpected EOF")
            try:
                piece = self._inflate.decompress(self._pending, wanted)
            except zlib.error as error:
                raise ImageFormatError(_words(error)) from None
            self._pending = self._inflate.unconsumed_tail
            if piece:
                self._judge(len(piece))
                self._hash.update(piece)
                return piece

    def _next_member(self) -> bool:
        """Begin the next member of the gzip file, if there is one; zeros between are padding."""
        rest = self._inflate.unused_data.lstrip(b"\0")
        while not rest:
            piece = self._raw(_PIECE)
            if not piece:
                return False
            rest = piece.lstrip(b"\0")
        self._inflate = zlib.decompressobj(_GZIP)
        self._pending = rest
        return True

    def _judge(self, length: int) -> None:
        given = self._given + length
        if given > _RATIO_FROM_BYTES and given > _MOST_RATIO * self._writer.size:
            raise ImageFormatError(f"the archive expands more than {_MOST_RATIO} times")


def _read(source: BinaryIO, wanted: int) -> bytes:
    """Read what there is, at most `wanted` bytes, none at the end; waits for non-blocking pipes."""
    while True:
        piece: bytes | None = source.read(wanted)
        if piece is not None:
            return piece
        select.select([source], [], [])


def _refuse(first: bytes) -> None:
    for magic, (name, command) in _REFUSED.items():
        if first.startswith(magic):
            raise Unsupported(
                f"archives compressed with {name} are not supported, only tar and gzip",
                hint=f"{command} < ARCHIVE | ipycontainer import - NAME",
            )


def _words(error: zlib.error) -> str:
    """Return Go's words, which docker shows, for zlib's."""
    text = str(error)
    if "incorrect header" in text:
        return "gzip: invalid header"
    if "data check" in text or "length check" in text:
        return "gzip: invalid checksum"
    return "flate: corrupt input"
