"""Tar archives for tests, hostile ones included: each call adds one entry."""

from __future__ import annotations

import io
import tarfile
from typing import Self


class TarBuilder:
    """Builds an archive in memory, in the order of the calls."""

    def __init__(self, format: int = tarfile.PAX_FORMAT) -> None:  # noqa: A002  tarfile's name
        self._buffer = io.BytesIO()
        self._archive = tarfile.open(fileobj=self._buffer, mode="w", format=format)  # noqa: SIM115

    def file(
        self,
        name: str,
        content: bytes = b"",
        xattrs: dict[str, str] | None = None,
        **fields: object,
    ) -> Self:
        entry = self._entry(name, tarfile.REGTYPE, **fields)
        entry.size = len(content)
        entry.pax_headers = {f"SCHILY.xattr.{key}": value for key, value in (xattrs or {}).items()}
        self._archive.addfile(entry, io.BytesIO(content))
        return self

    def directory(self, name: str, **fields: object) -> Self:
        return self._add(name, tarfile.DIRTYPE, **{"mode": 0o755, **fields})

    def symlink(self, name: str, target: str) -> Self:
        return self._add(name, tarfile.SYMTYPE, linkname=target)

    def hardlink(self, name: str, target: str) -> Self:
        return self._add(name, tarfile.LNKTYPE, linkname=target)

    def device(self, name: str, major: int, minor: int) -> Self:
        return self._add(name, tarfile.CHRTYPE, devmajor=major, devminor=minor)

    def fifo(self, name: str) -> Self:
        return self._add(name, tarfile.FIFOTYPE)

    def kind(self, name: str, kind: bytes) -> Self:
        return self._add(name, kind)

    def header(self, name: str, kind: bytes, size: int) -> Self:
        """Add a header alone, whatever size it claims."""
        entry = self._entry(name, kind)
        entry.size = size
        self._buffer.write(entry.tobuf(format=tarfile.GNU_FORMAT))
        return self

    def raw(self, content: bytes) -> Self:
        """Add bytes as they are."""
        self._buffer.write(content)
        return self

    def build(self) -> bytes:
        self._archive.close()
        return self._buffer.getvalue()

    def cut(self) -> bytes:
        """Return what was added without the archive's end."""
        return self._buffer.getvalue()

    def _entry(self, name: str, kind: bytes, **fields: object) -> tarfile.TarInfo:
        entry = tarfile.TarInfo(name)
        entry.type = kind
        for field, value in fields.items():
            setattr(entry, field, value)
        return entry

    def _add(self, name: str, kind: bytes, **fields: object) -> Self:
        self._archive.addfile(self._entry(name, kind, **fields))
        return self
