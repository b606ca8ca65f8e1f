"""The fields of a tar header: numbers, names, PAX records and sparse maps, checked.

Pure functions below storage.tar_reader, with which they share the sources. Imports errors.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from functools import lru_cache

from ipycontainer.errors import ImageFormatError

__all__ = [
    "MOST_SPARSE_PARTS",
    "decimal",
    "header_name",
    "invalid",
    "number",
    "pax_number",
    "pax_records",
    "pax_time",
    "sparse_parts",
    "text",
    "total",
    "verify",
]

MOST_SPARSE_PARTS = 1 << 16
_MOST_SECONDS = 1 << 40
_TIME_ALONE = re.compile(rb"([0-9]{2}) mtime=([0-9.]+)\n")


def invalid() -> ImageFormatError:
    """Return the error for a header that is none, in the words that docker shows."""
    return ImageFormatError("archive/tar: invalid tar header")


def verify(block: bytes, stored: bytes) -> None:
    """Check the sum of a header's bytes, its own field taken as blanks; some wrote it signed."""
    try:
        wanted = int(stored.strip(b"\0 ") or b"0", 8)
    except ValueError:
        raise invalid() from None
    unsigned = total(block[:256]) + total(block[256:]) - total(stored) + 8 * 32
    if wanted != unsigned:
        signs = sum(byte > 127 for byte in block[:148] + block[156:])
        if wanted != unsigned - 256 * signs:
            raise invalid()


def total(part: bytes) -> int:
    """Return the sum of at most 256 bytes: Adler-32's lower half less one, below its modulus."""
    return (zlib.adler32(part) & 0xFFFF) - 1


def text(raw: bytes) -> bytes:
    """Return a field up to its first NUL."""
    return raw.split(b"\0", 1)[0]


def header_name(fields: tuple[bytes, ...]) -> bytes:
    """Return the name in a plain header: POSIX joins a prefix, GNU keeps other things there."""
    name, magic, rest = text(fields[0]), fields[9], fields[14]
    if rest[0] and magic.startswith(b"ustar\0"):
        star = rest[163:167] == b"tar\0"  # Schilling's star has its times behind a shorter prefix
        prefix = text(rest[: 131 if star else 155])
        if prefix:
            return prefix + b"/" + name
    return name


@lru_cache(maxsize=512)  # modes, owners and empty fields are the same from one entry to the next
def number(raw: bytes) -> int:
    """Return a number of a header: octal text, or base 256 where its first bit is set."""
    if raw[0] & 0x80:
        value = int.from_bytes(raw, "big") & ((1 << (8 * len(raw) - 1)) - 1)
        if raw[0] & 0x40:  # two's complement, in all bits but the marker
            value -= 1 << (8 * len(raw) - 1)
        return value
    digits = text(raw.strip(b" \0")).strip()
    if not digits:
        return 0
    if not digits.isdigit():
        raise invalid()
    try:
        return int(digits, 8)
    except ValueError:
        raise invalid() from None


def decimal(digits: bytes) -> int:
    """Return a number of a PAX record."""
    if not digits.isdigit() or len(digits) > 19:
        raise invalid()
    return int(digits)


def pax_number(pax: Mapping[str, bytes], key: str, default: int) -> int:
    """Return a number that a PAX record sets, else the header's own."""
    if key not in pax:
        return default
    value = pax[key]
    return -decimal(value[1:]) if value.startswith(b"-") else decimal(value)


def pax_time(pax: Mapping[str, bytes], default_seconds: int) -> int:
    """Return the time of last change in nanoseconds: PAX writes `1350244992.023960108`."""
    value = pax.get("mtime")
    if value is None:
        # Far beyond what a file system keeps, yet nothing that os.utime could not take.
        return max(-_MOST_SECONDS, min(default_seconds, _MOST_SECONDS)) * 1_000_000_000
    whole, _, fraction = value.removeprefix(b"-").partition(b".")
    if fraction and not fraction.isdigit():
        raise invalid()
    nanoseconds = min(decimal(whole), _MOST_SECONDS) * 1_000_000_000 + int(
        (fraction[:9] or b"0").ljust(9, b"0")
    )
    return -nanoseconds if value.startswith(b"-") else nanoseconds


def pax_records(body: bytes) -> tuple[dict[str, bytes], list[int]]:
    """Return the records `LENGTH KEY=VALUE` of a PAX header, and the parts of sparse form 0.0.

    That form repeats its two keys for each part, which no mapping could hold.
    """
    alone = _TIME_ALONE.fullmatch(body)
    if alone is not None and int(alone[1]) == len(body):
        return {"mtime": alone[2]}, []  # what nearly all are
    records: dict[str, bytes] = {}
    sparse_map: list[int] = []
    while body:
        length_text, space, _ = body[:20].partition(b" ")
        if not space:
            raise invalid()
        length = decimal(length_text)
        if not len(length_text) + 1 < length <= len(body):
            raise invalid()
        record, body = body[len(length_text) + 1 : length], body[length:]
        key, equals, value = record[:-1].partition(b"=")
        if not equals or not record.endswith(b"\n") or not key:
            raise invalid()
        name = key.decode("utf-8", "replace")
        # A NUL would end a path early in every system call (Go: validPAXRecord).
        if b"\0" in (value if name in ("path", "linkpath", "GNU.sparse.name") else key):
            raise invalid()
        if name in ("GNU.sparse.offset", "GNU.sparse.numbytes"):
            sparse_map.append(decimal(value))
        elif value or name.startswith("SCHILY.xattr.user."):
            # an attribute may be empty: GNU tar keeps it, Go's archive/tar loses it
            records[name] = value
        else:
            records.pop(name, None)  # an empty value takes the record back
    return records, sparse_map


def sparse_parts(numbers: list[int], size: int) -> tuple[tuple[int, int], ...]:
    """Return a sparse map as (offset, length), checked: in order, apart, inside the file."""
    if len(numbers) % 2 or len(numbers) > 2 * MOST_SPARSE_PARTS or size < 0:
        raise invalid()
    parts, end = [], 0
    for offset, length in zip(numbers[::2], numbers[1::2], strict=True):
        if offset < end or length < 0 or offset + length > size:
            raise invalid()
        end = offset + length
        if length:
            parts.append((offset, length))
    return tuple(parts)
