"""The row of spare monitors as the zygote keeps it, with the other sides played by the test."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator

import pytest

from ipycontainer.supervise import spares
from ipycontainer.supervise.protocol import Channel, Message
from ipycontainer.supervise.spares import Spares, State

A_MOMENT = 0.001


class Stage:
    """A row of spare monitors, the processes it has made (`made`), and the time it is."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.full = False  # no process more can be had
        self.made: list[Channel] = []
        self.served: list[Channel] = []  # by the zygote itself
        self.starts, self._end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.row = Spares(self.starts.fileno(), self._make, self.served.append, lambda: self.now)

    def _make(self) -> Channel:
        if self.full:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        ours, theirs = pair()
        self.made.append(theirs)
        return ours

    def pass_time(self, seconds: float) -> None:
        """Let time go by, and have done what is due then."""
        self.now += seconds
        self.row.tick()

    def say(self, spare: Channel, event: str) -> None:
        """Let a spare monitor say something, and have it heard."""
        spare.send({"event": event})
        self.hear()

    def hear(self) -> None:
        """Have all heard that was said."""
        while ready := [fd for fd in self.row.fds if select.select([fd], [], [], 0)[0]]:
            self.row.hear(ready[0])
        self.row.tick()

    def new(self) -> Channel:
        """Let one be made, and return its end."""
        self.pass_time(spares.DELAY_SECONDS + A_MOMENT)
        return self.made[-1]

    def ready(self) -> Channel:
        """Let one be made and be ready."""
        spare = self.new()
        self.say(spare, "ready")
        assert told(spare).name == "accept"
        return spare

    def come_back(self, spare: Channel) -> None:
        """Let one that works come back and be ready."""
        self.say(spare, "returning")
        assert told(spare).name == "return"
        self.say(spare, "ready")
        assert told(spare).name == "accept"

    def row_of_starts(self, spare: Channel) -> None:
        """Let as many starts follow each other as make more than one be kept."""
        for number in range(spares.ROW_STARTS):
            if number:
                self.come_back(spare)
            self.say(spare, "taken")

    def three_at_work(self) -> Channel:
        """Let three be taken at once, of which the first, returned, was back soon before."""
        self.row_of_starts(first := self.ready())
        second, third = self.ready(), self.ready()
        self.come_back(first)
        for each in (first, second, third):
            self.say(each, "taken")
        return first

    def close(self) -> None:
        """Close all that was opened."""
        self.row.close()
        for each in (self.starts, self._end, *(channel.socket for channel in self.made)):
            each.close()


def pair() -> tuple[Channel, Channel]:
    """Return both ends of a conversation."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Channel(ours), Channel(theirs)


def told(spare: Channel) -> Message:
    """Return what a spare monitor was told; fails where that is nothing, or the end."""
    assert select.select([spare.fileno()], [], [], 0)[0], "it was told nothing"
    message = spare.receive()
    assert message is not None, "it was let go"
    message.close_fds()
    return message


def let_go(spare: Channel) -> bool:
    """Tell whether a spare monitor was let go: it sees the end."""
    return bool(select.select([spare.fileno()], [], [], 0)[0]) and spare.receive() is None


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Give a row without any yet."""
    made = Stage()
    yield made
    made.close()


def test_one_is_made_a_moment_later(stage: Stage) -> None:
    """Not at once: it would take the processor from the start that took the last."""
    stage.pass_time(0)
    assert stage.row.states() == []
    assert stage.row.timeout() == pytest.approx(spares.DELAY_SECONDS)
    stage.new()
    assert stage.row.states() == [State.MAKING]
    assert stage.row.timeout() is None
    stage.pass_time(1)
    assert stage.row.states() == [State.MAKING]


def test_the_delay_is_not_begun_anew_by_what_happens_meanwhile(stage: Stage) -> None:
    """In a row of starts there is always something that happens."""
    spare = stage.ready()
    stage.say(spare, "taken")
    for _ in range(5):
        stage.pass_time(spares.DELAY_SECONDS / 4)
        stage.hear()
    assert stage.row.states() == [State.WORKING, State.MAKING]


def test_who_is_ready_has_the_socket_of_starts_until_it_is_taken(stage: Stage) -> None:
    """The zygote accepts when nobody else does."""
    spare = stage.new()
    assert [stage.row.accept] == [False]
    spare.send({"event": "ready"})
    stage.hear()
    assert [stage.row.accept] == [True]
    message = spare.receive()
    assert message is not None
    assert (message.name, len(message.fds)) == ("accept", 1)
    assert os.fstat(message.fds[0]).st_ino == os.fstat(stage.starts.fileno()).st_ino
    message.close_fds()
    stage.say(spare, "taken")
    assert [stage.row.accept] == [False]


