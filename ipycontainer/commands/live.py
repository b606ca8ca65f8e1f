"""A listing that goes on: what stats, `ps --watch` and `top --watch` return."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ipycontainer.commands.records import Outcome

if TYPE_CHECKING:
    from ipycontainer.commands.live_protocols import Bell, Source

__all__ = ["Live", "rung"]

_LOOK_UP_SECONDS = 1.0  # an interrupt between two of Python's instructions is seen then


@dataclass(frozen=True, slots=True, kw_only=True)
class Live(Outcome):
    """A listing that is told anew, until its end or an interrupt.

    `listings` waits for each. A face that waits by itself reads the `source`, after a ring of the
    bell that `bell` makes, and in between as often as it likes. `title` says what of.
    """

    kind: Literal["stats", "ps", "top"]
    title: str
    listings: Iterator[Outcome]
    source: Source
    bell: Callable[[], Bell]


def rung(bell: Callable[[], Bell], listing: Callable[[], Outcome]) -> Iterator[Outcome]:
    """Yield a listing now, and another after each ring."""
    with closing(bell()) as watched:
        while True:
            yield listing()
            while not watched.wait(_LOOK_UP_SECONDS):
                pass
