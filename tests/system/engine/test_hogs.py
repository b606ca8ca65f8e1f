"""Containers that take all they can get: the machine and the engine stay usable, `rm -f` works.

Where this user has cgroups a hog is held by them, else by what a process alone can be held by.
"""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ipycontainer.engine import capacity
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from tests.conftest import Shell
from tests.system.engine.processes import eventually, gone, traces

pytestmark = [
    pytest.mark.sampled,
    pytest.mark.usefixtures("busybox_image"),
    pytest.mark.timeout(240),
]
ZOMBIES = 10_000
MIB = 1 << 20
# awk keeps open what it writes to, and ends where it can open no more
FDS = (
    "awk 'BEGIN {for (i = 0; i < 100; i++) print i >(\"/tmp/f\" i)}'; echo stopped $?; "
    "ls /tmp | wc -l; echo done; sleep 600"
)
FLOOD = (
    *("run", "-d", "--name", "hog", "--network", "none", "--log-opt", "max-size=1m"),
    *("busybox", "yes"),
)
BOMB = "bomb() { bomb | bomb & }; bomb; echo lit; exec sleep 600"


@pytest.fixture
def cleared(engine: Engine) -> Iterator[None]:
    """Whatever a hog has done, nothing of it is left when it was removed by force."""
    yield
    for container in engine.containers.list(all=True):
        container.remove(force=True)
    gone(lambda: traces(engine))


def begin(engine: Engine, script: str, **options: Any) -> Container:
    """Start a script in the background."""
    container = engine.containers.run(
        "busybox", ["sh", "-c", script], name="hog", detach=True, network="none", **options
    )
    assert isinstance(container, Container)
    return container


def output_of(hog: Container) -> bytes:
    """Return what a hog has printed by now."""
    found = hog.logs()
    assert isinstance(found, bytes)
    return found


def assert_usable(engine: Engine) -> None:
    """The engine still does its work, and this process can still fork and open files."""
    result = engine.run("busybox", ["echo", "usable"], network="none", remove=True)
    assert result.stdout == b"usable\n"
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    os.close(os.open("/dev/null", os.O_RDONLY))


def processes_in(container: Container) -> int:
    """Return how many processes stand in a container's pid namespace, zombies among them."""
    space = os.stat(f"/proc/{container.record.state.pid}/ns/pid").st_ino
    found = 0
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                found += os.stat(f"/proc/{name}/ns/pid").st_ino == space
            except OSError:
                continue
    return found


def zombies_of(pid: int) -> int:
    """Return how many dead children a process has not waited for."""
    found = 0
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with suppress(OSError):
                state, parent = Path(f"/proc/{name}/stat").read_text().rsplit(")", 1)[1].split()[:2]
                found += state == "Z" and int(parent) == pid
    return found


@pytest.mark.usefixtures("cleared")
def test_a_fork_bomb_is_bounded(engine: Engine) -> None:
    """A limit of processes holds: of the cgroup, or of the user id in its user namespace."""
    able = capacity.of(engine).able
    limits: dict[str, Any] = {"pids_limit": 100}
    if not able:
        own = sum(1 for name in os.listdir("/proc") if name.isdecimal())
        limits = {"ulimits": [{"Name": "nproc", "Soft": own + 200, "Hard": own + 200}]}
    hog = begin(engine, BOMB, **limits)
    hog.reload()
    time.sleep(1)
    for _ in range(5):
        assert 0 < processes_in(hog) <= (100 if able else 1000)
    if able:
        assert_usable(engine)
    hog.remove(force=True)
    assert_usable(engine)


@pytest.mark.usefixtures("cleared")
def test_who_hogs_memory_is_stopped(engine: Engine) -> None:
    """By the cgroup (137, out of memory), or by a limit of the process's own data."""
    able = capacity.of(engine).able
    limits: dict[str, Any] = {"mem_limit": "32m", "memswap_limit": "32m"}
    if not able:
        limits = {"ulimits": [{"Name": "data", "Soft": 32 * MIB, "Hard": 32 * MIB}]}
    hog = begin(engine, "tail /dev/zero; echo ended $?; sleep 600", **limits)
    eventually(lambda: b"ended" in output_of(hog) or hog.status == "exited")
    assert b"ended 0" not in output_of(hog)
    assert_usable(engine)
    hog.remove(force=True)