def test_one_that_comes_back_in_time_leaves_none_to_be_made(stage: Stage) -> None:
    """Its container has ended before another one would have been forked."""
    spare = stage.ready()
    stage.say(spare, "taken")
    stage.pass_time(spares.DELAY_SECONDS / 2)
    stage.come_back(spare)
    stage.pass_time(1)
    assert stage.row.states() == [State.READY]
    assert len(stage.made) == 1


def test_who_worked_for_long_comes_back_beside_another(stage: Stage) -> None:
    """Else each start that takes a moment too long would have one forked, and one end."""
    first = stage.ready()
    stage.say(first, "taken")
    second = stage.ready()
    stage.come_back(first)
    assert stage.row.states() == [State.READY, State.READY]
    stage.say(second, "taken")
    stage.pass_time(1)
    assert stage.row.states() == [State.READY, State.WORKING]
    stage.come_back(second)
    assert len(stage.made) == 2
    stage.pass_time(spares.ROW_SECONDS)
    assert stage.row.states() == [State.READY]


def test_one_too_many_is_let_go(stage: Stage) -> None:
    """Three that wait are more than anybody needs."""
    made = [stage.ready()]
    stage.say(made[0], "taken")
    made.append(stage.ready())
    stage.say(made[1], "taken")
    made.append(stage.ready())
    stage.come_back(made[0])
    stage.say(made[1], "returning")
    assert let_go(made[1])
    assert stage.row.states() == [State.READY, State.READY]


def test_one_that_does_not_say_in_time_that_it_is_ready_is_replaced(stage: Stage) -> None:
    """Whatever keeps it."""
    spare = stage.ready()
    stage.say(spare, "taken")
    stage.say(spare, "returning")
    assert told(spare).name == "return"
    stage.pass_time(spares.RETURN_SECONDS - A_MOMENT)
    assert stage.row.states() == [State.RETURNING]
    assert stage.row.timeout() == pytest.approx(A_MOMENT)
    stage.pass_time(A_MOMENT)
    assert let_go(spare)
    stage.new()
    assert stage.row.states() == [State.MAKING]


def test_in_a_row_of_starts_two_are_kept(stage: Stage) -> None:
    """So that one makes itself ready while the other works; one again when the row is over."""
    first = stage.ready()
    stage.row_of_starts(first)
    second = stage.new()
    stage.say(second, "ready")
    assert told(second).name == "accept"
    stage.come_back(first)
    assert stage.row.states() == [State.READY, State.READY]
    assert stage.row.timeout() is not None
    stage.pass_time(spares.ROW_SECONDS)
    assert stage.row.states() == [State.READY]
    assert let_go(second)
    assert not let_go(first)
    assert stage.row.timeout() is None


def test_starts_far_apart_are_no_row(stage: Stage) -> None:
    """One after another, each long after the last."""
    spare = stage.ready()
    for _ in range(5):
        stage.say(spare, "taken")
        stage.come_back(spare)
        stage.pass_time(spares.ROW_SECONDS)
    assert stage.row.states() == [State.READY]
    assert len(stage.made) == 1


def test_a_client_waits_for_one_that_comes_back(stage: Stage) -> None:
    """It is handed over as it is, with whatever it has said."""
    spare = stage.ready()
    stage.say(spare, "taken")
    stage.say(spare, "returning")
    assert told(spare).name == "return"
    client, asking = pair()
    assert stage.row.wait(client)
    asking.send({"op": "monitor"})
    stage.say(spare, "ready")
    message = spare.receive()
    assert message is not None
    assert message.name == "serve"
    with socket.socket(fileno=message.fds[0]) as handed:
        request = Channel(handed).receive()
        assert request is not None
        assert request.name == "monitor"
    assert stage.row.states() == [State.WORKING]
    assert select.select([asking.fileno()], [], [], 0)[0], "the zygote holds the client, too"
    asking.close()


def test_a_client_waits_for_nobody_else(stage: Stage) -> None:
    """Each that is nearly ready has one to wait for it."""
    client, asking = pair()
    assert not stage.row.wait(client)  # none is on its way
    stage.new()
    second, asking_too = pair()
    assert stage.row.wait(client)
    assert not stage.row.wait(second)
    for each in (second, asking, asking_too):
        each.close()


def test_a_client_does_not_wait_for_ever(stage: Stage) -> None:
    """Where none comes, the zygote has it."""
    stage.new()
    client, asking = pair()
    assert stage.row.wait(client)
    stage.pass_time(spares.PATIENCE_SECONDS - A_MOMENT)
    assert stage.served == []
    stage.pass_time(A_MOMENT)
    assert stage.served == [client]
    client.close()
    asking.close()


