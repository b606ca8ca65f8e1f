"""A log as a program in the foreground, so that foreground.watch can show it while it grows.

Between display and the engine's log entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kernel_ext.foreground import interrupted

if TYPE_CHECKING:
    from ipycontainer.commands.records import LogView

__all__ = ["LogProgram"]


class LogProgram:
    """The lines of a log, each on the stream that it was written to."""

    def __init__(self, view: LogView) -> None:
        self._view = view

    def chunks(self) -> Iterator[tuple[str, bytes]]:
        """Yield the lines, with the time before each where that was asked for."""
        for entry in self._view.entries:
            yield entry.stream, self._view.text(entry)

    def signal(self, sig: int, /) -> None:
        """Stop looking: the container has nothing to do with an interrupt of its reader."""
        del sig
        raise interrupted("the log is no longer followed; its container goes on")

    def wait(self) -> int:
        """Return 0: a log has no exit code."""
        return 0

    def detach(self) -> None:
        """Close the iterator, and with it the files that it holds."""
        close = getattr(self._view.entries, "close", None)
        if close is not None:
            close()
