"""Write a tar archive as a stream: headers in PAX form, files straight from their descriptors.

The counterpart of tar_reader. Written out because tarfile spends a millisecond on ten files, keeps
whole values in memory and knows no holes; a file goes from its fd to the archive's by sendfile(2),
its holes left out (GNU's sparse form 1.0, which Go's archive/tar, GNU tar and Python read).
Times are whole seconds, as docker's archives have them (moby `pkg/archive`, FileInfoHeader).
Format: POSIX.1-2017 pax; GNU tar manual, "Storing Sparse Files".
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from ipycontainer.storage import copying, tar_fields

__all__ = ["BLOCK", "TarWriter"]

BLOCK = 512
_PIECE = 1 << 20
_SMALL_BYTES = 64 << 10  # read at once and written with its neighbours
_BUFFER_BYTES = 1 << 18
_NAME_BYTES, _LINK_BYTES, _PREFIX_BYTES = 100, 100, 155
_MOST_OCTAL = {8: 8**7 - 1, 12: 8**11 - 1}
_PADDING = tuple(bytes(count) for count in range(BLOCK))
_MOST_PIECES = 512  # of one writev(2), which takes IOV_MAX: 1024
# Fewer holes than this are not worth a header of their own.
_LEAST_HOLE_BYTES = 1 << 16

_TYPES = {
    stat.S_IFREG: b"0",
    stat.S_IFLNK: b"2",
    stat.S_IFCHR: b"3",
    stat.S_IFBLK: b"4",
    stat.S_IFDIR: b"5",
    stat.S_IFIFO: b"6",
}

Write = Callable[[bytes], object]


def _nothing(_: int) -> None:
    pass


class TarWriter:
    """An archive that is being written to a descriptor, or to a function.

    A function sees every byte, for a digest; a descriptor takes files by sendfile(2). `progress` is
    called with the bytes of content that went out, and may raise to end it all.
    """

    def __init__(self, out: int | Write, *, progress: Callable[[int], None] = _nothing) -> None:
        self._fd = out if isinstance(out, int) else -1
        self._write: Write = self._to_fd if isinstance(out, int) else out
        self._progress = progress
        self._pieces: list[bytes] = []  # what waits to be written, and its bytes
        self._waiting = 0
        self.entries = 0

    # ── entries ──────────────────────────────────────────────────────────────────────────────

    def entry(
        self,
        name: str,
        status: os.stat_result,
        *,
        link: str = "",
        xattrs: Mapping[str, bytes] | None = None,
        mode: int | None = None,
    ) -> None:
        """Write an entry without content: a directory, link, device or fifo."""
        kind = _TYPES[stat.S_IFMT(status.st_mode)]
        self._header(name, kind, status, link=link, xattrs=xattrs or {}, mode=mode)

    def hard_link(self, name: str, status: os.stat_result, first: str) -> None:
        """Write another name of a file that is in the archive already."""
        self._header(name, b"1", status, link=first)

    def marker(self, name: str) -> None:
        """Write an empty file of root's: a whiteout."""
        self._header(name, b"0", None)

    def file(
        self,
        name: str,
        status: os.stat_result,
        fd: int,
        xattrs: Mapping[str, bytes] | None = None,
    ) -> None:
        """Write a file with what is in it now: as long as `status` says, whatever happens to it."""
        size = status.st_size
        if size - status.st_blocks * BLOCK >= _LEAST_HOLE_BYTES:
            parts = copying.data_parts(fd, size)
            if size - sum(length for _, length in parts) >= _LEAST_HOLE_BYTES:
                self._sparse(name, status, fd, parts, xattrs or {})
                return
        self._header(name, b"0", status, size=size, xattrs=xattrs or {})
        self._content(fd, 0, size)
        self._pad(size)

    def content(self, name: str, data: bytes, *, mode: int = 0o644, mtime_ns: int = 0) -> None:
        """Write a file of root's with the given content."""
        status = os.stat_result((stat.S_IFREG | mode, 0, 0, 1, 0, 0, len(data), 0, 0, 0))
        self._header(name, b"0", status, size=len(data), mtime_ns=mtime_ns)
        self._put(data)
        self._pad(len(data))
        self._progress(len(data))

    def close(self) -> None:
        """Write the archive's end and all that was still held back."""
        self._put(bytes(2 * BLOCK))
        self._flush()

    # ── content ──────────────────────────────────────────────────────────────────────────────

    def _content(self, fd: int, offset: int, size: int) -> None:
        if size <= _SMALL_BYTES or self._fd < 0:
            while size > 0:
                piece = os.pread(fd, min(size, _PIECE), offset)
                if not piece:
                    break
                offset, size = offset + len(piece), size - len(piece)
                self._progress(len(piece))
                self._put(piece)
        else:
            self._flush()
            while size > 0:
                try:
                    sent = os.sendfile(self._fd, fd, offset, min(size, _PIECE))
                except BlockingIOError:
                    sent = 0
                    piece = os.pread(fd, min(size, _PIECE), offset)
                    self._write(piece)
                    sent = len(piece)
                if sent == 0:
                    break
                offset, size = offset + sent, size - sent
                self._progress(sent)
        while size > 0:  # cut off while it was read: the header has promised so much
            self._put(bytes(min(size, _PIECE)))
            size -= min(size, _PIECE)
            self._progress(0)

    def _sparse(
        self,
        name: str,
        status: os.stat_result,
        fd: int,
        parts: Sequence[tuple[int, int]],
        xattrs: Mapping[str, bytes],
    ) -> None:
        size = status.st_size
        if not parts or sum(parts[-1]) < size:
            parts = [*parts, (size, 0)]  # GNU tar's own end of a file that ends with a hole
        numbers = [str(len(parts)), *(str(number) for part in parts for number in part)]
        table = "".join(f"{number}\n" for number in numbers).encode()
        table += bytes(-len(table) % BLOCK)
        held = sum(length for _, length in parts)
        pax = {
            "GNU.sparse.major": b"1",
            "GNU.sparse.minor": b"0",
            "GNU.sparse.name": os.fsencode(name),
            "GNU.sparse.realsize": str(size).encode(),
        }
        directory, _, base = name.rpartition("/")
        shown = f"{directory}/GNUSparseFile.0/{base}".lstrip("/")
        self._header(shown, b"0", status, size=len(table) + held, xattrs=xattrs, pax=pax)
        self._put(table)
        for offset, length in parts:
            self._content(fd, offset, length)
        self._pad(held)

    # ── headers ──────────────────────────────────────────────────────────────────────────────

    def _header(
        self,
        name: str,
        kind: bytes,
        status: os.stat_result | None,
        *,
        size: int = 0,
        link: str = "",
        xattrs: Mapping[str, bytes] | None = None,
        mode: int | None = None,
        mtime_ns: int | None = None,
        pax: Mapping[str, bytes] | None = None,
    ) -> None:
        self.entries += 1
        raw, raw_link = os.fsencode(name), os.fsencode(link)
        records = dict(pax) if pax else {}
        if kind == b"5" and not raw.endswith(b"/"):
            raw += b"/"
        if mtime_ns is None:
            mtime_ns = 0 if status is None else status.st_mtime_ns
        seconds = mtime_ns // 1_000_000_000
        if not 0 <= seconds <= _MOST_OCTAL[12]:
            records["mtime"] = b"%d" % seconds
        uid, gid = (0, 0) if status is None else (status.st_uid, status.st_gid)
        if uid > _MOST_OCTAL[8]:
            records["uid"] = b"%d" % uid
        if gid > _MOST_OCTAL[8]:
            records["gid"] = b"%d" % gid
        if size > _MOST_OCTAL[12]:
            records["size"] = b"%d" % size
        if xattrs:
            records.update((f"SCHILY.xattr.{key}", value) for key, value in xattrs.items())
        short, prefix = _split(raw)
        if short is None or not raw.isascii():
            records.setdefault("path", raw)
        if len(raw_link) > _LINK_BYTES or not raw_link.isascii():
            records["linkpath"] = raw_link
        if records:
            if "GNU.sparse.name" in records:
                records.pop("path", None)
            self._pax(records)
        bits = (0o644 if status is None else stat.S_IMODE(status.st_mode)) if mode is None else mode
        device = status.st_rdev if status is not None and kind in (b"3", b"4") else 0
        block = _block(
            (short if short is not None else raw[:_NAME_BYTES]),
            prefix,
            kind,
            bits,
            min(uid, _MOST_OCTAL[8]),
            min(gid, _MOST_OCTAL[8]),
            min(size, _MOST_OCTAL[12]),
            max(0, min(seconds, _MOST_OCTAL[12])),
            raw_link[:_LINK_BYTES],
            os.major(device) if device else 0,
            os.minor(device) if device else 0,
        )
        self._put(block)

    def _pax(self, records: Mapping[str, bytes]) -> None:
        body = b"".join([_record(key.encode(), value) for key, value in records.items()])
        self._put(_pax_block(len(body)))
        self._put(body + _PADDING[-len(body) % BLOCK])

    # ── output ───────────────────────────────────────────────────────────────────────────────

    def _pad(self, size: int) -> None:
        if size % BLOCK:
            self._put(_PADDING[-size % BLOCK])

    def _put(self, piece: bytes) -> None:
        """Let a piece wait for its neighbours, as it is: a copy costs as much as a read."""
        self._pieces.append(piece)
        self._waiting += len(piece)
        if self._waiting >= _BUFFER_BYTES or len(self._pieces) >= _MOST_PIECES:
            self._flush()

    def _flush(self) -> None:
        pieces, self._pieces = self._pieces, []
        waiting, self._waiting = self._waiting, 0
        if not pieces:
            return
        if self._fd < 0:
            self._write(b"".join(pieces))
        elif (written := os.writev(self._fd, pieces)) < waiting:
            self._to_fd(b"".join(pieces)[written:])

    def _to_fd(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]


