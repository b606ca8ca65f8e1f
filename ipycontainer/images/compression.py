"""Undo the compression of layers and archives while they come, whatever their name says they are.

Recognised by their first bytes. Done in this process and bounded: the `xz` or `unpigz` of
somebody's tree was docker's CVE-2026-41567, and a few bytes may claim to be a whole disk.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from ipycontainer.errors import ImageFormatError, Unsupported

__all__ = ["LONGEST_MAGIC", "Decompressed", "compression_of"]

LONGEST_MAGIC = 6
_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"PK\x03\x04": "zip",
}
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # after 0x50 to 0x5f (RFC 8878, 3.1.2); zstd:chunked begins so

# Small enough that what is left of a piece after each step costs little to copy.
_PIECE = 256 << 10
_GZIP = 31  # zlib: a gzip header, the largest window
_ZSTD_WINDOW = 128 << 20  # as much as `zstd -d` takes without being told
_XZ_MEMORY = 128 << 20

# Deflate packs at most 1032 to 1; a tree of files does not come near. Only judged once there is
# enough of it that it would hurt.
MOST_RATIO = 400
RATIO_FROM_BYTES = 64 << 20


def compression_of(first: bytes) -> str:
    """Return how something is compressed, by its first bytes: "" for not at all."""
    if first[1:4] == _ZSTD_SKIPPABLE and 0x50 <= first[0] <= 0x5F:
        return "zstd"
    return next((name for magic, name in _MAGIC.items() if first.startswith(magic)), "")


class _Member(Protocol):
    """One compressed member of a stream, as Python's libraries have it."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...

    def step(self, data: bytes, wanted: int) -> bytes:
        """Return at most about `wanted` bytes; with no data, what is left of earlier data."""

    @property
    def hungry(self) -> bool: ...


