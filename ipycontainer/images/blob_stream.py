"""A blob while it comes: one thread downloads it, another follows it into an unpacker.

    download writes -> file in `ingest/` -> unpacker reads behind it

Between registry.download and unpacking. The file keeps both apart: who writes never waits for who
reads, and what was read once need not be fetched again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ipycontainer import faults
from ipycontainer.errors import EngineError, ImageFormatError
from ipycontainer.images.layout import BlobWriter, Layout
from ipycontainer.model.image import Descriptor

__all__ = ["Arrived", "BlobStream"]


@dataclass(frozen=True, slots=True)
class Arrived:
    """How far a blob has come: `size` bytes lie at `path`. A new `attempt` begins from nothing."""

    path: Path
    attempt: int
    size: int
    complete: bool


class BlobStream:
    """A blob that is being written, checked against its descriptor.

    Nothing of it is in the layout before `commit`. Thread-safe.
    """

    def __init__(self, layout: Layout, descriptor: Descriptor) -> None:
        self.descriptor = descriptor
        self._layout = layout
        self._changed = threading.Condition()
        self._attempt = 0
        self._complete = False
        self._error: EngineError | None = None
        self._writer = BlobWriter(layout)

    @property
    def size(self) -> int:
        """Return how many bytes there are."""
        return self._writer.size

    def write(self, piece: bytes | memoryview) -> None:
        """Append bytes. Raises ImageFormatError when there are more than the descriptor says."""
        if self._writer.size + len(piece) > self.descriptor.size:
            raise ImageFormatError(
                f"{self.descriptor.digest} has more than the {self.descriptor.size} bytes that the "
                "manifest says"
            )
        with self._changed:
            self._writer.write(piece)
            self._changed.notify_all()

    def restart(self) -> None:
        """Throw away what has come: it is not what it should be."""
        with self._changed, self._writer:
            self._writer = BlobWriter(self._layout)
            self._attempt += 1
            self._changed.notify_all()

    def finish(self) -> None:
        """Take it that all has come. Raises ImageFormatError when the digest says otherwise."""
        faults.point("blob: come")
        if self._writer.size != self.descriptor.size:
            raise ImageFormatError(
                f"{self.descriptor.digest} has {self._writer.size} bytes, "
                f"the manifest says {self.descriptor.size}"
            )
        if self._writer.digest != self.descriptor.digest:
            raise ImageFormatError(
                f"filesystem layer verification failed for digest {self.descriptor.digest}"
            )
        with self._changed:
            self._complete = True
            self._changed.notify_all()

    def fail(self, error: EngineError) -> None:
        """Tell whoever follows that no more will come."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def beyond(self, seen: Arrived | None, given_up: Callable[[], bool]) -> Arrived:
        """Wait until more has come than was seen, or the end, and return it.

        Raises the error with which the download ended, or EngineError once `given_up` says so.
        """
        with self._changed:
            while True:
                if self._error is not None:
                    raise self._error
                now = Arrived(self._writer.path, self._attempt, self._writer.size, self._complete)
                if now != seen:
                    return now
                if given_up():
                    raise EngineError("given up")
                self._changed.wait(_LOOK_UP_SECONDS)

    def commit(self) -> None:
        """Put it into the layout."""
        with self._writer:
            self._writer.commit(self.descriptor.media_type)

    def close(self) -> None:
        """Remove what was not committed."""
        with self._writer:
            pass


_LOOK_UP_SECONDS = 0.5