def _split(raw: bytes) -> tuple[bytes | None, bytes]:
    """Return a name for the header's own field, and the prefix before it; None where none fits."""
    if len(raw) <= _NAME_BYTES:
        return raw, b""
    at = raw.rfind(b"/", 0, _PREFIX_BYTES + 1)
    while at > 0:
        if len(raw) - at - 1 > _NAME_BYTES:
            break
        if len(raw) - at - 1 > 0:
            return raw[at + 1 :], raw[:at]
        at = raw.rfind(b"/", 0, at)
    return None, b""


def _block(
    name: bytes,
    prefix: bytes,
    kind: bytes,
    mode: int,
    uid: int,
    gid: int,
    size: int,
    seconds: int,
    link: bytes,
    major: int = 0,
    minor: int = 0,
) -> bytes:
    front = b"%b%07o\0%07o\0%07o\0%011o\0%011o\0" % (
        name.ljust(_NAME_BYTES, b"\0"), mode, uid, gid, size, seconds,
    )  # fmt: skip
    back = b"%b%bustar\00000%b%07o\0%07o\0%b" % (
        kind, link.ljust(_LINK_BYTES, b"\0"), bytes(64), major, minor,
        prefix.ljust(_PREFIX_BYTES + 12, b"\0"),
    )  # fmt: skip
    total = (
        tar_fields.total(front)
        + tar_fields.total(back[:256])
        + tar_fields.total(back[256:])
        + 8 * 32
    )
    return b"%b%06o\0 %b" % (front, total, back)


@lru_cache(maxsize=BLOCK)
def _pax_block(size: int) -> bytes:
    return _block(b"PaxHeaders.0/entry", b"", b"x", 0o644, 0, 0, size, 0, b"")


def _record(key: bytes, value: bytes) -> bytes:
    """Return a record `LENGTH KEY=VALUE` with its newline, whose length counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    if len(str(length)) + rest != length:
        length = len(str(length)) + rest
    return b"%d %b=%b\n" % (length, key, value)
