"""A tar archive, read as a stream of entries: ustar, GNU, PAX and old v7, sparse files included.

Reads and checks only; where entries go is decided by storage.unpack. Written out here instead of
tarfile, whose reader takes any size that a header claims into memory (a PAX header of 10 GiB), and
whose extraction is not to be trusted (CVE-2025-4517). Format: tar(5) of libarchive, POSIX.1-2017
pax; error words: Go's archive/tar, which docker shows.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ipycontainer.errors import ImageFormatError
from ipycontainer.storage import tar_fields

__all__ = ["Entry", "Kind", "TarReader"]

Kind = Literal["file", "dir", "symlink", "link", "char", "block", "fifo"]

BLOCK = 512
_PIECE = 1 << 20
_ENCODING = sys.getfilesystemencoding()  # of names, as os.fsdecode takes them
_LONGEST_METADATA = 1 << 20  # bytes of one PAX or GNU header, as in Go's archive/tar

# name, mode, uid, gid, size, mtime, checksum, type, link name, magic, user, group,
# major, minor, rest
_HEADER = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s167s")

_KINDS: Mapping[bytes, Kind] = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",  # contiguous: a file to everybody but its inventors
    b"S": "file",  # GNU sparse
    b"1": "link",
    b"2": "symlink",
    b"3": "char",
    b"4": "block",
    b"5": "dir",
    b"6": "fifo",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive. `name` and `link` are as written, with surrogates for odd bytes.

    `size` is the file's length in bytes. `parts` are the (offset, length) that hold data, None for
    a file without holes. `xattrs` are those of SCHILY.xattr records.
    """

    name: str
    kind: Kind
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime_ns: int = 0
    link: str = ""
    major: int = 0
    minor: int = 0
    xattrs: Mapping[str, bytes] = field(default_factory=dict)
    parts: tuple[tuple[int, int], ...] | None = None


