"""Compress the log's full segments (`--log-opt compress=true`), a piece in each turn of the loop.

The monitor has no threads and forks nothing for it: a piece takes a few milliseconds, and streams,
clients and signals come in between. What is not done when the container ends stays as it is.
"""

from __future__ import annotations

import gzip
import os
from contextlib import suppress
from io import BufferedIOBase
from pathlib import Path

from ipycontainer.supervise.log import PACKED
from ipycontainer.supervise.loop import Loop

__all__ = ["Packing"]

PIECE_BYTES = 256 * 1024
LEVEL = 1  # repeated heads of lines: 6 gains a few percent for three times the time
UNDONE = ".part"


class Packing:
    """The segments that wait to be compressed, and the one that is being compressed."""

    def __init__(self, loop: Loop, directory: Path) -> None:
        self._loop = loop
        self._directory = directory
        self._waiting: list[int] = []
        self._files: tuple[BufferedIOBase, BufferedIOBase] | None = None

    def add(self, numbers: list[int]) -> None:
        """Compress these segments, too."""
        if numbers:
            self._waiting += numbers
            self._loop.at(self, 0, self._step)

    def _step(self) -> None:
        path = self._directory / str(self._waiting[0])
        try:
            files = self._files
            if files is None:
                undone = f"{path}{PACKED}{UNDONE}"
                packed = gzip.open(undone, "wb", compresslevel=LEVEL)  # noqa: SIM115
                files = self._files = path.open("rb"), packed
            source, target = files
            if piece := source.read(PIECE_BYTES):
                target.write(piece)
            else:
                self._finish(path)
        except OSError:  # trimmed meanwhile, or no room: it stays as it is
            self._drop(path)
        if self._waiting:
            self._loop.at(self, 0, self._step)

    def _finish(self, path: Path) -> None:
        self._close()
        os.stat(path)  # one that was trimmed meanwhile must not come back
        os.rename(f"{path}{PACKED}{UNDONE}", f"{path}{PACKED}")
        os.unlink(path)
        self._waiting.pop(0)

    def _drop(self, path: Path) -> None:
        self._close()
        with suppress(FileNotFoundError):
            os.unlink(f"{path}{PACKED}{UNDONE}")
        self._waiting.pop(0)

    def _close(self) -> None:
        files, self._files = self._files, None
        for file in files or ():
            with suppress(OSError):
                file.close()

    def stop(self) -> None:
        """Compress no more."""
        self._loop.cancel(self)
        if self._waiting:
            path = self._directory / str(self._waiting[0])
            self._drop(path)
            self._waiting.clear()
