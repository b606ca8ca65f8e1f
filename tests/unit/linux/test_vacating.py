"""Which cgroups are emptied into a leaf, on directories that stand for a kernel's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipycontainer.linux import cgroups, hierarchies, vacating
from ipycontainer.linux.cgroups import Cgroup, Hierarchies


class Kernel:
    """A tree of cgroups; a process that is moved leaves its old one, and may have forked."""

    def __init__(self, top: Path, forks: int = 0, hidden: bool = False) -> None:
        self.given = top / "given"
        self.given.mkdir()
        for directory in (top, self.given):
            for file in ("cgroup.type", "cgroup.subtree_control", "cgroup.controllers"):
                (directory / file).write_text("memory pids\n" if "controllers" in file else "")
        self.held: dict[str, list[int]] = {str(top): [1, 2], str(self.given): [7, 8]}
        if hidden:
            self.held[str(self.given)].append(0)  # of a pid namespace that is not ours
        self._forks = forks
        self._show()

    def attach(self, cgroup: Cgroup, pid: int) -> None:
        (directory,) = cgroup.directories.values()
        given = self.held[str(self.given)]
        if pid not in given:
            raise ProcessLookupError(pid)
        given.remove(pid)
        self.held.setdefault(directory, []).append(pid)
        if self._forks:
            self._forks -= 1
            given.append(pid + 10)
        self._show()

    def _show(self) -> None:
        for directory, pids in self.held.items():
            Path(directory, "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))


def _vacate(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> Hierarchies:
    found = Hierarchies("v2", {}, str(kernel.given.parent), str(kernel.given))
    monkeypatch.setattr(Cgroup, "attach", lambda cgroup, pid: kernel.attach(cgroup, pid))
    vacating.vacate(found)
    return found


def test_all_that_lives_in_it_moves_into_a_leaf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was forked meanwhile too; and what lives above stays where it is."""
    kernel = Kernel(tmp_path, forks=5)
    found = _vacate(kernel, monkeypatch)
    assert kernel.held[str(tmp_path)] == [1, 2]
    assert kernel.held[str(kernel.given)] == []
    assert len(kernel.held[f"{kernel.given}/{vacating.LEAF}"]) == 7
    assert cgroups.available(found) == {"memory", "pids"}


def test_who_forks_for_ever_is_left_at_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start waits for nobody's fork bomb."""
    kernel = Kernel(tmp_path, forks=10**9)
    _vacate(kernel, monkeypatch)
    assert kernel.held[str(kernel.given)]


def test_a_process_that_cannot_be_seen_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the cgroup is not to be divided."""
    kernel = Kernel(tmp_path, hidden=True)
    _vacate(kernel, monkeypatch)
    assert kernel.held[str(kernel.given)] == [0]
    assert cgroups.is_occupied(str(kernel.given))


@pytest.mark.parametrize(
    ("owned", "marked", "writable", "given"),
    [
        (True, False, True, True),
        (False, True, True, True),
        (False, False, True, False),
        (True, True, False, False),
    ],
)
def test_a_cgroup_is_ours_by_its_owner_or_by_systemds_mark(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owned: bool,
    marked: bool,
    writable: bool,
    given: bool,
) -> None:
    """Who may not say what is counted below has been given nothing; then nobody is moved."""
    kernel = Kernel(tmp_path)
    monkeypatch.setattr(hierarchies, "is_marked", lambda _: marked)
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(kernel.given).st_uid + (not owned))
    access = os.access
    monkeypatch.setattr(
        os,
        "access",
        lambda path, mode: (
            access(path, mode) and (writable or not str(path).endswith("subtree_control"))
        ),
    )
    found = _vacate(kernel, monkeypatch)
    assert (kernel.held[str(kernel.given)] == []) is given
    assert bool(cgroups.available(found)) is given


def test_the_root_of_all_may_hold_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no type; version 1 has no such rule at all."""
    kernel = Kernel(tmp_path)
    (kernel.given / "cgroup.type").unlink()
    _vacate(kernel, monkeypatch)
    assert kernel.held[str(kernel.given)] == [7, 8]
    assert not (kernel.given / vacating.LEAF).exists()
