"""The state directory of the OCI command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipycontainer.errors import InvalidArgument, NameInUse, NoSuchContainer
from ipycontainer.linux import procfs
from ipycontainer.linux.cgroups import Cgroup
from ipycontainer.runtime.state import FIFO, ContainerState, StateDir

CGROUP = Cgroup({"pids": "/c"})


def _state(pid: int, ticks: int) -> ContainerState:
    config = {"ociVersion": "1.0.2", "annotations": {"a": "b"}}
    return ContainerState("box", pid, ticks, "/b", "2026-01-01T00:00:00", config, CGROUP)


def test_status_follows_from_process_and_fifo(tmp_path: Path) -> None:
    """Created while the fifo waits, running after it, stopped without the process."""
    states = StateDir(tmp_path / "root")
    states.reserve("box")
    state = _state(os.getpid(), procfs.start_ticks(os.getpid()))
    states.save(state)

    assert states.load("box") == state
    assert states.status(state) == "created"
    (states.path("box") / FIFO).unlink()
    assert states.status(state) == "running"
    assert states.status(_state(os.getpid(), 1)) == "stopped"
    assert state.shown("running").to_json()["annotations"] == {"a": "b"}
    states.forget("box")
    with pytest.raises(NoSuchContainer):
        states.load("box")


def test_an_id_is_taken_once(tmp_path: Path) -> None:
    """The directory is the reservation."""
    states = StateDir(tmp_path)
    states.reserve("box")

    with pytest.raises(NameInUse, match="container with given ID already exists: box"):
        states.reserve("box")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\n", "ä", "-\0"])
def test_an_id_is_a_plain_file_name(tmp_path: Path, name: str) -> None:
    """Runc's letters, and never a way up."""
    with pytest.raises(InvalidArgument):
        StateDir(tmp_path).path(name)
