"""The zygote's row of spare monitors: who is being made, ready, at work, or comes back.

A spare monitor serves one container and offers to come back (`spare`). While nobody starts
anything one waits; while starts follow each other two do, so that one can make itself ready while
the other works. Whoever asks while none is ready waits a little for one that nearly is. Where what
was started last was over soon, none is made beside who has begun a moment ago: it will be back, and
another one would only keep the processors from both.

What the two sides say: `ready`, answered by `accept` with the socket on which starts are accepted,
or by `serve` with a client that waits; `taken`, when it has accepted one itself; `returning`,
answered by `return`, or by the end of the connection, which is the end of the spare monitor too.
Only who is ready has that socket: others would keep it open when the zygote is dead.
"""

from __future__ import annotations

import enum
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ipycontainer.errors import ProtocolError
from ipycontainer.supervise.protocol import Channel, Message

__all__ = ["Spares", "State"]

# One is made when nothing else is to do, so that it takes no processor from a start.
DELAY_SECONDS = 0.025
RETURN_SECONDS = 1.0  # until one that comes back is ready, or another is made
PATIENCE_SECONDS = 0.25  # of a client, for one that is being made or comes back
BRIEF_SECONDS = 0.1  # who has come back so soon is expected to do so the next time
ROW_STARTS, ROW_SECONDS = 3, 5.0  # so many starts, none later than so long after the last
# One that comes back is kept until the row is over even where another was made for it: else each
# start that takes longer than the delay would have one forked, and one end.
SPARE = 1
END_SECONDS = 5.0
AGAIN_SECONDS = 1.0  # until a fork is tried again that was refused, or died unready
WORKING_LIMIT = 8  # who works for long need not come back: descriptors are few


class State(enum.Enum):
    """What a spare monitor is about."""

    MAKING = enum.auto()
    READY = enum.auto()
    WORKING = enum.auto()
    RETURNING = enum.auto()


@dataclass(slots=True)
class _Spare:
    """One of them, and since when it is about what it is about."""

    channel: Channel
    state: State
    since: float


