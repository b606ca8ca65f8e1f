"""Each operation, cut at any of its places: the state stays true, and a second try works.

A place is where the code names one (ipycontainer.faults). A normal run takes a few at random:
`IPYCONTAINER_SEED=n` repeats its choice, which a failure prints, and `IPYCONTAINER_FULL=1` takes
them all, with every kind of fault.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import traceback
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import EngineError
from ipycontainer.network import bridges
from ipycontainer.network.place import Place, holder_lock
from ipycontainer.store import liveness
from tests.system.engine.look import assert_true
from tests.system.engine.more_operations import MORE_OPERATIONS
from tests.system.engine.network_operations import NETWORK_OPERATIONS
from tests.system.engine.operations import OPERATIONS
from tests.system.engine.processes import eventually, gone, thrown, traces

pytestmark = pytest.mark.timeout(3600)  # for all of them

ACTIONS = ("kill", "fail", "full")
STEP_ACTIONS = (("kill", "fail"), ("kill", "full"))  # of steps there are many, each by turns
SAMPLE = 2  # cuts of each operation in a normal run
FURTHER = 2  # operations in a normal run beyond those of a container's life
ON_NETWORKS = 2  # and of networks

PREDEFINED = ("bridge", "host", "none")

Cut = tuple[str, str, int]  # what happens, at which place, the how-manieth time

ONCE_FOUND: dict[str, Cut] = {
    "network connect": ("kill", "committed", 1),  # an address of a container without interface
    "network disconnect": ("kill", "disconnect: unplugged", 1),  # the same
    "network rm": ("kill", "committed", 1),  # a bridge and its rules
    "checkpoint": ("kill", "checkpoint: copied", 1),  # the copy
    "stop": ("kill", "committed", 2),  # the socket
    "start": ("full", "commit", 1),  # the socket and the cgroup
    "commit": ("fail", "commit: unpacked", 1),  # a blob
    "tag": ("kill", "committed", 1),  # an index without the name
}


def _seed() -> str:
    # by the run's own name: all workers of a run draw the same
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    return os.environ.get("IPYCONTAINER_SEED") or str(zlib.crc32(run.encode()))


def _drawn() -> list[str]:
    """Return all operations, or those of a container's life and a few others."""
    if os.environ.get("IPYCONTAINER_FULL"):
        return list(OPERATIONS)
    others = {**MORE_OPERATIONS, **NETWORK_OPERATIONS}
    chance = random.Random(_seed())
    return [
        *(name for name in OPERATIONS if name not in others),
        *chance.sample(sorted(MORE_OPERATIONS), FURTHER),
        *chance.sample(sorted(NETWORK_OPERATIONS), ON_NETWORKS),
    ]


