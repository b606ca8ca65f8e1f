"""Power that is lost: what the disk had at an instant is mounted again, and opened.

The home lies on a file system of its own, on a file: what the kernel has not written to its disk
is not in the file. The last transactions may be missing; what is there is whole.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.system.engine.processes import eventually
from tests.system.engine.test_copied_home import frozen, of_home, paths, writers

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk"),
]
FULL = os.environ.get("IPYCONTAINER_FULL")
CUTS = 40 if FULL else 2
DISK_BYTES = (256 if FULL else 96) << 20  # the writers remove less than they make
TRIES = 300


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose home it is: the words that run a Python as that one, and in which environment."""

    uid: int = 0
    gid: int = 0
    words: tuple[str, ...] = (sys.executable,)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def run(self, *words: str) -> str:
        """Run tests/system/engine/whole_home.py, and return what it said."""
        program = Path(__file__).with_name("whole_home.py")
        done = subprocess.run(
            [*self.words, str(program), *words],
            env={**self.environment, "PYTHONPATH": paths(program)},
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout.strip()


ROOT = Owner()


@contextmanager
def mounted(disk: Path, place: Path, *options: str) -> Iterator[Path]:
    """Mount a disk with a home; at the end all that the machine has of it is gone."""
    # a journal that is written each second makes many states of a disk
    words = ",".join((*options, "commit=1"))
    subprocess.run(["mount", "-o", words, str(disk), str(place)], check=True)
    home = place / "home"
    try:
        yield home
    finally:
        runtime = home / "run"
        if runtime.is_symlink():  # else the home was emptied
            eventually(lambda: _ended(home, runtime.readlink()))
        eventually(lambda: _unmounted(place))


def _ended(home: Path, runtime: Path) -> bool:
    """Take away what ends with a machine: processes, their cgroups, sockets and locks."""
    for pid in of_home(home, []):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(runtime, ignore_errors=True)
    cgroups = [*Path("/sys/fs/cgroup").glob(f"*/{runtime.name}/*/")]
    for cgroup in cgroups:
        with suppress(OSError):  # a commit freezes its container: what is frozen does not die
            (cgroup / "freezer.state").write_text("THAWED")
        for file in ("tasks", "cgroup.procs"):
            with suppress(OSError):
                for pid in map(int, (cgroup / file).read_text().split()):
                    os.kill(pid, signal.SIGKILL)
        with suppress(OSError):
            cgroup.rmdir()
    return not cgroups


def _unmounted(place: Path) -> bool:
    done = subprocess.run(["umount", str(place)], capture_output=True, check=False)
    return done.returncode == 0


def at_an_instant(disk: Path, copy: Path) -> None:
    """Copy a disk as it is between two writes, each of which sets its time."""
    for _ in range(TRIES):
        time.sleep(0.01)  # the kernel's clock goes in steps
        before = disk.stat().st_mtime_ns
        if time.time_ns() - before > 10_000_000:
            subprocess.run(["cp", "--sparse=always", str(disk), str(copy)], check=True)
            if disk.stat().st_mtime_ns == before:
                return
    raise AssertionError("the disk is written to all the time")


def test_what_a_disk_has_at_any_instant_is_a_home(busybox_tar: Path, tmp_path: Path) -> None:
    """No image in part, no row without its files; what is listed runs, and can be removed."""
    lose_power(busybox_tar, tmp_path)


def lose_power(archive: Path, directory: Path, owner: Owner = ROOT) -> None:
    """Have a home on a disk of its own, lose power at random instants, and open what is left."""
    seed = int(os.environ.get("IPYCONTAINER_SEED") or random.randrange(1 << 16))
    print(f"IPYCONTAINER_SEED={seed}")
    chance = random.Random(seed)
    disk, place = directory / "disk", directory / "place"
    place.mkdir()
    with open(disk, "wb") as file:
        file.truncate(DISK_BYTES)
    options = ["-E", f"lazy_itable_init=1,root_owner={owner.uid}:{owner.gid}"]
    subprocess.run(["mkfs.ext4", "-q", *options, str(disk)], check=True)
    with mounted(disk, place, "loop") as home:
        owner.run("prepare", str(home), str(archive))
        os.sync()
        with writers(home, archive, seed, owner.words, owner.environment) as workers:
            for number in range(CUTS):
                time.sleep(chance.uniform(0.5, 4))
                with frozen(home, workers):
                    at_an_instant(disk, directory / f"cut{number}")
    for number in range(CUTS):
        with mounted(directory / f"cut{number}", place, "loop") as home:
            print(f"cut {number}: {owner.run('check', str(home))}")
