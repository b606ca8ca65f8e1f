"""Following a log without blocking, for who watches several things at once.

Beside `logs.chunks`, which waits by itself: here the descriptor is given out, reading is bounded,
and who is far behind may jump. A live view in a page reads so, and `logs -f` of several.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from ipycontainer.engine.logs import Lines, last_records, single
from ipycontainer.errors import ContainerNotRunning
from ipycontainer.model.lines import record_count
from ipycontainer.model.log_range import WHOLE_LOG, LogRange
from ipycontainer.supervise.log_reading import LogEntry
from ipycontainer.supervise.protocol import Channel

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container

__all__ = ["LogFollower"]

READ_BYTES = 256 * 1024


class LogFollower:
    """The lines of one log, as they come.

    `read` until it gives nothing, then `ask`, wait for `fileno`, `grew`, and so on until `ended`.
    """

    def __init__(self, container: Container, wanted: LogRange = WHOLE_LOG) -> None:
        self.name = container.name
        self._range, tail = wanted, wanted.tail
        self._lines = Lines(container, tail)
        self._channel: Channel | None = None
        self._asked = False
        # First the channel, then the log: what is printed meanwhile is in one of them.
        with suppress(ContainerNotRunning):
            self._channel = container.engine.supervisor.monitor(container.id)
        self._standing: deque[LogEntry] = deque()
        if tail is not None:
            standing = list(self._lines.read())
            # a line that has no end yet is the last one, unless it may go on
            records = sum(record_count(each.text) for each in standing)
            records += self._lines.unfinished(may_grow=not self.ended)
            self._standing.extend(single(last_records(standing, records, tail)))

    def fileno(self) -> int:
        """Return what is readable when there is more, or when it ended; -1 where nobody writes."""
        return -1 if self._channel is None else self._channel.fileno()

    @property
    def ended(self) -> bool:
        """Tell whether nobody writes any more; what is left can be read."""
        return self._channel is None

    @property
    def behind_bytes(self) -> int:
        """Return how much of the log has not been read."""
        return self._lines.behind_bytes

    def read(self, limit_bytes: int = READ_BYTES) -> list[LogEntry]:
        """Return the next lines, of about so many bytes at most; none when all that is there was.

        The last of a log that has ended may have no newline.
        """
        found = list(filter(self._wanted, self._standing))
        self._standing.clear()
        if found:
            return found
        size = 0
        for entry in filter(self._wanted, self._lines.read()):
            size += len(entry.text)
            found += single((entry,))
            if size >= limit_bytes:
                return found
        if self.ended:
            found += filter(self._wanted, self._lines.rest())
        return found

    def skip(self, keep_bytes: int) -> int:
        """Go on near the end, so many bytes before it; return how many were left out."""
        return self._lines.skip(keep_bytes)

    def ask(self) -> None:
        """Ask to be told when the log goes on after what was read; once until the answer."""
        if self._channel is not None and not self._asked:
            self._asked = True
            at = self._lines.at
            try:
                self._channel.send({"op": "follow", "segment": at.segment, "offset": at.offset})
            except ConnectionError:
                self.close()

    def grew(self) -> None:
        """Take what the descriptor told: that there is more, or that it was the end."""
        if self._channel is None:
            return
        self._asked = False
        try:
            message = self._channel.receive()
        except ConnectionError:
            message = None
        if message is None or message.name != "log":
            self.close()

    def close(self) -> None:
        """End the following."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _wanted(self, entry: LogEntry) -> bool:
        return self._range.holds(entry.time_ns)
