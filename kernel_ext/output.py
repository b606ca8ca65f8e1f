"""Show a running program's output in the cell: at once, in bounds, each stream where it belongs.

Fed by foreground.watch: `add` for each chunk, `tick` when `wait_seconds` have passed.
The bounds are the server's: jupyter_server cuts a kernel off at 1,000,000 B/s over 3 s, and a page
that holds megabytes of one cell stops answering. Reads no clock and starts no thread.
"""

from __future__ import annotations

import sys
from collections import deque
from itertools import groupby
from operator import itemgetter
from typing import Literal

from ipycontainer.model.units import human_size_binary
from kernel_ext.terminal_text import TerminalText

__all__ = ["CELL_BYTES", "FLUSH_SECONDS", "RATE_BYTES", "SETTLE_SECONDS", "Output", "Stream"]

Stream = Literal["stdout", "stderr"]

FLUSH_SECONDS = 0.2  # at most five messages a second
SETTLE_SECONDS = 0.02  # what a line may take to come whole: Python's print writes its end apart
RATE_BYTES = 256 * 1024  # a second, while the program runs
CELL_BYTES = 256 * 1024  # of one cell, shown as it comes; what follows is only counted
_RUNS = 20  # changes between the streams that one flush may show in order


class Output:
    """Take chunks of both streams, show them coalesced, or keep them for a variable.

    `keep` names the streams that go into variables: they are not shown and not bounded. `rest` is
    the sentence that tells where the output beyond the bound can be seen.
    """

    def __init__(
        self, keep: frozenset[str] = frozenset(), rest: str = "", limit_bytes: int | None = None
    ) -> None:
        self._keep = keep
        self._rest = rest
        self._limit_bytes = CELL_BYTES if limit_bytes is None else limit_bytes
        self._kept: dict[str, bytearray] = {name: bytearray() for name in keep}
        self._decoders: dict[str, TerminalText] = {}
        self._pending: deque[tuple[str, str]] = deque()
        self._taken_bytes = 0
        self._cut = False
        self._pending_since = 0.0
        self._flushed_at = float("-inf")
        self._allowance: float = RATE_BYTES

    def add(self, stream: str, data: bytes, now: float) -> None:
        """Take a chunk; show it at once if nothing was shown in the last FLUSH_SECONDS.

        What does not end a line waits SETTLE_SECONDS for its rest.
        """
        if stream in self._keep:
            self._kept[stream] += data
            return
        room = self._limit_bytes - self._taken_bytes
        self._taken_bytes += len(data)
        if not self._pending:
            self._pending_since = now
        if room > 0:
            decoder = self._decoders.setdefault(stream, TerminalText())
            self._append(stream, decoder.feed(data[:room]))
        if len(data) > room and not self._cut:
            self._cut = True
            shown = human_size_binary(self._limit_bytes)
            self._append("stderr", f"\n[output stops here after {shown}. {self._rest}]\n")
        self.tick(now)

    def _append(self, stream: str, text: str) -> None:
        if text:
            self._pending.append((stream, text))

    def wait_seconds(self, now: float) -> float | None:
        """Return the seconds until `tick` has something to do; None while nothing is waiting."""
        if not self._pending:
            return None
        return max(0.0, self._due() - now)

    def _due(self) -> float:
        """Return the moment at which what is waiting may be shown."""
        due = self._flushed_at + FLUSH_SECONDS
        if self._pending[-1][1].endswith("\n"):
            return due
        return max(due, self._pending_since + SETTLE_SECONDS)

    def tick(self, now: float) -> None:
        """Show what is waiting, as far as time and rate allow."""
        if not self._pending or now < self._due():
            return
        gained = min(now - self._flushed_at, 1.0) * RATE_BYTES
        self._allowance = min(RATE_BYTES, self._allowance + gained)
        self._flushed_at = now
        self._show(int(self._allowance))

    def _show(self, limit_bytes: int) -> None:
        taken: list[tuple[str, str]] = []
        while self._pending and limit_bytes > 0:
            stream, text = self._pending.popleft()
            size = len(text.encode())
            if size > limit_bytes:
                part = max(1, limit_bytes * len(text) // size)
                self._pending.appendleft((stream, text[part:]))
                text, size = text[:part], limit_bytes
            limit_bytes -= size
            self._allowance -= size
            taken.append((stream, text))
        _write(taken)

    def end(self) -> None:
        """Show all that is left.

        At once, though it may be more than a second's share: a cell is bounded far below the
        server's 3 MB in 3 s, and a cell that goes on after its program is a riddle.
        """
        for stream, decoder in self._decoders.items():
            self._append(stream, decoder.end())
        self._show(sys.maxsize)

    def kept(self, stream: Stream) -> str:
        """Return a kept stream as text."""
        return self._kept[stream].decode(errors="replace")


def _write(pieces: list[tuple[str, str]]) -> None:
    """Write the pieces, each run of one stream in one go and flushed.

    A kernel buffers the two streams apart, so only a flush at each change keeps their order. A
    program that changes all the time gets its streams sorted: one message a line would be too many.
    """
    runs = [
        (stream, "".join(text for _, text in run)) for stream, run in groupby(pieces, itemgetter(0))
    ]
    if len(runs) > _RUNS:
        runs = [
            (stream, "".join(text for name, text in pieces if name == stream))
            for stream in ("stdout", "stderr")
        ]
    for stream, text in runs:
        file = sys.stderr if stream == "stderr" else sys.stdout
        file.write(text)
        file.flush()
