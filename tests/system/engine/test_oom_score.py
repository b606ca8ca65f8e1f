"""How readily the kernel kills a container when memory runs out: docker's 0, or what was asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.linux import capabilities, oom

CAT = ["cat", "/proc/self/oom_score_adj"]


@pytest.fixture
def marked_server() -> Iterator[None]:
    """This process is like a notebook server that the kernel is to kill first; so is its engine."""
    own = oom.own_score()
    oom.set_own_score(300)
    yield
    oom.set_own_score(own)


@pytest.mark.usefixtures("marked_server", "busybox_image")
def test_a_container_of_a_server_that_goes_first_does_not_go_first(engine: Engine) -> None:
    """It has docker's 0, what is executed in it too, and its monitor is no easier to kill."""
    container = engine.containers.run("busybox", ["sleep", "100"], detach=True, network="none")
    assert isinstance(container, Container)
    assert container.warnings == ()
    assert container.exec_run(CAT).output == b"0\n"
    assert _seen_outside(container) == (b"0\n", b"0\n")
    assert container.attrs["HostConfig"]["OomScoreAdj"] == 0


@pytest.mark.usefixtures("busybox_image")
def test_what_was_asked_holds_for_what_is_executed_too(engine: Engine) -> None:
    """As under docker, whose exec takes it from the container."""
    container = engine.containers.run(
        "busybox", ["sleep", "100"], detach=True, network="none", oom_score_adj=700
    )
    assert isinstance(container, Container)
    assert container.exec_run(CAT).output == b"700\n"


@pytest.mark.usefixtures("busybox_image")
def test_who_may_not_lower_it_keeps_it_with_a_word(engine: Engine) -> None:
    """Whoever has CAP_SYS_RESOURCE gets what it asks for; others run on, with podman's warning.

    The same from inside and outside; the container's monitor is as it was.
    """
    container = engine.containers.run(
        "busybox", ["sleep", "100"], detach=True, network="none", oom_score_adj=-500
    )
    assert isinstance(container, Container)
    assert container.attrs["HostConfig"]["OomScoreAdj"] == -500
    names = capabilities.names_of(capabilities.own_bounding())
    able = os.geteuid() == 0 and "CAP_SYS_RESOURCE" in names
    word = "Requested oom_score_adj=-500 is lower than the current one, changing to 0"
    score = b"-500\n" if able else b"0\n"
    assert container.warnings == (() if able else (word,))
    assert container.exec_run(CAT).output == score
    assert _seen_outside(container) == (score, b"0\n")


def _seen_outside(container: Container) -> tuple[bytes, bytes]:
    """Return the scores of a container's program and of its monitor."""
    pid = container.record.state.pid
    files = [f"/proc/{process}/oom_score_adj" for process in (pid, _parent(pid))]
    first, second = (Path(file).read_bytes() for file in files)
    return first, second


def _parent(pid: int) -> int:
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[1])