class Prepared:
    """A home with the small image, and the program that does operations there under faults."""

    def __init__(self, home: Path, busybox_tar: Path, place: Path) -> None:
        self.home = home
        self.archive, self.file = second_archive(busybox_tar, place), place / "armed"
        self.temporary = place / "temporary"
        self.temporary.mkdir()
        self._image = busybox_tar
        program = Path(__file__).with_name("operations.py")
        # ours first: the clone beside the tests may not be what is tested
        paths = f"{Path(ipycontainer.__file__).parents[1]}:{program.parents[3]}"
        self._process = subprocess.Popen(
            [sys.executable, program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths, "TMPDIR": str(self.temporary)},
            cwd="/",
        )

    def settle(self) -> None:
        """Have the image, and made a container once: its storage driver is known after that."""
        with ipycontainer.connect(self.home) as engine:
            engine.images.import_(self._image, repository="busybox")
            engine.containers.create("busybox", ["true"], network="none").remove()

    def operate(self, engine: Engine, name: str, fault: str) -> str:
        """Do an operation in a process of its own under a fault; return what it said."""
        engine.supervisor.quit()  # the processes that are there began without the fault
        take_bridges_down(engine)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        home, archive = str(self.home), str(self.archive)
        words = [f"{fault}:{self.file}", home, name, archive, str(self.file)]
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        code, said = json.loads(self._process.stdout.readline())
        assert code in (0, -9), (code, said)
        assert os.listdir(self.temporary) == []
        return str(said)

    def end(self) -> None:
        """End the program."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def prepared(home: Path, busybox_tar: Path, tmp_path: Path) -> Iterator[Prepared]:
    """A home for operations under faults."""
    begun = Prepared(home, busybox_tar, tmp_path)
    begun.settle()
    yield begun
    begun.end()


def places(prepared: Prepared, engine: Engine, name: str) -> list[tuple[str, int]]:
    """Return the places to which an operation comes, each with the how-manieth time it is."""
    said = prepared.operate(engine, name, "note::0")
    assert said == "done"
    seen: Counter[str] = Counter()
    found = []
    notes = prepared.file.with_name(f"{prepared.file.name}.notes")
    for place in notes.read_text().splitlines():
        seen[place] += 1
        found.append((place, seen[place]))
    notes.unlink()
    return found


def take_bridges_down(engine: Engine) -> None:
    """Have an operation make its bridges itself each time, and so come to the places of that."""
    if not engine.home.rootless:
        with Place(engine.home) as place:
            for network in engine.networks.list():
                if network.name not in ("host", "none"):
                    bridges.remove(place, network.record)
    elif liveness.holder(holder_lock(engine.home)) is not None:
        with Place(engine.home) as place:
            place.give_up()


def let_time_pass(engine: Engine) -> None:
    """Make directories old: a young one may be in the making, and is not swept up yet.

    Nor what lies in the trash while its process, killed already, is on its way out.
    """
    owners = {name.partition("-")[0] for name in thrown(engine)}
    eventually(lambda: not any(Path("/proc", owner).exists() for owner in owners))
    for directory in engine.home.containers.iterdir():
        os.utime(directory, (0, 0))


def clear(engine: Engine) -> None:
    """Remove all but the small image, and see that nothing else is left."""
    for container in engine.containers.list(all=True):
        container.remove(force=True)
    for image in engine.images.list():  # the second, and one without a name after two imports
        for name in {*image.tags} - {"busybox:latest", "host:latest"} or (image.tags or [image.id]):
            if name not in ("busybox:latest", "host:latest"):
                engine.images.remove(name, force=True)
    for network in engine.networks.list():
        if network.name not in PREDEFINED:
            network.remove()
    for volume in engine.volumes.list():
        volume.remove()
    engine.supervisor.quit()  # what it forked must have ended, too
    assert_true(engine)
    gone(lambda: traces(engine))
    assert [network.name for network in engine.networks.list()] == list(PREDEFINED)
    (image,) = engine.images.list("busybox")
    kept = [layer.chain_id.removeprefix("sha256:") for layer in image.record.layers]
    assert os.listdir(engine.home.layers) == kept
    assert len(os.listdir(engine.home.layout / "blobs/sha256")) == 3  # manifest, config, layer


def survive(prepared: Prepared, engine: Engine, name: str, cut: Cut) -> None:
    """Cut an operation once, look at what is left, try again, and clear up.

    How often it comes to a place depends on what a spare process had ready: if less often than was
    counted, the last time is the one. Where one was ready this time, the zygote forks none.
    """
    action, place, number = cut
    said = prepared.operate(engine, name, f"{action}:{place}:{number}")
    notes = prepared.file.with_name(f"{prepared.file.name}.notes")
    if notes.exists():
        came = notes.read_text().splitlines().count(place)
        notes.unlink()
        spared = place == "zygote: fork" and said == "done"
        assert came or spared, f"it did not come to {cut}: {said}"
        assert came < number
        clear(engine)
        if not came:
            return
        survive(prepared, engine, name, (action, place, came))
        return
    let_time_pass(engine)
    with ipycontainer.connect(engine.home.root) as other:
        other.containers.list()  # the first command of an engine makes the state true
        assert_true(other)
        OPERATIONS[name].again(other, prepared.archive)
        assert_true(other)
        clear(other)


@pytest.mark.parametrize("name", _drawn())
def test_an_operation_survives_its_faults(
    prepared: Prepared, name: str, request: pytest.FixtureRequest
) -> None:
    """Killed or refused anywhere, an operation leaves a true state, and can be done again."""
    with ipycontainer.connect(prepared.home) as engine:
        found = places(prepared, engine, name)
        cuts = chosen(name, found)
        clear(engine)
    request.node.user_properties.append(("fault sweep", f"{len(found)} {len(cuts)} {_seed()}"))
    failed: list[str] = []
    for cut in cuts:
        with ipycontainer.connect(prepared.home) as engine:
            try:
                survive(prepared, engine, name, cut)
            except (AssertionError, EngineError, OSError):
                failed.append(f"{cut}: {traceback.format_exc()}")
                engine.reset()
                prepared.settle()
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize(("name", "cut"), ONCE_FOUND.items(), ids=list(ONCE_FOUND))
def test_what_once_left_something_does_so_no_more(prepared: Prepared, name: str, cut: Cut) -> None:
    """Cuts that no run leaves out: each was found by a sweep."""
    with ipycontainer.connect(prepared.home) as engine:
        survive(prepared, engine, name, cut)


def chosen(name: str, found: list[tuple[str, int]]) -> list[Cut]:
    """Return all cuts of an operation, or a sample that a printed seed repeats."""
    cuts = [
        (action, place, number)
        for place, number in found
        for action in (ACTIONS if place != "step" else STEP_ACTIONS[number % 2])
    ]
    if os.environ.get("IPYCONTAINER_FULL"):
        return cuts
    seed = _seed()
    sample = random.Random(f"{seed} {name}").sample(cuts, SAMPLE)
    print(f"IPYCONTAINER_SEED={seed} {name}: {sample}")
    return sample


def second_archive(busybox_tar: Path, place: Path) -> Path:
    """Return another image's archive: the small one's, with a file more."""
    path = place / "second.tar"
    shutil.copy(busybox_tar, path)
    with tarfile.open(path, "a") as archive:
        archive.addfile(tarfile.TarInfo("second"))
    return path
