"""Several logs in one: what `logs -f A B` prints, each line headed by its container's name."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipycontainer.engine.waiting import poll_until

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import LogEntry
    from ipycontainer.commands.live_protocols import Follower

__all__ = ["merged"]


@dataclass(frozen=True, slots=True)
class _Line:
    """A line with its head."""

    time_ns: int
    stream: str
    text: bytes


def merged(followers: Sequence[Follower]) -> Iterator[LogEntry]:
    """Yield the lines of several logs until all have ended.

    Standing lines come in the order of their times, later ones as they come.
    """
    width = max(len(each.name) for each in followers)

    def headed(entry: LogEntry, name: str) -> _Line:
        head = f"{name.ljust(width)} | ".encode()
        return _Line(entry.time_ns, entry.stream, head + entry.text)

    try:
        standing = [(entry, each.name) for each in followers for entry in _all(each)]
        for entry, name in sorted(standing, key=lambda pair: pair[0].time_ns):
            yield headed(entry, name)
        while alive := [each for each in followers if not each.ended]:
            poll = select.poll()
            for each in alive:
                each.ask()
                if not each.ended:
                    poll.register(each.fileno(), select.POLLIN)
            # one whose monitor has left by now has no descriptor that could wake us
            is_over = any(each.ended for each in alive)
            ready = {fd for fd, _ in poll_until(poll, time.monotonic() if is_over else None)}
            for each in alive:
                if each.fileno() in ready:
                    each.grew()
                for entry in _all(each):
                    yield headed(entry, each.name)
    finally:
        for each in followers:
            each.close()


def _all(follower: Follower) -> Iterator[LogEntry]:
    while found := follower.read():
        yield from found
