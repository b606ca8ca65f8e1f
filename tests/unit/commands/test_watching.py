"""`ps --watch`, `top --watch` and `logs -f` of several, as the shell has them."""

from __future__ import annotations

from itertools import islice

import pytest

from ipycontainer.commands import shell
from ipycontainer.commands.grammar import invoke
from ipycontainer.commands.live import Live
from ipycontainer.commands.log_merging import merged
from ipycontainer.commands.records import Listing, LogView, ProcessList
from ipycontainer.errors import ContainerNotRunning, UsageError
from ipycontainer.model.config import ContainerConfig
from tests.fake_live import FakeFollower
from tests.fakes import EPOCH_NS, FakeEngine, FakeLogEntry


@pytest.fixture
def engine() -> FakeEngine:
    """An engine in memory with two containers that run."""
    engine = FakeEngine()
    for name in ("one", "three"):
        engine.containers.create_from(ContainerConfig("busybox", ("sleep",)), name).start()
    return engine


def test_several_logs_are_merged_by_time(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line is headed by its container's name, in a column."""
    engine.containers.get("one").log = [
        FakeLogEntry(EPOCH_NS, "stdout", b"a\n"),
        FakeLogEntry(EPOCH_NS + 9, "stdout", b"c\n"),
    ]
    engine.containers.get("three").log = [FakeLogEntry(EPOCH_NS + 5, "stderr", b"b\n")]
    assert shell.main(["logs", "-f", "one", "three"], lambda: engine) == 0
    assert tuple(capsys.readouterr()) == ("one   | a\none   | c\n", "three | b\n")


def test_one_that_ends_when_it_is_asked_does_not_hold_the_others_up() -> None:
    """Its monitor has left after its last line: nothing would wake who waits for it."""

    class Leaving(FakeFollower):
        def ask(self) -> None:
            self.ended = True
            self._entries = [FakeLogEntry(EPOCH_NS + 1, "stdout", b"last\n")]

    first = FakeLogEntry(EPOCH_NS, "stdout", b"first\n")
    leaving = Leaving("one", [first])
    leaving.ended = False
    assert [entry.text for entry in merged([leaving])] == [b"one | first\n", b"one | last\n"]


@pytest.mark.parametrize("words", [["logs"], ["logs", "one", "three"]])
def test_without_follow_there_is_one_log_as_in_docker(engine: FakeEngine, words: list[str]) -> None:
    """Docker's own message stands."""
    with pytest.raises(UsageError, match="requires exactly 1 argument"):
        invoke(lambda: engine, words)


def test_one_followed_log_is_not_headed(engine: FakeEngine) -> None:
    """Nothing changes for docker's own form."""
    found = invoke(lambda: engine, ["logs", "-f", "-n", "3", "one"])
    assert isinstance(found, LogView)
    assert (found.follow, found.wanted.tail, found.others) == (True, 3, ())


def test_ps_is_listed_anew_at_the_bell(engine: FakeEngine) -> None:
    """The list is read when something happens, and by who asks its source."""
    live = invoke(lambda: engine, ["ps", "--watch"])
    assert isinstance(live, Live)
    (first,) = islice(live.listings, 1)
    assert isinstance(first, Listing)
    assert len(first.rows) == 2
    engine.containers.get("one").kill()
    assert live.source.refresh()
    assert [row.name for row in live.source.rows()] == ["three"]


def test_top_goes_on_until_its_container_ends(engine: FakeEngine) -> None:
    """Listings come until then; ps's options and --watch exclude each other."""
    live = invoke(lambda: engine, ["top", "--watch", "one"])
    assert isinstance(live, Live)
    assert isinstance(next(live.listings), ProcessList)
    engine.containers.get("one").kill()
    assert not live.source.refresh()
    assert live.source.rows() == ()
    with pytest.raises(UsageError, match="leave the options of ps out"):
        invoke(lambda: engine, ["top", "--watch", "three", "-ef"])
    with pytest.raises(ContainerNotRunning):
        invoke(lambda: engine, ["top", "--watch", "one"])