class Spares:
    """The spare monitors of one zygote. `starts` is the descriptor on which they accept.

    `make` forks one and returns the channel to it; `serve` takes a client that none will have.
    """

    def __init__(
        self,
        starts: int,
        make: Callable[[], Channel],
        serve: Callable[[Channel], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._starts = starts
        self._make = make
        self._serve = serve
        self._clock = clock
        self._spares: dict[int, _Spare] = {}
        self._waiting: dict[Channel, float] = {}  # clients, the oldest first, and since when
        self._missing: float | None = clock()  # since when there are fewer than there should be
        self._in_a_row, self._last_start = 0, 0.0
        self._brief = False  # the last one has come back soon, and none was missed since

    # ── what the zygote asks ─────────────────────────────────────────────────────────────────

    @property
    def fds(self) -> tuple[int, ...]:
        """Return the descriptors to be watched for `hear`."""
        return tuple(self._spares)

    @property
    def accept(self) -> bool:
        """Tell whether a spare monitor accepts starts; else the zygote must."""
        return any(spare.state is State.READY for spare in self._spares.values())

    def states(self) -> list[State]:
        """Return what each is about, the oldest first."""
        return [spare.state for spare in self._spares.values()]

    def timeout(self) -> float | None:
        """Return the seconds until `tick` has something to do, None where nothing is due."""
        moments = [since + PATIENCE_SECONDS for since in self._waiting.values()]
        moments += [spare.since + RETURN_SECONDS for spare in self._in(State.RETURNING)]
        moments += [spare.since + BRIEF_SECONDS for spare in self._expected_back()]
        if self._missing is not None:
            moments.append(self._missing + DELAY_SECONDS)
        if self._in_a_row:
            moments.append(self._last_start + ROW_SECONDS)
        return max(0.0, min(moments) - self._clock()) if moments else None

    # ── what happens ─────────────────────────────────────────────────────────────────────────

    def hear(self, fd: int) -> None:
        """Take one message of a spare monitor, or its end."""
        spare = self._spares[fd]
        message: Message | None = None
        with suppress(ProtocolError, OSError):
            message = spare.channel.receive()
        said = "" if message is None else message.name
        if said == "ready" and spare.state in (State.MAKING, State.RETURNING):
            self._employ(spare)
        elif said == "taken" and spare.state is State.READY:
            self._works(spare)
        elif said == "returning" and spare.state is State.WORKING and self._lacks(SPARE):
            self._brief = self._clock() - spare.since < BRIEF_SECONDS
            self._tell(spare, {"event": "return"}, State.RETURNING)
        else:
            self._drop(spare)
            if spare.state is State.MAKING:  # what was its end may be that of the next one, too
                self._missing = self._clock() + AGAIN_SECONDS
        self._count()

    def wait(self, client: Channel) -> bool:
        """Let a client wait for one that is nearly ready; False where there is none for it."""
        now = self._clock()
        coming = [
            spare
            for spare in self._in(State.MAKING, State.RETURNING)
            if now - spare.since < PATIENCE_SECONDS
        ]
        if len(coming) <= len(self._waiting):
            self._note_start()
            return False
        self._waiting[client] = now
        self._count()
        return True

    def tick(self) -> None:
        """Do what is due by now."""
        now = self._clock()
        for client, since in list(self._waiting.items()):
            if now - since >= PATIENCE_SECONDS:
                del self._waiting[client]
                self._note_start()
                self._serve(client)
        for spare in self._in(State.RETURNING):
            if now - spare.since >= RETURN_SECONDS:
                self._drop(spare)
        if now - self._last_start >= ROW_SECONDS:
            self._in_a_row = 0
            for spare in self._in(State.READY)[1:]:
                self._drop(spare)
        self._count()
        if self._missing is not None and now - self._missing >= DELAY_SECONDS:
            self._brief = False
            self._add(now)
            self._count()

    def renew(self) -> None:
        """Let go of what is ready or nearly so: what it was made from is no longer so."""
        for spare in self._in(State.MAKING, State.READY, State.RETURNING):
            self._drop(spare)
        self._count()

    def end(self) -> None:
        """Let go of all, and wait for the end of what they have ready."""
        for spare in self._spares.values():
            with suppress(OSError):
                spare.channel.socket.shutdown(socket.SHUT_WR)
        for spare in self._in(State.MAKING, State.READY, State.RETURNING):
            spare.channel.socket.settimeout(END_SECONDS)
            with suppress(OSError, ProtocolError):
                while spare.channel.receive() is not None:
                    pass

    def close(self) -> None:
        """Close all that is ours, in a fork that is to know nothing of it."""
        for spare in self._spares.values():
            spare.channel.close()
        for client in self._waiting:
            client.close()

    # ── one of them ──────────────────────────────────────────────────────────────────────────

    def _employ(self, spare: _Spare) -> None:
        """Give one that is ready the client that has waited longest, or the socket of all."""
        if not self._waiting:
            self._tell(spare, {"event": "accept"}, State.READY, self._starts)
            return
        client = next(iter(self._waiting))
        self._tell(spare, {"event": "serve"}, State.READY, client.fileno())
        if spare.state is State.READY:
            del self._waiting[client]
            client.close()
            self._works(spare)

    def _add(self, now: float) -> None:
        try:
            channel = self._make()
        except OSError:  # too many processes or descriptors: not for ever, perhaps
            self._missing = now + AGAIN_SECONDS
            return
        self._missing = None
        self._spares[channel.fileno()] = _Spare(channel, State.MAKING, now)

    def _works(self, spare: _Spare) -> None:
        spare.state, spare.since = State.WORKING, self._clock()
        self._note_start()
        for oldest in sorted(self._in(State.WORKING), key=_since)[:-WORKING_LIMIT]:
            self._drop(oldest)

    def _note_start(self) -> None:
        now = self._clock()
        self._in_a_row = self._in_a_row + 1 if now - self._last_start < ROW_SECONDS else 1
        self._last_start = now

    def _tell(self, spare: _Spare, body: dict[str, str], state: State, *fds: int) -> None:
        try:
            spare.channel.send(body, fds)
            spare.state, spare.since = state, self._clock()
        except OSError:  # it has died meanwhile
            self._drop(spare)

    def _drop(self, spare: _Spare) -> None:
        if self._spares.pop(spare.channel.fileno(), None) is not None:
            spare.channel.close()

    def _in(self, *states: State) -> list[_Spare]:
        return [spare for spare in self._spares.values() if spare.state in states]

    def _expected_back(self) -> list[_Spare]:
        """Return who works, and will be ready in a moment if it goes as the last time."""
        since = self._clock() - BRIEF_SECONDS
        young = [spare for spare in self._in(State.WORKING) if spare.since > since]
        return young if self._brief else []

    def _lacks(self, more: int = 0) -> bool:
        """Tell whether fewer are ready, or will be, than there should be, or `more` than that."""
        there = len(self._in(State.MAKING, State.READY, State.RETURNING)) - len(self._waiting)
        return there < more + (2 if self._in_a_row >= ROW_STARTS else 1)

    def _count(self) -> None:
        """Note since when one is missing."""
        back = len(self._expected_back()) - 1  # the latest start is what all the others are for
        if not self._lacks(-max(0, back)):
            self._missing = None
        elif self._missing is None:
            self._missing = self._clock()


def _since(spare: _Spare) -> float:
    return spare.since
