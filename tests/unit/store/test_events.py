"""Events."""

from __future__ import annotations

import pytest

from ipycontainer.store import events
from ipycontainer.store.database import Store


def test_a_watcher_reads_on_from_where_it_was(store: Store) -> None:
    """By row, in the order of the commits."""
    with store.write() as tx:
        events.add(tx, "container", "start", "x", {"name": "n"}, 5)
        last = events.last_row(tx)
        events.add(tx, "container", "die", "x", {"exitCode": "0"}, 4)

        (found,) = events.since(tx, last)
        assert (found.action, found.attributes) == ("die", {"exitCode": "0"})
        assert [each.action for each in events.since_time(tx, 5)] == ["start"]


def test_what_is_executed_now(store: Store) -> None:
    """What began and has not ended; that something could not be executed no watcher is told."""
    with store.write() as tx:
        for exec_id in ("before", "ended", "failed", "runs"):
            at = 4 if exec_id == "before" else 5
            events.add(tx, "container", "exec_start: sh", "x", {"execID": exec_id}, at)
        events.add(tx, "container", "exec_die", "x", {"execID": "ended", "exitCode": "0"}, 6)
        events.add(tx, events.UNTOLD, "exec_die", "x", {"execID": "failed"}, 6)
        events.add(tx, "container", "exec_start: sh", "y", {"execID": "others"}, 7)

        assert events.executing(tx, "x", 5) == ["runs"]
        assert [each.action for each in events.since_time(tx, 6)] == ["exec_die", "exec_start: sh"]
        assert len(events.since(tx, 0)) == 6


def test_old_events_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are never used again, so that no watcher takes a new event for one it has seen."""
    monkeypatch.setattr(events, "KEPT_EVENTS", 10)
    monkeypatch.setattr(events, "_TRIM_EVERY", 5)
    with store.write() as tx:
        for number in range(30):
            events.add(tx, "image", "tag", "x", {}, number)

        found = [each.row for each in events.since(tx, 0)]

    assert found == list(range(21, 31))