class Decompressed(io.RawIOBase):
    """The uncompressed bytes of what `read` gives, at most `limit_bytes` of them.

    `read(n)` returns at most n bytes, none at the end. Several members one after another are one
    stream. Raises ImageFormatError in the words of Go's libraries, which docker shows.
    """

    def __init__(self, read: Callable[[int], bytes], limit_bytes: int) -> None:
        super().__init__()
        self._source = read
        self._limit_bytes = limit_bytes
        self._pending = b""
        while len(self._pending) < LONGEST_MAGIC and (piece := read(_PIECE)):
            self._pending += piece
        self._taken = len(self._pending)
        self.compression = compression_of(self._pending)
        if self.compression == "zip":
            raise Unsupported(
                "zip archives are not supported, only tar",
                hint="bsdtar -cf - @ARCHIVE | ipycontainer import - NAME",
            )
        self._member = _MEMBERS[self.compression]() if self.compression else None
        self._given = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Fill the buffer with the next bytes, and return how many they are."""
        piece = self.take(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def take(self, wanted: int) -> bytes:
        """Return the next bytes, at most `wanted`, none at the end."""
        piece = self._raw(wanted) if self._member is None else self._next(wanted)
        self._given += len(piece)
        if self._given > self._limit_bytes:
            raise ImageFormatError(f"the archive has more than {self._limit_bytes} bytes")
        if self._given > RATIO_FROM_BYTES and self._given > MOST_RATIO * self._taken:
            raise ImageFormatError(f"the archive expands more than {MOST_RATIO} times")
        return piece

    def _raw(self, wanted: int) -> bytes:
        if self._pending:
            piece, self._pending = self._pending[:wanted], self._pending[wanted:]
            return piece
        piece = self._source(wanted)
        self._taken += len(piece)
        return piece

    def _next(self, wanted: int) -> bytes:
        """Return the next uncompressed bytes, at most `wanted`, none at the end."""
        while True:
            assert self._member is not None
            if self._member.eof and not self._begin_member():
                return b""
            data = b""
            if self._member.hungry:
                data = self._raw(_PIECE)
                if not data:
                    raise ImageFormatError("unexpected EOF")
            if piece := self._member.step(data, wanted):
                return piece

    def _begin_member(self) -> bool:
        """Begin the next member of the stream, if there is one; zeros between are padding."""
        assert self._member is not None
        rest = self._member.unused_data.lstrip(b"\0")
        while not rest:
            piece = self._raw(_PIECE)
            if not piece:
                return False
            rest = piece.lstrip(b"\0")
        self._member = _MEMBERS[self.compression]()
        self._pending = rest + self._pending
        return True


class _Gzip:
    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP)

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    @property
    def hungry(self) -> bool:
        return not self._inflate.unconsumed_tail

    def step(self, data: bytes, wanted: int) -> bytes:
        try:
            return self._inflate.decompress(data or self._inflate.unconsumed_tail, wanted)
        except zlib.error as error:
            raise ImageFormatError(_go_words(error)) from None


def _go_words(error: zlib.error) -> str:
    text = str(error)
    if "incorrect header" in text:
        return "gzip: invalid header"
    if "data check" in text or "length check" in text:
        return "gzip: invalid checksum"
    return "flate: corrupt input"


class _Bounded:
    """bz2's and lzma's objects, which keep their input themselves."""

    def __init__(self, inner: Any, words: str) -> None:
        self._inner = inner
        self._words = words

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data)

    @property
    def hungry(self) -> bool:
        return bool(self._inner.needs_input)

    def step(self, data: bytes, wanted: int) -> bytes:
        try:
            return bytes(self._inner.decompress(data, wanted))
        except (OSError, ValueError, EOFError, lzma.LZMAError):
            raise ImageFormatError(f"{self._words}: corrupt input") from None


class _Zstd:
    """A frame of zstd, given to the library a block at a time.

    Told more, it would give all that its input stands for at once: 128 KiB for four bytes. And it
    does not say where a stream was cut off. Format: RFC 8878, 3.1.
    """

    def __init__(self) -> None:
        try:
            import zstandard
        except ImportError:
            raise Unsupported(
                "zstd needs the Python package zstandard", hint="pip install zstandard"
            ) from None
        self._error = zstandard.ZstdError
        self._inner = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        self._buffer = b""
        self._at = 0
        self._unit = self._header
        self._out = b""
        self._skip = 0
        self._checksum = 0
        self._ended = False
        self.hungry = True

    @property
    def eof(self) -> bool:
        return self._ended and not self._out

    @property
    def unused_data(self) -> bytes:
        return self._buffer[self._at :]

    def step(self, data: bytes, wanted: int) -> bytes:
        if data:
            self._buffer = self._buffer[self._at :] + data
            self._at = 0
        while not self._out and not self._ended:
            length = self._unit()
            self.hungry = length < 0
            if self.hungry:
                return b""
            part = self._buffer[self._at : self._at + length]
            self._at += length
            try:
                self._out = self._inner.decompress(part) if part and not self._skip else b""
            except self._error:
                raise _corrupt_zstd() from None
            if self._unit == self._end and not self._checksum:
                self._ended = True
        piece, self._out = self._out[:wanted], self._out[wanted:]
        self.hungry = not self._out and self._at == len(self._buffer) and not self._ended
        return piece

    def _there(self, length: int) -> int:
        """Return the length when so much is there, else -1."""
        return length if len(self._buffer) - self._at >= length else -1

    def _header(self) -> int:
        if self._there(5) < 0:
            return -1
        head = self._buffer[self._at : self._at + 8]
        if head[1:4] == _ZSTD_SKIPPABLE and 0x50 <= head[0] <= 0x5F:
            if len(head) < 8:
                return -1
            self._skip = int.from_bytes(head[4:8], "little")
            self._unit = self._skipped
            return 8
        flags = head[4]
        single = flags >> 5 & 1
        length = 5 + (1 - single) + (0, 1, 2, 4)[flags & 3] + (single, 2, 4, 8)[flags >> 6]
        self._checksum = 4 * (flags >> 2 & 1)
        if self._there(length) > 0:
            self._unit = self._block
        return self._there(length)

    def _skipped(self) -> int:
        length = min(self._skip, len(self._buffer) - self._at)
        if self._skip and not length:
            return -1
        self._at += length
        self._skip -= length
        self._ended = not self._skip
        return 0

    def _block(self) -> int:
        if self._there(3) < 0:
            return -1
        head = int.from_bytes(self._buffer[self._at : self._at + 3], "little")
        last, kind, size = head & 1, head >> 1 & 3, head >> 3
        if kind == 3 or size > _ZSTD_BLOCK:
            raise _corrupt_zstd()
        length = self._there(3 + (1 if kind == 1 else size))
        if length > 0 and last:
            self._unit = self._end
        return length

    def _end(self) -> int:
        length = self._there(self._checksum)
        self._ended = length >= 0
        return length


def _corrupt_zstd() -> ImageFormatError:
    return ImageFormatError("zstd: corrupt input")


_ZSTD_BLOCK = 128 << 10

_MEMBERS: dict[str, Callable[[], _Member]] = {
    "gzip": _Gzip,
    "zstd": _Zstd,
    "bzip2": lambda: _Bounded(bz2.BZ2Decompressor(), "bzip2 data invalid"),
    "xz": lambda: _Bounded(
        lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY), "xz: data is corrupt"
    ),
}
