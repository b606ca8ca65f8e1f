"""What can be limited where the zygote stands, which is not always where the engine does."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ipycontainer.engine import capacity
from ipycontainer.linux import cgroups
from ipycontainer.linux.cgroups import Cgroup, Hierarchies

HOME = SimpleNamespace(rootless=True, engine_cgroup="/ipyc-1/engine")


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An engine in a login session that is nobody's to divide; its zygote is where a test says."""
    monkeypatch.setattr(
        cgroups, "detect", lambda: Hierarchies("v2", {}, str(tmp_path), f"{tmp_path}/session")
    )
    return SimpleNamespace(home=HOME, supervisor=SimpleNamespace(zygote=lambda: 4711))


def _scope(top: Path, *, processes: str = "") -> Path:
    scope = top / "given.scope"
    scope.mkdir()
    (scope / "cgroup.controllers").write_text("cpuset cpu memory pids\n")
    (scope / "cgroup.procs").write_text(processes)
    (scope / "cgroup.type").write_text("domain\n")
    (scope / "cpuset.cpus.effective").write_text("0-3\n")
    return scope


def test_what_systemd_gave_to_the_zygote_counts(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its controllers and its processors, not those of the session."""
    scope = _scope(tmp_path)
    stands = Cgroup({"": f"{scope}{HOME.engine_cgroup}"})
    monkeypatch.setattr(cgroups, "of_process", lambda _, pid: stands if pid == 4711 else None)
    found = capacity.of(engine)
    assert {"memory", "pids", "quota", "cpuset"} <= found.able
    assert found.cpus == "0-3"


@pytest.mark.parametrize(("below", "processes"), [("", ""), (HOME.engine_cgroup, "0\n")])
def test_where_the_zygote_could_not_leave_nothing_can_be_limited(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str, processes: str
) -> None:
    """Nor where a process that cannot be moved stands in the way: it would be refused later."""
    scope = _scope(tmp_path, processes=processes)
    monkeypatch.setattr(cgroups, "of_process", lambda _, __: Cgroup({"": f"{scope}{below}"}))
    found = capacity.of(engine)
    assert (found.version, found.able) == ("v2", frozenset())


def test_a_zygote_that_has_just_ended_is_not_the_last(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one is asked, and no limit is dropped for it."""
    stands = Cgroup({"": f"{_scope(tmp_path)}{HOME.engine_cgroup}"})
    pids = iter((4711, 4712))
    engine.supervisor.zygote = lambda: next(pids)

    def place(_: Hierarchies, pid: int) -> Cgroup:
        if pid == 4711:
            raise ProcessLookupError(pid)
        return stands

    monkeypatch.setattr(cgroups, "of_process", place)
    assert "memory" in capacity.of(engine)
