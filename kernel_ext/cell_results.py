"""What a container's cell gives back: read as if it were an enemy's, then shown and kept.

Between display and the files in the container's exchange directory. No name, size or content there
is believed: files are opened without following links, bounded before they are read, and made of
data only: JSON, Arrow, bytes of arrays and PNG. What is shown is text, a picture, or a frame whose
HTML is made here.
"""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.display import display

from ipycontainer.errors import EngineError
from kernel_ext import cell_program, png
from kernel_ext.terminal_text import TerminalText

if TYPE_CHECKING:
    from kernel_ext.spent_files import SpentFiles

__all__ = ["FRAME_BYTES", "JSON_BYTES", "PNG_BYTES", "CellResults", "ResultError", "error_of"]

FRAME_BYTES = 1 << 30
JSON_BYTES = 64 << 20
PNG_BYTES = 2 << 20
_TEXT_BYTES = 512 << 10
_MANIFEST_BYTES = 4 << 20
_ERROR_BYTES, _ERROR_CHARACTERS = 16 << 10, 200
_SHOWN = 25  # a value, and matplotlib's figures


def error_of(directory: Path) -> str:
    """Return what a cell's error is, `KeyError: 'nope' (line 3)`; empty where it had none."""
    try:
        found = _dict(_json(_read(directory, "error.json", _ERROR_BYTES)))
    except ResultError:
        return ""
    kind, told, line = found.get("kind"), found.get("text"), found.get("line")
    if not isinstance(kind, str) or not isinstance(told, str):
        return ""
    words = _clean(f"{kind}: {told}".encode("utf-8", "replace")) if told else _clean(kind.encode())
    at = f" (line {line})" if isinstance(line, int) else ""
    return " ".join(words.split())[:_ERROR_CHARACTERS] + at


class ResultError(EngineError):
    """What a container gave back is not what it says, or too large."""


class CellResults:
    """The results of one cell, below the directory into which its container wrote.

    With `spent` the files of frames are deleted once they were read.
    """

    def __init__(self, directory: Path, spent: SpentFiles | None = None) -> None:
        self.directory = directory
        self._spent = spent
        self._manifest = self._read_manifest()

    def show(self, render: Callable[..., object] = display) -> None:
        """Show the last value and the open figures; what cannot be shown is said in a line."""
        for entry in _list(self._manifest.get("shown"))[:_SHOWN]:
            try:
                for form, metadata in self._forms(entry):
                    render(form, raw=True, metadata=metadata)
            except ResultError as error:
                render({"text/plain": f"[not shown: {error}]"}, raw=True)

    def values(self, names: Sequence[str]) -> tuple[tuple[str, Any], ...]:
        """Return the results of these names. Raises ResultError; then none of them is taken."""
        entries = _dict(self._manifest.get("results"))
        found = []
        for name in names:
            if name not in entries:
                raise ResultError(f"--out {name}: the container gave nothing back")
            try:
                found.append((name, self._value(_dict(entries[name]))))
            except ResultError as error:
                raise ResultError(f"--out {name}: {error}") from None
        return tuple(found)

    # ── one entry ────────────────────────────────────────────────────────────────────────────

    def _value(self, entry: dict[str, Any]) -> Any:
        return self._decoded(_json(self.read(entry, JSON_BYTES)), FRAME_BYTES)

    def _decoded(self, node: Any, limit_bytes: int) -> Any:
        """Return the value of a node; its files have so many bytes together, at most."""
        try:
            return cell_program.decode(node, _Files(self, limit_bytes, self._spent))
        except ImportError as error:
            raise ResultError(
                f"it needs {error.name}, which is not installed here",
                hint=f"pip install {error.name}",
            ) from None
        except ValueError as error:
            raise ResultError(f"this is no value: {error}") from None
        except RecursionError:
            raise ResultError("this is no value: it is too deep") from None

    def _forms(self, raw: object) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return what is displayed of an entry: forms by MIME type, and their metadata."""
        entry = _dict(raw)
        kind = entry.get("kind")
        if kind == "text":
            return [({"text/plain": _clean(self.read(entry, _TEXT_BYTES))}, {})]
        if kind == "png":
            try:
                data, width, height = png.checked(self.read(entry, PNG_BYTES))
            except ValueError as error:
                raise ResultError(f"this is no picture: {error}") from None
            told = f"a picture of {width} times {height} points"
            coded = base64.b64encode(data).decode()
            return [({"image/png": coded, "text/plain": told}, {})]
        frame = self._decoded(entry.get("value"), JSON_BYTES)
        if not hasattr(frame, "iloc"):
            raise ResultError("this is no frame")
        shown: Any = frame
        forms = {"text/plain": _clean(repr(shown).encode())}
        if frame.ndim == 2:
            forms["text/html"] = shown._repr_html_()
        rows = entry.get("rows")
        if not isinstance(rows, int) or rows <= len(frame):
            return [(forms, {})]
        return [(forms, {}), ({"text/plain": f"the first {len(frame)} of {rows} rows"}, {})]

    # ── files ────────────────────────────────────────────────────────────────────────────────

    def _read_manifest(self) -> dict[str, Any]:
        return _dict(_json(self.read({"file": "manifest.json"}, _MANIFEST_BYTES)))

    def read(self, entry: dict[str, Any], limit_bytes: int) -> bytes:
        """Return a file's content; it is a plain one, right here, and no larger than the limit."""
        name = entry.get("file")
        if not isinstance(name, str) or not name or "/" in name or "\0" in name or name == "..":
            raise ResultError("the container named no file")
        return _read(self.directory, name, limit_bytes)


class _Files:
    """The files of one value, each read once, and together no larger than a limit."""

    def __init__(self, results: CellResults, limit_bytes: int, spent: SpentFiles | None) -> None:
        self._results = results
        self._left = limit_bytes
        self._spent = spent
        self._read: set[str] = set()

    def table(self, name: str) -> Any:
        """Return a table of Arrow's. Raises ResultError and ValueError."""
        from kernel_ext import arrow  # at the first frame

        return arrow.table(self.content(name))

    def content(self, name: str) -> bytes:
        """Return a file's bytes. Raises ResultError."""
        if name in self._read:
            raise ResultError("the container named a file twice")
        data = self._results.read({"file": name}, self._left)
        self._left -= len(data)
        self._read.add(name)
        if self._spent is not None:
            self._spent.add(self._results.directory / name)
        return data


def _read(directory: Path, name: str, limit_bytes: int) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(directory / name, flags)
    except OSError as error:
        raise ResultError(f"its file cannot be opened: {error.strerror}") from None
    with open(fd, "rb", buffering=0) as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise ResultError("its file is no plain file")
        if status.st_size > limit_bytes:
            raise ResultError(
                f"it has {status.st_size:,} bytes, more than the {limit_bytes:,} that may come"
            )
        data = file.readall()
    if len(data) > limit_bytes:
        raise ResultError("it grew while it was read")
    return data


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ResultError(f"this is no JSON: {error}") from None


def _dict(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ResultError("the container's list of results is broken")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ResultError("the container's list of results is broken")
    return value


def _clean(data: bytes) -> str:
    """Return text without what would act on a terminal."""
    reader = TerminalText()
    return reader.feed(data) + reader.end()
