"""Compressed streams of every kind, whole and damaged, however they are cut into pieces."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from ipycontainer.errors import ImageFormatError
from ipycontainer.images import compression
from ipycontainer.images.compression import Decompressed

Pack = Callable[[bytes], bytes]
SKIPPED = b"\x50\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"


def zstd(content: bytes) -> bytes:
    """Compress with a checksum at the end."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(content)


PACKS: dict[str, Pack] = {
    "gzip": gzip.compress,
    "zstd": zstd,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


def unpacked(packed: bytes, give: int = 1 << 20, take: int = 1 << 20) -> bytes:
    """Return the content; the source gives so many bytes at most, the reader takes so many."""
    file = io.BytesIO(packed)
    reader = Decompressed(lambda n: file.read(min(n, give)), 1 << 40)
    out = []
    while piece := reader.read(take):
        out.append(piece)
    return b"".join(out)


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(PACKS)),
    st.lists(st.binary(max_size=300) | st.binary(max_size=3).map(lambda b: b * 5000), max_size=4),
    st.integers(1, 700),
    st.integers(1, 9000),
)
def test_what_was_packed_comes_out(name: str, parts: list[bytes], give: int, take: int) -> None:
    """Member after member, in pieces of any size."""
    packed = b"".join(PACKS[name](part) for part in parts)
    if parts:
        assert unpacked(packed, give, take) == b"".join(parts)


@pytest.mark.parametrize("name", sorted(PACKS))
def test_what_is_cut_off_or_changed_is_refused(name: str) -> None:
    """Wherever that is."""
    packed = PACKS[name](bytes(range(256)) * 300)
    for cut in (1, 3, len(packed) // 2, len(packed) - 7):
        with pytest.raises(ImageFormatError):
            unpacked(packed[:-cut])
    for at in range(7, len(packed), 41):
        changed = packed[:at] + bytes([packed[at] ^ 0x55]) + packed[at + 1 :]
        try:
            assert unpacked(changed) == bytes(range(256)) * 300  # a field that means nothing
        except ImageFormatError:
            pass


def test_frames_that_are_to_be_skipped() -> None:
    """zstd:chunked begins and ends with them."""
    assert unpacked(SKIPPED + zstd(b"x") + SKIPPED + zstd(b"y") + SKIPPED) == b"xy"
    assert compression.compression_of(SKIPPED) == "zstd"


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_bomb_is_bounded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given up by its ratio, and never more than a little at once."""
    monkeypatch.setattr(compression, "RATIO_FROM_BYTES", 1 << 20)
    packed = PACKS[name](b"\0" * (32 << 20))
    with pytest.raises(ImageFormatError, match="expands more than 400 times"):
        unpacked(packed, take=1 << 30)


def test_a_window_that_is_too_large_is_refused() -> None:
    """A frame may ask its reader for two gigabytes."""
    parameters = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = compressor.compress(b"x" * 1000) + compressor.flush()
    with pytest.raises(ImageFormatError, match="zstd"):
        unpacked(packed)
