"""An ordinary user below a systemd of their own, as a service; tests/vm/guest.sh names this file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipycontainer.engine import capacity
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine

pytestmark = pytest.mark.usefixtures("busybox_image")


def test_systemd_gives_a_cgroup_to_whoever_asks(engine: Engine) -> None:
    """The containers stand in a scope of the engine's own, and can be limited there."""
    assert {"memory", "shares", "pids"} <= capacity.of(engine).able
    container = engine.containers.run(
        "busybox", ["sleep", "1000"], detach=True, network="none", pids_limit=7, mem_limit="64m"
    )
    assert isinstance(container, Container)
    container.reload()
    path = Path(f"/proc/{container.record.state.pid}/cgroup").read_text().strip()
    assert ".service/" in path
    assert f".scope/ipyc-{engine.home.hash8}/{container.id}" in path
    found = container.usage()
    assert (found.pids_limit, found.memory.limit) == (7, 64 << 20)
    container.pause()
    assert container.status == "paused"
    container.remove(force=True)
