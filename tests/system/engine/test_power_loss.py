"""Power that is lost: what the disk had at an instant is mounted again, and opened.

The home lies on a file system of its own, on a file: what the kernel has not written to its disk
is not in the file. The last transactions may be missing; what is there is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import NoSuchContainer
from tests.system.engine.look import assert_true
from tests.system.engine.processes import eventually
from tests.system.engine.test_copied_home import frozen, of_home, writers

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk"),
]
FULL = os.environ.get("IPYCONTAINER_FULL")
CUTS = 40 if FULL else 2
DISK_BYTES = 96 << 20
TRIES = 300


@contextmanager
def mounted(disk: Path, place: Path) -> Iterator[Path]:
    """Mount a disk with a home; at the end all that the machine has of it is gone."""
    # a journal that is written each second makes many states of a disk
    subprocess.run(["mount", "-o", "loop,commit=1", str(disk), str(place)], check=True)
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
    seed = int(os.environ.get("IPYCONTAINER_SEED") or random.randrange(1 << 16))
    print(f"IPYCONTAINER_SEED={seed}")
    chance = random.Random(seed)
    disk, place = tmp_path / "disk", tmp_path / "place"
    place.mkdir()
    with open(disk, "wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=1", str(disk)], check=True)
    with mounted(disk, place) as home:
        with ipycontainer.connect(home) as engine:
            engine.images.import_(busybox_tar, repository="busybox")
        os.sync()
        with writers(home, busybox_tar, seed) as workers:
            for number in range(CUTS):
                time.sleep(chance.uniform(0.5, 4))
                with frozen(home, workers):
                    at_an_instant(disk, tmp_path / f"cut{number}")
    for number in range(CUTS):
        with mounted(tmp_path / f"cut{number}", place) as home:
            with ipycontainer.connect(home) as engine:
                told = _is_whole(engine)
                engine.reset()
            print(f"cut {number}: {told}")


def _is_whole(engine: Engine) -> str:
    containers = engine.containers.list(all=True)
    assert not [each for each in containers if each.status not in ("created", "exited")]
    assert "busybox:latest" in engine.images.get("busybox").tags
    for directory in engine.home.containers.iterdir():
        os.utime(directory, (0, 0))
    engine.supervisor.work("repair", {})
    assert_true(engine)
    for blob in (engine.home.layout / "blobs/sha256").iterdir():
        with open(blob, "rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == blob.name
    json.loads((engine.home.layout / "oci-layout").read_bytes())
    images = [each for each in engine.images.list() if "host:latest" not in each.tags]
    for image in images:
        result = engine.run(image.id, ["cat", "/etc/passwd"], network="none", remove=True)
        assert result.stdout.startswith(b"root:"), (image, result)
    for container in engine.containers.list(all=True):
        container.start()
        with suppress(NoSuchContainer):  # one of `run --rm` goes by itself
            container.remove(force=True)
    volumes = engine.volumes.list()
    for volume in volumes:
        mount = {f"{volume.name}": {"bind": "/v", "mode": "rw"}}
        assert (
            engine.run("busybox", ["touch", "/v/x"], network="none", volumes=mount).exit_code == 0
        )
    for container in engine.containers.list(all=True):
        container.remove(force=True)
    for image in images:
        engine.images.remove(image.id, force=True)
    assert_true(engine)
    return f"{len(containers)} containers, {len(images)} images, {len(volumes)} volumes"
