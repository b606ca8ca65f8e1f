"""A pull and a load that are killed at each of their places: the whole image, or nothing of it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer import faults
from ipycontainer.engine.engine import Engine
from ipycontainer.images.layout import Layout
from tests.archives import TarBuilder
from tests.image_archives import TestImage, image, write_archive
from tests.registries import Registry
from tests.system.images.conftest import assert_nothing_left

pytestmark = pytest.mark.sampled

SAMPLE = 5  # cuts of each operation in a normal run

# Done in a process of its own, under the fault: the worker is what it strikes.
PROGRAM = """
import sys
import ipycontainer
from ipycontainer.errors import EngineError

home, what, source, file = sys.argv[1:]
with ipycontainer.connect(home) as engine:
    engine.images.list()
    open(file, "w").close()
    try:
        if what == "pull":
            engine.images.pull(source)
        else:
            with open(source, "rb") as archive:
                engine.images.load(archive)
        print("done")
    except EngineError as error:
        print("failed:", error)
"""


@pytest.fixture(scope="module")
def small() -> TestImage:
    """Two small layers."""
    return image([TarBuilder().file("a", b"1").build(), TarBuilder().file("b", b"2").build()])


def operate(engine: Engine, what: str, source: str, file: Path, fault: str) -> list[str]:
    """Do it under a fault; return the places to which it came."""
    engine.supervisor.quit()
    package = str(Path(ipycontainer.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(engine.home.root), what, source, str(file)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": package, faults.VARIABLE: f"{fault}:{file}"},
        cwd="/",
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, -9), done.stderr
    engine.supervisor.quit()
    found = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return found


@pytest.mark.parametrize("what", ["pull", "load"])
def test_killed_anywhere_it_leaves_the_whole_image_or_nothing(
    engine: Engine,
    shared_registry: Registry,
    repository: str,
    small: TestImage,
    tmp_path: Path,
    what: str,
) -> None:
    """By SIGKILL and by a full disk, at places drawn by chance; at all of them with --full."""
    if what == "pull":
        small.push(shared_registry, repository, "1")
        source = f"{shared_registry.host}/{repository}:1"
    else:
        source = str(write_archive(tmp_path / "image.tar", [(small, [f"{repository}:1"])]))
    name = source if what == "pull" else f"{repository}:1"
    file = tmp_path / "fault"
    places = Counter(operate(engine, what, source, file, "note::0"))
    assert {"worker: before the job", "layer: unpack", "image: before the rows"} <= set(places)
    engine.images.remove(name)
    assert_nothing_left(engine)

    cuts = [(place, action) for place in sorted(places) for action in ("kill", "full")]
    if not os.environ.get("IPYCONTAINER_FULL"):
        seed = os.environ.get("IPYCONTAINER_SEED") or str(random.SystemRandom().randrange(10**6))
        cuts = random.Random(seed).sample(cuts, SAMPLE)
        print(f"IPYCONTAINER_SEED={seed} {what}: {cuts}")
    for place, action in cuts:
        operate(engine, what, source, file, f"{action}:{place}:1")
        with ipycontainer.connect(engine.home.root) as later:
            _settle(later)
            listed = [each for each in later.images.list() if name in each.tags]
            if listed:
                assert listed[0].id == small.id, (place, action)
                layers = [later.home.layer(layer.chain_id) for layer in listed[0].record.layers]
                assert all(layer.is_dir() for layer in layers), (place, action)
                later.images.remove(name)
            assert_nothing_left(later, f"{action} at {place}")


def _settle(engine: Engine) -> None:
    """Let the sweep come by: an unpacker may need a moment to see that its worker is gone."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        engine.supervisor.work("repair", {})
        left = [name for name in os.listdir(engine.home.layers) if name.startswith(".new-")]
        if not left + os.listdir(Layout(engine.home).ingest) + os.listdir(engine.home.trash):
            return
        time.sleep(0.02)
