"""What a monitor says of its container."""

from __future__ import annotations

import sqlite3

import pytest

from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.mounts import MountPoint
from ipycontainer.model.state import ContainerRecord, Status
from ipycontainer.store import containers, events, images, monitor_statements, schema
from ipycontainer.store.database import Store, Transaction
from ipycontainer.store.monitor_statements import CAME_AND_LEFT
from tests import rows


@pytest.fixture
def record(store: Store) -> ContainerRecord:
    """A container that was created."""
    made = rows.container("web")
    with store.write() as tx:
        images.add(tx, rows.image())
        containers.add(tx, made)
    return made


def test_a_life_is_told_from_start_to_end(store: Store, record: ContainerRecord) -> None:
    """State and events, in docker's terms."""
    second = 1_000_000_000
    with store.write() as tx:
        assert monitor_statements.started(tx, record.id, 7, 99, "boot", 5 * second)
        running = containers.get(tx, record.id).state
        monitor_statements.killed(tx, record.id, 15, 6 * second)
        assert monitor_statements.exited(tx, record.id, 143, "", False, 8 * second)
        monitor_statements.stopped(tx, record.id, 8 * second)
        ended = containers.get(tx, record.id).state
        assert monitor_statements.removed(tx, record.id)
        told = [(each.action, each.attributes) for each in events.since(tx, 0)]

    assert (running.status, running.pid, running.start_ticks) == (Status.RUNNING, 7, 99)
    assert (ended.status, ended.pid, ended.exit_code) == (Status.EXITED, 0, 143)
    assert ended.finished_ns == 8 * second
    assert [action for action, _ in told] == ["create", "start", "kill", "die", "stop", "destroy"]
    assert told[2][1]["signal"] == "15"
    assert (told[3][1]["exitCode"], told[3][1]["execDuration"]) == ("143", "3")


def test_an_end_is_told_once(store: Store, record: ContainerRecord) -> None:
    """Of a monitor and a repair that both come, the second changes nothing."""
    with store.write() as tx:
        monitor_statements.started(tx, record.id, 7, 99, "boot", 1)
        assert monitor_statements.exited(tx, record.id, 0, "", False, 2)
        assert not monitor_statements.exited(tx, record.id, 255, "lost", False, 3)

        assert containers.get(tx, record.id).state.exit_code == 0
        assert [each.action for each in events.since(tx, 0)].count("die") == 1


def test_a_lack_of_memory_is_told_before_the_end(store: Store, record: ContainerRecord) -> None:
    """`oom`, then `die`."""
    with store.write() as tx:
        monitor_statements.started(tx, record.id, 7, 99, "boot", 1)
        monitor_statements.exited(tx, record.id, 137, "", True, 2)

        assert containers.get(tx, record.id).state.oom_killed
        assert [each.action for each in events.since(tx, 0)][-2:] == ["oom", "die"]


def test_a_failed_start_keeps_code_and_reason_and_leaves_the_status(
    store: Store, record: ContainerRecord
) -> None:
    """As in docker, what never ran is still `created`."""
    with store.write() as tx:
        assert monitor_statements.failed(tx, record.id, 127, "not found", 1)
        state = containers.get(tx, record.id).state

    assert (state.status, state.exit_code, state.error) == (Status.CREATED, 127, "not found")


@pytest.mark.parametrize(
    ("reached", "told"),
    [
        ((), ["unmount"]),
        (CAME_AND_LEFT[1:], ["unmount"]),
        (CAME_AND_LEFT, ["mount", "unmount"]),
    ],
)
def test_a_failed_start_lets_go_of_volumes_that_it_did_not_come_to(
    store: Store, reached: tuple[str, ...], told: list[str]
) -> None:
    """As in docker, which unmounts in any case, and mounts after the networks."""
    config = ContainerConfig("busybox", mounts=(MountPoint("volume", "/v", "data"),))
    made = rows.container("web", config=config)
    with store.write() as tx:
        images.add(tx, rows.image())
        containers.add(tx, made)
        monitor_statements.failed(tx, made.id, 127, "not found", 1, reached)
        found = [each for each in events.since(tx, 0) if each.type == "volume"]
    assert [each.action for each in found] == told
    assert {each.actor for each in found} == {"data"}


def test_a_start_wipes_the_last_end(store: Store, record: ContainerRecord) -> None:
    """Code and reason of the last run do not show in the next; when it was over does."""
    with store.write() as tx:
        monitor_statements.started(tx, record.id, 7, 99, "boot", 1)
        monitor_statements.exited(tx, record.id, 3, "gone", True, 2)
        monitor_statements.started(tx, record.id, 7, 99, "boot", 3)
        state = containers.get(tx, record.id).state

    assert (state.exit_code, state.error, state.oom_killed) == (0, "", False)
    assert (state.started_ns, state.finished_ns) == (3, 2)


def test_a_container_that_is_gone_makes_no_error(store: Store) -> None:
    """It was removed by force; the monitor has only to end."""
    with store.write() as tx:
        assert not monitor_statements.started(tx, "0" * 64, 7, 99, "boot", 1)
        assert not monitor_statements.exited(tx, "0" * 64, 0, "", False, 1)
        assert not monitor_statements.failed(tx, "0" * 64, 0, "", 1)
        assert not monitor_statements.killed(tx, "0" * 64, 9, 1)
        assert not monitor_statements.removed(tx, "0" * 64)
        assert events.since(tx, 0) == []


@pytest.mark.parametrize("version", range(2, schema.VERSION + 1))
def test_the_statements_run_on_every_schema(version: int) -> None:
    """A monitor may be older or newer than the home: its statements are a frozen contract.

    From the second on: each start and end tells of networks.
    """
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    for step in schema.STEPS[:version]:
        connection.executescript(step)
    tx = Transaction(connection)
    made = rows.container("web")
    images.add(tx, rows.image())
    containers.add(tx, made)

    assert monitor_statements.started(tx, made.id, 1, 2, "boot", 3)
    assert monitor_statements.killed(tx, made.id, 9, 4)
    assert monitor_statements.exited(tx, made.id, 137, "", True, 5)
    assert monitor_statements.failed(tx, made.id, 126, "no", 5)
    assert monitor_statements.happened(tx, made.id, "attach", 6)
    assert monitor_statements.execution_began(tx, made.id, "e" * 64, "true ", 7)
    assert monitor_statements.executed(tx, made.id, "e" * 64, 0, 8)
    assert monitor_statements.removed(tx, made.id)
    connection.close()


def test_a_container_that_begins_again(store: Store, record: ContainerRecord) -> None:
    """It is restarting until it starts, or until somebody has had enough; the count stays."""
    with store.write() as tx:
        monitor_statements.started(tx, record.id, 7, 99, "boot", 1)
        monitor_statements.exited(tx, record.id, 1, "", False, 2)
        assert monitor_statements.restarting(tx, record.id, 1)
        assert containers.get(tx, record.id).state.status is Status.RESTARTING
        assert monitor_statements.started(tx, record.id, 8, 99, "boot", 3, 1)
        assert containers.get(tx, record.id).restart_count == 1
        monitor_statements.exited(tx, record.id, 1, "", False, 4)
        monitor_statements.restarting(tx, record.id, 2)
        assert monitor_statements.given_up(tx, record.id, True, 5)
        assert not monitor_statements.given_up(tx, record.id, True, 5)
        found = containers.get(tx, record.id)
    assert (found.state.status, found.state.exit_code) == (Status.EXITED, 1)
    assert found.restart_count == 2