def test_one_that_takes_long_is_waited_for_by_nobody(stage: Stage) -> None:
    """What keeps it may keep it for good."""
    stage.new()
    stage.pass_time(spares.PATIENCE_SECONDS)
    client, asking = pair()
    assert not stage.row.wait(client)
    client.close()
    asking.close()


@pytest.mark.parametrize("state", list(State))
def test_one_that_dies_is_replaced(stage: Stage, state: State) -> None:
    """Whatever it was about."""
    spare = stage.new()
    for step in ("ready", "taken", "returning")[: list(State).index(state)]:
        stage.say(spare, step)
    assert stage.row.states() == [state]
    spare.close()
    stage.hear()
    assert stage.row.states() == []
    assert not stage.row.accept
    if state is State.MAKING:  # the next one may die as it did: not forty of them a second
        stage.pass_time(spares.AGAIN_SECONDS)
        assert stage.row.states() == []
    stage.new()
    assert stage.row.states() == [State.MAKING]


def test_a_client_outlives_the_one_that_it_waits_for(stage: Stage) -> None:
    """The next one has it."""
    spare = stage.ready()
    stage.say(spare, "taken")
    stage.say(spare, "returning")
    client, asking = pair()
    assert stage.row.wait(client)
    spare.close()
    stage.hear()
    other = stage.new()
    stage.say(other, "ready")
    assert told(other).name == "serve"
    asking.close()


@pytest.mark.parametrize("word", ["taken", "returning", "nonsense"])
def test_what_does_not_fit_is_the_end_of_it(stage: Stage, word: str) -> None:
    """One that is confused is no monitor."""
    spare = stage.new()
    stage.say(spare, word)
    assert let_go(spare)
    assert stage.row.states() == []


def test_changed_mounts_renew_what_was_made_before(stage: Stage) -> None:
    """Who works has none of it: it makes a sandbox anew when it comes back."""
    worker = stage.ready()
    stage.say(worker, "taken")
    other = stage.ready()
    stage.row.renew()
    assert let_go(other)
    assert stage.row.states() == [State.WORKING]
    stage.say(worker, "returning")
    assert told(worker).name == "return"


def test_who_works_for_long_is_forgotten(stage: Stage) -> None:
    """A machine with a thousand containers does not cost the zygote as many descriptors."""
    made = []
    for _ in range(spares.WORKING_LIMIT + 2):
        made.append(stage.ready())
        stage.say(made[-1], "taken")
        stage.pass_time(spares.ROW_SECONDS)
    assert stage.row.states().count(State.WORKING) == spares.WORKING_LIMIT
    assert [let_go(each) for each in made[:3]] == [True, True, False]


def test_the_end_waits_for_what_is_ready(stage: Stage) -> None:
    """And lets those go on that work."""
    worker = stage.ready()
    stage.say(worker, "taken")
    other = stage.ready()
    other.socket.shutdown(socket.SHUT_WR)  # it answers the end by its own
    stage.row.end()
    assert let_go(worker)
    assert let_go(other)


def test_a_fork_that_is_refused_is_tried_again(stage: Stage) -> None:
    """The machine, or the user, has too many processes just now."""
    stage.full = True
    stage.pass_time(spares.DELAY_SECONDS + A_MOMENT)
    assert stage.row.states() == []
    stage.full = False
    stage.pass_time(spares.AGAIN_SECONDS)
    assert stage.row.states() == []
    stage.new()
    assert stage.row.states() == [State.MAKING]


def test_who_is_expected_back_is_given_no_companion(stage: Stage) -> None:
    """Of what was over soon the next is, too: who began before the latest will be back first."""
    first = stage.three_at_work()
    stage.pass_time(2 * spares.DELAY_SECONDS)
    assert stage.row.states() == [State.WORKING] * 3
    stage.come_back(first)
    assert stage.row.states() == [State.READY, State.WORKING, State.WORKING]


def test_who_was_expected_back_in_vain_is_replaced(stage: Stage) -> None:
    """And who works then is not expected back so soon any more."""
    stage.three_at_work()
    assert stage.row.timeout() == pytest.approx(spares.BRIEF_SECONDS)
    stage.pass_time(spares.BRIEF_SECONDS + A_MOMENT)
    for wanted in (1, 2):
        assert stage.row.timeout() == pytest.approx(spares.DELAY_SECONDS)
        stage.pass_time(spares.DELAY_SECONDS + A_MOMENT)
        assert stage.row.states() == [State.WORKING] * 3 + [State.MAKING] * wanted
    stage.say(stage.made[-1], "ready")
    stage.say(stage.made[-1], "taken")
    assert stage.row.timeout() == pytest.approx(spares.DELAY_SECONDS)
