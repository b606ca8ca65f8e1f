"""Power that is lost between any two writes of a disk, by the kernel's own log of them.

A stock kernel has dm-log-writes as a module. Too slow for a usual run; with
`tests/vm/boot DIR PYTHON USER PYTHON -m slow tests/vm/test_logged_writes.py` it runs alone,
with `IPYCONTAINER_FULL=1` at more places.
"""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.errors import EngineError
from tests.system.engine.busy_worker import step
from tests.system.engine.test_power_loss import mounted
from tests.system.engine.whole_home import is_whole
from tests.vm.logged_disk import logged, replay, writes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1100),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a disk"),
]
FULL = os.environ.get("IPYCONTAINER_FULL")
STEPS, CUTS = (40, 20) if FULL else (8, 2)
DISK_BYTES, LOG_BYTES = 96 << 20, 400 << 20


def test_what_a_disk_has_between_any_two_writes_is_a_home(busybox_tar: Path) -> None:
    """No image in part, no row without its files; what is listed runs, and can be removed."""
    seed = int(os.environ.get("IPYCONTAINER_SEED") or random.randrange(1 << 16))
    print(f"IPYCONTAINER_SEED={seed}")
    chance = random.Random(seed)
    subprocess.run(["modprobe", "dm-log-writes"], check=True)
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        place = work / "place"
        place.mkdir()
        with logged(work, DISK_BYTES, LOG_BYTES) as disk:
            subprocess.run(
                ["mkfs.ext4", "-q", "-E", "lazy_itable_init=1,nodiscard", str(disk.device)],
                check=True,
            )
            with (
                mounted(disk.device, place) as home,
                ipycontainer.connect(home) as engine,
            ):
                engine.images.import_(busybox_tar, repository="busybox")
                os.sync()
                begun = len(writes(disk.log))
                for _ in range(STEPS):
                    with suppress(EngineError):
                        print(step(engine, busybox_tar, chance))
                for container in engine.containers.list(all=True):
                    container.remove(force=True)
                engine.supervisor.quit()
        found = writes(disk.log)
        print(f"{begun} writes, then {len(found) - begun} more")
        assert len(found) > begun > 0
        for number in sorted(chance.sample(range(begun, len(found) + 1), CUTS)):
            replay(disk.log, found[:number], work / "cut", DISK_BYTES)
            with (
                mounted(work / "cut", place, "loop") as home,
                ipycontainer.connect(home) as engine,
            ):
                print(f"after {number} writes: {is_whole(engine)}")
                engine.reset()
