"""A picture that somebody else wrote is looked at whole before a page gets it."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel_ext.png import checked

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def image(
    width: int = 2, height: int = 2, data: bytes | None = None, *between: bytes, interlace: int = 0
) -> bytes:
    """Return a grey picture of 8 bits."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlace)
    raw = b"\0" * (height * (width + 1)) if data is None else data
    return b"".join(
        (SIGNATURE, chunk(b"IHDR", header), *between, chunk(b"IDAT", zlib.compress(raw)))
    ) + chunk(b"IEND", b"")


def test_a_picture_passes_as_it_is() -> None:
    """Nothing but the picture comes out, with its size; interlaced ones too."""
    assert checked(image()) == (image(), 2, 2)
    seven = sum(rows * (1 + columns) for columns, rows in ((1, 1), (1, 1), (2, 1)))
    assert checked(image(2, 2, b"\0" * (2 + 2 + 3), interlace=1))[1:] == (2, 2)
    assert seven == 7


def test_what_is_no_part_of_the_picture_is_dropped() -> None:
    """Texts, profiles, and whatever follows the end: none of it reaches the page."""
    told = image(2, 2, None, chunk(b"tEXt", b"Comment\0<script>"), chunk(b"iCCP", b"x" * 99))
    assert checked(told + b"<script>")[0] == image()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<svg/>", "it is no PNG"),
        (image()[:-4], "it has no end"),
        (image()[:40], "it has no end|a chunk is cut off"),
        (image().replace(b"IHDR", b"IHDX", 1), "a checksum is wrong"),
        (SIGNATURE + chunk(b"IDAT", b"") + chunk(b"IEND", b""), "its first chunk is not IHDR"),
        (image(50_000, 50_000, b""), "it has 50000 times 50000 points"),
        (image(0, 2), "it has 0 times 2 points"),
        (image(2, 2, b"\0"), "its data does not fill it"),
        (image(2, 2, b"\0" * 10_000_000), "its data does not fill it"),
    ],
)
def test_a_broken_one_is_refused_by_name(data: bytes, words: str) -> None:
    """Broken, too large, or larger inside than its header says."""
    with pytest.raises(ValueError, match=words):
        checked(data)


@given(st.binary(max_size=200), st.integers(0, 80), st.integers(0, 255))
def test_no_bytes_make_it_fail_otherwise(tail: bytes, place: int, byte: int) -> None:
    """Whatever is wrong ends in ValueError."""
    broken = bytearray(image())
    broken[place % len(broken)] = byte
    for data in (bytes(broken), image()[:place] + tail, SIGNATURE + tail):
        try:
            checked(data)
        except ValueError:
            continue
