"""`stats` as docker prints it, and as a frame."""

from __future__ import annotations

import pytest

from ipycontainer.commands import shell
from ipycontainer.commands.grammar import invoke
from ipycontainer.commands.live import Live
from ipycontainer.commands.records import Listing
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.sample import Sample
from tests.fakes import FakeEngine

USED = Sample("", "", "", 12.345, 64 << 20, 128 << 20, 1500, 0, 4096, 1_000_000, 3)


@pytest.fixture
def engine() -> FakeEngine:
    """An engine in memory with a container that runs and one that does not."""
    engine = FakeEngine()
    engine.used = [USED, USED]
    engine.containers.create_from(ContainerConfig("busybox", ("sleep",)), "runs").start()
    engine.containers.create_from(ContainerConfig("busybox", ("true",)), "ended")
    return engine


def test_table(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    """Memory in powers of 1024, everything else in powers of 1000, docker's columns."""
    assert shell.main(["stats", "--no-stream", "-a"], lambda: engine) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "CONTAINER ID"
    by_name = {row.split()[1]: row.split(maxsplit=2)[2] for row in rows}
    assert by_name["runs"].split() == (
        "12.35% 64MiB / 128MiB 50.00% 1.5kB / 0B 4.1kB / 1MB 3".split()
    )
    assert by_name["ended"].split() == "0.00% 0B / 0B 0.00% 0B / 0B 0B / 0B 0".split()


def test_live_view_is_drawn_anew_each_time(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --no-stream each listing erases the last one."""
    assert shell.main(["stats", "--format", "{{.Name}}"], lambda: engine) == 0
    assert capsys.readouterr().out == "\033[2J\033[Hruns\n" * 2


def test_records(engine: FakeEngine) -> None:
    """One listing, or an iterator of them."""
    once = invoke(lambda: engine, ["stats", "--no-stream", "runs"])
    assert isinstance(once, Listing)
    assert [row.name for row in once.rows if isinstance(row, Sample)] == ["runs"]
    live = invoke(lambda: engine, ["stats"])
    assert isinstance(live, Live)
    assert [len(each.rows) for each in live.listings if isinstance(each, Listing)] == [1, 1]
