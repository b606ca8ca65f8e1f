"""A home that is copied while everything is at work on it: what a crash of the machine would leave.

Every writer is frozen, the home copied, everything goes on; the copy is opened at its own place.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import NoSuchContainer
from tests.system.engine.look import assert_true
from tests.system.engine.processes import alive, processes_in_cgroups

pytestmark = pytest.mark.timeout(600)
WORKERS = 2
FULL = os.environ.get("IPYCONTAINER_FULL")
COPIES = 20 if FULL else 1
SPIN = ["sh", "-c", "while :; do date > /now; sleep 0.05; done"]
# As whoever owns the files of all ids that an ordinary user's containers have.
AS_OWNER = [] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--map-auto"]


def paths(program: Path) -> str:
    """Return where a program of this room finds what is tested, and the tests."""
    return f"{Path(ipycontainer.__file__).parents[1]}:{program.parents[3]}"


@contextmanager
def writers(
    home: Path,
    archive: Path,
    seed: int,
    python: Sequence[str] = (sys.executable,),
    environment: Mapping[str, str] = os.environ,
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Have processes make, change and remove everything that a home has."""
    program = Path(__file__).with_name("busy_worker.py")
    begun = [
        subprocess.Popen(
            [*python, program, str(home), str(archive), f"{seed}.{number}"],
            env={**environment, "PYTHONPATH": paths(program)},
            cwd="/",
            start_new_session=True,
        )
        for number in range(WORKERS)
    ]
    try:
        yield begun
    finally:
        for process in begun:
            process.kill()
            process.wait()


@contextmanager
def frozen(home: Path, workers: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Stop every process that works on a home, until none is left that runs."""
    stopped: list[int] = []
    try:
        while fresh := [pid for pid in of_home(home, workers) if pid not in stopped]:
            for pid in fresh:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
        yield
    finally:
        for pid in reversed(stopped):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def of_home(home: Path, workers: list[subprocess.Popen[bytes]]) -> list[int]:
    """Return the writers, and the zygote, the monitors and the workers of a home."""
    found = [process.pid for process in workers]
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"supervise.boot" in command and os.fsencode(home) in command:
            found.append(int(entry.name))
    return found


def test_a_copy_of_a_home_at_work_is_a_home(
    home: Path, busybox_tar: Path, tmp_path: Path, engine: Engine
) -> None:
    """All of it is whole, nothing runs there, what is named works; the original notices nothing."""
    seed = int(os.environ.get("IPYCONTAINER_SEED") or random.randrange(1 << 16))
    print(f"IPYCONTAINER_SEED={seed}")
    chance = random.Random(seed)
    engine.images.import_(busybox_tar, repository="busybox")
    kept = engine.containers.run("busybox", SPIN, detach=True, network="none", name="kept")
    assert isinstance(kept, Container)
    with writers(home, busybox_tar, seed) as workers:
        for number in range(COPIES):
            time.sleep(chance.uniform(0.5, 2.5))
            place = tmp_path / f"copy{number}"
            with frozen(home, workers):
                subprocess.run([*AS_OWNER, "cp", "-a", str(home), str(place)], check=True)
            assert all(process.poll() is None for process in workers)
            with ipycontainer.connect(place) as copy:
                _is_a_home(copy)
                copy.reset()
            assert kept.status == "running"
            assert kept.exec_run(["cat", "/mine"]).exit_code == 1
    for container in engine.containers.list(all=True):
        with suppress(NoSuchContainer):  # of a `--rm` that has ended meanwhile
            container.remove(force=True)


def _is_a_home(copy: Engine) -> None:
    states = {each.name: each for each in copy.containers.list(all=True)}
    assert not [each for each in states.values() if each.status not in ("created", "exited")]
    kept = states["kept"]
    assert kept.record.state.error == "the home was copied while the container ran"
    for directory in copy.home.containers.iterdir():
        os.utime(directory, (0, 0))  # one in the making has its row by now, or never
    copy.supervisor.work("repair", {})
    assert_true(copy)
    for image in copy.images.list():
        if image.id != copy.images.get("host").id:
            result = copy.run(image.id, ["cat", "/etc/passwd"], network="none", remove=True)
            assert result.stdout.startswith(b"root:")
    kept.start()
    assert kept.exec_run(["touch", "/mine"]).exit_code == 0
    pid = kept.record.state.pid
    for each in copy.containers.list(all=True):
        each.remove(force=True)
    for volume in copy.volumes.list():
        volume.remove()
    assert_true(copy)
    assert not alive(pid)
    assert processes_in_cgroups(copy) == []
