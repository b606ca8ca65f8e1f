"""An ordinary user who has logged in below systemd; tests/vm/guest.sh names this file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ipycontainer.engine import capacity
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.linux import cgroups
from tests.system.engine.processes import eventually

pytestmark = pytest.mark.usefixtures("busybox_image")


def test_this_session_is_not_the_users_to_divide() -> None:
    """Else the tests below would show nothing."""
    own = Path("/proc/self/cgroup").read_text()
    assert "/session-" in own
    assert cgroups.available(cgroups.detect()) == frozenset()


def test_systemd_gives_a_cgroup_to_whoever_asks(engine: Engine) -> None:
    """The container stands in a scope of the engine's own, and what was asked is written there."""
    assert {"memory", "shares", "quota", "pids"} <= capacity.of(engine).able
    container = _sleeper(engine, mem_limit="64m", nano_cpus=500_000_000, pids_limit=7)
    assert container.warnings == ()
    place = _place(container)
    name = f"ipyc-{engine.home.hash8}"
    assert str(place).endswith(
        f"/user@{os.getuid()}.service/app.slice/{name}.scope/{name}/{container.id}"
    )
    files = {"memory.max": str(64 << 20), "cpu.max": "50000 100000", "pids.max": "7"}
    assert {name: (place / name).read_text().strip() for name in files} == files


def test_the_next_zygote_enters_the_scope_of_the_one_before(engine: Engine) -> None:
    """What still runs there goes on, can be limited anew, and ends as ever."""
    first = _sleeper(engine)
    engine.supervisor.quit()
    second = _sleeper(engine, pids_limit=9)
    assert _place(first).parent == _place(second).parent
    first.update(mem_limit="32m", memswap_limit="64m")
    assert (_place(first) / "memory.max").read_text() == f"{32 << 20}\n"
    first.remove(force=True)
    assert (_place(second) / "pids.max").read_text() == "9\n"


def test_nothing_is_left_of_a_scope_when_all_has_ended(engine: Engine) -> None:
    """The scope is taken away with its last process."""
    container = _sleeper(engine)
    scope = _place(container).parent.parent
    assert scope.name.endswith(".scope")
    container.remove(force=True)
    engine.supervisor.quit()
    eventually(lambda: not scope.exists())


def _sleeper(engine: Engine, **options: Any) -> Container:
    container = engine.containers.run(
        "busybox", ["sleep", "1000"], detach=True, network="none", **options
    )
    assert isinstance(container, Container)
    return container


def _place(container: Container) -> Path:
    container.reload()
    text = Path(f"/proc/{container.record.state.pid}/cgroup").read_text().strip()
    return Path("/sys/fs/cgroup" + text.rpartition("0::")[2])