@pytest.mark.usefixtures("cleared")
def test_who_hogs_a_disk_gets_no_more_than_there_is(engine: Engine) -> None:
    """A file system of a size is full for the container, and for nobody else."""
    hog = begin(
        engine,
        "dd if=/dev/zero of=/t/big bs=64k; echo ended $?; sleep 600",
        tmpfs={"/t": "size=4m"},
    )
    eventually(lambda: b"ended" in output_of(hog))
    assert b"No space left on device" in output_of(hog)
    assert b"ended 1" in output_of(hog)
    assert_usable(engine)
    hog.remove(force=True)


@pytest.mark.usefixtures("cleared")
def test_who_hogs_file_descriptors_runs_out_alone(engine: Engine) -> None:
    """The container's limit is its own: ours stays, and so does the monitor's."""
    ours = resource.getrlimit(resource.RLIMIT_NOFILE)
    hog = begin(engine, FDS, ulimits=[{"Name": "nofile", "Soft": 64, "Hard": 64}])
    eventually(lambda: b"done" in output_of(hog))
    said = output_of(hog).split()
    assert b"stopped" in said, said
    assert said[said.index(b"stopped") + 1] != b"0", said
    assert 40 < max(int(word) for word in said if word.isdigit()) < 64, said
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == ours
    assert hog.exec_run(["echo", "in"]).output == b"in\n"
    assert_usable(engine)
    hog.remove(force=True)


@pytest.mark.usefixtures("cleared")
def test_who_ignores_everything_is_killed(engine: Engine) -> None:
    """`stop` waits its time and kills; `rm -f` does not wait."""
    script = "trap '' 1 2 3 10 12 13 14 15; echo deaf; while :; do sleep 600; done"
    hog = begin(engine, script)
    eventually(lambda: b"deaf" in output_of(hog))
    hog.kill("TERM")
    hog.stop(timeout=1)
    assert hog.wait()["StatusCode"] == 137
    hog.start()
    hog.remove(force=True)
    assert engine.containers.list(all=True) == []


@pytest.mark.usefixtures("cleared")
def test_ten_thousand_zombies_are_no_burden(engine: Engine) -> None:
    """A first process that never waits keeps its dead; they are gone with the container."""
    # a shell waits for its own; what these shells leave behind is the first process's
    orphans = f"i=0; while [ $i -lt {ZOMBIES} ]; do (: &); i=$((i+1)); done; echo made"
    script = f"(sleep 0.5; {orphans}) & exec sleep 600"
    hog = begin(engine, script)
    deadline = time.monotonic() + 200
    while b"made" not in output_of(hog):
        assert time.monotonic() < deadline, output_of(hog)
        time.sleep(0.2)
    hog.reload()
    assert zombies_of(hog.record.state.pid) >= ZOMBIES
    assert hog.exec_run(["echo", "in"]).output == b"in\n"
    assert_usable(engine)
    pid = hog.record.state.pid
    hog.remove(force=True)
    assert zombies_of(pid) == 0


@pytest.mark.usefixtures("cleared")
def test_a_flood_on_stdout_leaves_everybody_alone(engine: Engine, shell: Shell) -> None:
    """A bounded log stays bounded; one who follows it and then leaves holds nobody up."""
    shell(*FLOOD)
    hog = engine.containers.get("hog")
    lines = hog.log_entries(follow=True)
    follower = threading.Thread(target=lambda: [next(lines) for _ in range(1000)])
    follower.start()
    follower.join(60)
    assert not follower.is_alive()
    assert_usable(engine)
    directory = engine.home.container(hog.id)
    for _ in range(20):
        size = sum(path.stat().st_size for path in Path(directory).glob("*log*"))
        assert size < 8 * MIB
        time.sleep(0.05)
    assert hog.exec_run(["echo", "in"]).output == b"in\n"
    hog.remove(force=True)
    assert_usable(engine)
