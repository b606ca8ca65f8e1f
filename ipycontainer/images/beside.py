"""A thread beside who reads: it hashes and writes pieces, while the next are read and unpacked.

Both let go of the interpreter's lock for as long as they take. Made after the last fork of its
process.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

__all__ = ["Beside"]

_MOST_WAITING = 4  # pieces: a slow disk holds up who reads, instead of filling the memory


class Beside:
    """A thread that does what it is handed, in order. It reads nothing, so that it always ends.

    Ended with its `with`, also where nobody waited for the rest.
    """

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[Callable[[bytes], None], bytes] | None]
        self._waiting = queue.Queue(_MOST_WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="beside", daemon=True)
        self._thread.start()

    def hand(self, take: Callable[[bytes], None], piece: bytes) -> None:
        """Have `take` called with a piece. Raises what an earlier one has raised."""
        if self._error is not None:
            raise self._error
        self._waiting.put((take, piece))

    def finish(self) -> None:
        """Wait for all of it. Raises what went wrong."""
        self.end()
        if self._error is not None:
            raise self._error

    def end(self) -> None:
        """End the thread, when it has done what it was handed."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            take, piece = work
            if self._error is None:
                try:
                    take(piece)
                except BaseException as error:  # noqa: BLE001 - raised where it is handed the next
                    self._error = error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()