class TarReader:
    """The entries of an archive, in order, from a function that reads at most n bytes.

    For each entry `data` may be iterated once, before the next entry is asked for. Raises
    ImageFormatError: "unexpected EOF" for one that is cut off, "archive/tar: invalid tar header"
    for what is none. `read` gives fewer bytes than asked for only at its end.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._following: bytes | None = None  # a header that was read with what stands before it
        self._stored = 0  # bytes of the present entry's data that were not read yet
        self._padding = 0
        self._entry: Entry | None = None

    def __iter__(self) -> Iterator[Entry]:
        while (entry := self._next()) is not None:
            self._entry = entry
            yield entry

    def data(self) -> Iterator[tuple[int, bytes]]:
        """Yield the present entry's data as (offset in the file, bytes)."""
        entry = self._entry
        if entry is None or entry.kind != "file":
            return
        if entry.parts is None and 0 < entry.size <= _PIECE:
            yield 0, self._take(entry.size)
            return
        parts = ((0, entry.size),) if entry.parts is None else entry.parts
        for offset, length in parts:
            end = offset + length
            while offset < end:
                piece = self._take(min(end - offset, _PIECE))
                yield offset, piece
                offset += len(piece)

    def _take(self, length: int) -> bytes:
        if length > self._stored:
            raise tar_fields.invalid()
        piece = self._exactly(length)
        self._stored -= length
        return piece

    def _exactly(self, length: int) -> bytes:
        piece = self._read(length)
        if len(piece) != length:
            raise ImageFormatError("unexpected EOF")
        return piece

    def _after(self, padding: int) -> bytes:
        """Return the block behind so many bytes, in one read: of small files, each is felt."""
        block = self._read(padding + BLOCK)
        if len(block) < padding:
            raise ImageFormatError("unexpected EOF")
        return block[padding:] if padding else block

    def _block(self) -> bytes | None:
        """Return the next header block, None at the archive's end.

        The end is two blocks of zeros, or simply the end (a file of no bytes is an empty archive).
        """
        while self._stored:  # what nobody asked for
            self._stored -= len(self._exactly(min(self._stored, _PIECE)))
        if self._following is not None:
            block, self._following = self._following, None
        else:
            block = self._after(self._padding)
            self._padding = 0
        if not block:
            return None
        if len(block) < BLOCK:
            raise ImageFormatError("unexpected EOF")
        if block[0] or block.count(0) < BLOCK:
            return block
        following = self._read(BLOCK)
        if following and following.count(0) < len(following):
            raise tar_fields.invalid()
        return None

    def _next(self) -> Entry | None:
        pax: dict[str, bytes] = {}
        sparse_map: list[int] = []
        long_name = long_link = None
        while True:
            block = self._block()
            if block is None:
                if pax or long_name is not None or long_link is not None:
                    raise ImageFormatError("unexpected EOF")
                return None
            fields = _HEADER.unpack(block)
            tar_fields.verify(block, fields[6])
            kind = fields[7]
            size = tar_fields.number(fields[4])
            if size < 0:
                raise tar_fields.invalid()
            if kind in (b"x", b"g", b"L", b"K"):
                body = self._metadata(size)
                if kind == b"x":
                    pax, sparse_map = tar_fields.pax_records(body)
                elif kind == b"L":
                    long_name = body.split(b"\0", 1)[0]
                elif kind == b"K":
                    long_link = body.split(b"\0", 1)[0]
                # `g` sets defaults for the rest of an archive; docker's reader does not use them.
                continue
            if kind not in _KINDS:
                raise ImageFormatError(f"unhandled tar header type {kind[0]}")
            return self._entry_of(block, fields, pax, sparse_map, long_name, long_link)

    def _metadata(self, size: int) -> bytes:
        if size > _LONGEST_METADATA:
            raise ImageFormatError("archive/tar: header field too long")
        padded = size + -size % BLOCK
        body = self._read(padded + BLOCK)
        if len(body) < padded:
            raise ImageFormatError("unexpected EOF")
        self._following = body[padded:]
        return body[:size]

    def _entry_of(
        self,
        block: bytes,
        fields: tuple[bytes, ...],
        pax: dict[str, bytes],
        sparse_map: list[int],
        long_name: bytes | None,
        long_link: bytes | None,
    ) -> Entry:
        kind = _KINDS[fields[7]]
        name = pax.get("path", long_name)
        if name is None:
            name = tar_fields.header_name(fields)
        link = pax.get("linkpath", long_link)
        if link is None:
            link = tar_fields.text(fields[8])
        stored = tar_fields.number(fields[4])
        if "size" in pax:
            stored = tar_fields.pax_number(pax, "size", stored)
        if stored < 0:
            raise tar_fields.invalid()
        # Only files have data, whatever size another kind claims (Go: isHeaderOnly).
        self._stored = stored if kind == "file" else 0
        self._padding = -self._stored % BLOCK
        if fields[7] == b"\0" and name.endswith(b"/"):
            kind = "dir"  # v7 had no type for directories
        parts: tuple[tuple[int, int], ...] | None = None
        size = stored if kind == "file" else 0
        if fields[7] == b"S":
            parts, size = self._old_sparse(block)
        elif kind == "file" and (
            "GNU.sparse.major" in pax or "GNU.sparse.map" in pax or sparse_map
        ):
            name = pax.get("GNU.sparse.name", name)
            size = tar_fields.pax_number(
                pax, "GNU.sparse.realsize", tar_fields.pax_number(pax, "GNU.sparse.size", stored)
            )
            parts = tar_fields.sparse_parts(self._sparse_numbers(pax, sparse_map), size)
        if b"\0" in name or b"\0" in link:
            raise tar_fields.invalid()
        uid, gid = tar_fields.number(fields[2]), tar_fields.number(fields[3])
        mtime_ns = tar_fields.pax_time(pax, tar_fields.number(fields[5]))
        xattrs: Mapping[str, bytes] = {}
        if len(pax) > 1 or (pax and "mtime" not in pax):  # nearly all have that one alone
            uid = tar_fields.pax_number(pax, "uid", uid)
            gid = tar_fields.pax_number(pax, "gid", gid)
            xattrs = {
                os.fsdecode(key.removeprefix("SCHILY.xattr.").encode()): value
                for key, value in pax.items()
                if key.startswith("SCHILY.xattr.")
            }
        device = kind in ("char", "block")
        return Entry(
            name.decode(_ENCODING, "surrogateescape"),
            kind,
            tar_fields.number(fields[1]) & 0o7777,
            uid,
            gid,
            size,
            mtime_ns,
            link.decode(_ENCODING, "surrogateescape"),
            tar_fields.number(fields[12]) if device else 0,
            tar_fields.number(fields[13]) if device else 0,
            xattrs,
            parts,
        )

    def _old_sparse(self, block: bytes) -> tuple[tuple[tuple[int, int], ...], int]:
        """Read the map of a GNU sparse file: four parts in the header, 21 in each further block."""
        numbers: list[int] = []
        table, more = block[386:482], block[482]
        while True:
            for at in range(0, len(table), 24):
                offset, length = table[at : at + 12], table[at + 12 : at + 24]
                if not offset.strip(b"\0 "):
                    break
                numbers += (tar_fields.number(offset), tar_fields.number(length))
            if not more:
                break
            if len(numbers) > 2 * tar_fields.MOST_SPARSE_PARTS:
                raise tar_fields.invalid()
            following = self._exactly(BLOCK)
            table, more = following[:504], following[504]
        size = tar_fields.number(block[483:495])
        return tar_fields.sparse_parts(numbers, size), size

    def _sparse_numbers(self, pax: Mapping[str, bytes], sparse_map: list[int]) -> list[int]:
        """Return offsets and lengths of a sparse file in one of PAX's three ways."""
        if pax.get("GNU.sparse.major") == b"1":
            return self._sparse_in_data()
        if "GNU.sparse.map" in pax:
            return [tar_fields.decimal(word) for word in pax["GNU.sparse.map"].split(b",")]
        return sparse_map

    def _sparse_in_data(self) -> list[int]:
        """Read the map of version 1.0: decimal lines at the head of the data, padded to a block."""
        text, numbers = b"", list[int]()
        wanted = -1
        while wanted < 0 or len(numbers) < wanted:
            while b"\n" not in text:
                text += self._take(BLOCK)
                if len(text) > 2 * BLOCK:
                    raise tar_fields.invalid()
            line, _, text = text.partition(b"\n")
            number = tar_fields.decimal(line)
            if wanted < 0:
                wanted = 2 * number
                if number > tar_fields.MOST_SPARSE_PARTS:
                    raise tar_fields.invalid()
            else:
                numbers.append(number)
        return numbers
