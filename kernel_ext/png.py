"""Look at a PNG that somebody else wrote before a page does.

Below cell_results. Checks the whole file: signature, chunks and their checksums, bounds of the
picture, and that its data decompresses to what these bounds say, no more. Keeps only the chunks
that make the picture. Source: PNG (Third Edition), W3C. Pure.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

__all__ = ["PIXELS", "checked"]

PIXELS = 40_000_000  # 160 MB in a page
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_KEPT = frozenset((b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"sRGB", b"pHYs", b"IDAT", b"IEND"))


def checked(data: bytes) -> tuple[bytes, int, int]:
    """Return the picture, rebuilt from the chunks that make it, and its width and height.

    Raises ValueError that says what is wrong with it.
    """
    if not data.startswith(_SIGNATURE):
        raise ValueError("it is no PNG")
    kept = [_SIGNATURE]
    bodies: dict[bytes, list[bytes]] = {}
    for kind, body, whole in _chunks(data):
        if not bodies and kind != b"IHDR":
            raise ValueError("its first chunk is not IHDR")
        bodies.setdefault(kind, []).append(body)
        if kind in _KEPT:
            kept.append(whole)
        if kind == b"IEND":
            break
    else:
        raise ValueError("it has no end")
    width, height, expected = _bounds(bodies)
    _inflate(b"".join(bodies.get(b"IDAT", ())), expected)
    return b"".join(kept), width, height


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    position = len(_SIGNATURE)
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        end = position + 12 + length
        if end > len(data):
            raise ValueError("a chunk is cut off")
        kind, body = data[position + 4 : position + 8], data[position + 8 : end - 4]
        if zlib.crc32(kind + body) != int.from_bytes(data[end - 4 : end], "big"):
            raise ValueError("a checksum is wrong")
        yield kind, body, data[position:end]
        position = end


def _bounds(bodies: dict[bytes, list[bytes]]) -> tuple[int, int, int]:
    """Return width, height and the bytes that the data must have when it is decompressed."""
    headers = bodies.get(b"IHDR", [])
    if len(headers) != 1 or len(headers[0]) != 13:
        raise ValueError("its header is wrong")
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", headers[0])
    if not width or not height or width * height > PIXELS or max(width, height) > 32_767:
        raise ValueError(f"it has {width} times {height} points")
    if colour not in _CHANNELS or depth not in (1, 2, 4, 8, 16) or interlaced > 1:
        raise ValueError("its header is wrong")
    bits = _CHANNELS[colour] * depth
    if not interlaced:
        return width, height, height * (1 + (width * bits + 7) // 8)
    expected = 0
    for x, y, step_x, step_y in (
        *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
        *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
    ):
        columns, rows = -(-(width - x) // step_x), -(-(height - y) // step_y)
        if columns > 0 and rows > 0:
            expected += rows * (1 + (columns * bits + 7) // 8)
    return width, height, expected


def _inflate(data: bytes, expected: int) -> None:
    inflater = zlib.decompressobj()
    total = 0
    while not inflater.eof:
        try:
            part = inflater.decompress(data, 1 << 20)
        except zlib.error as error:
            raise ValueError(f"its data cannot be read: {error}") from None
        total += len(part)
        data = inflater.unconsumed_tail
        if total > expected or (not part and not data):
            break
    if total != expected or not inflater.eof:
        raise ValueError("its data does not fill it")
