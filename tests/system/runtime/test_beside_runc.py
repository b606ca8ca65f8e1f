"""Conformance to the runtime-spec: a case has the same outcome by us and by runc.

A normal run takes a sample; `IPYCONTAINER_SEED=n` repeats its choice, which is printed, and
`IPYCONTAINER_FULL=1` takes all.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.runtime.conformance import (
    cgroups,
    closer,
    devices,
    edges,
    executions,
    filters,
    hooks,
    lifecycle,
    limits,
    mounts,
    newer,
    odd_hooks,
    odd_limits,
    odd_processes,
    oddities,
    owners,
    processes,
    runs,
    spaces,
    ways,
    words,
    words_of_mounts,
)
from tests.system.runtime.conformance.case import Case, perform
from tests.system.runtime.isolated import CLONE

SAMPLE, SAMPLE_OF_ROOTS = 16, 10  # cases in a normal run
CASES: tuple[Case, ...] = tuple(
    case
    for part in (
        processes,
        odd_processes,
        spaces,
        mounts,
        words_of_mounts,
        devices,
        filters,
        cgroups,
        limits,
        hooks,
        lifecycle,
        runs,
        executions,
        ways,
        owners,
        words,
        oddities,
        odd_hooks,
        odd_limits,
        newer,
        closer,
        edges,
    )
    for case in part.CASES
)


def _chosen(*, root: bool, count: int) -> list[Case]:
    cases = [case for case in CASES if case.root == root]
    if os.environ.get("IPYCONTAINER_FULL"):
        return cases
    # without a seed by the run's own name: all workers of a run must choose the same
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    seed = os.environ.get("IPYCONTAINER_SEED") or str(zlib.crc32(run.encode()))
    print(f"IPYCONTAINER_SEED={seed}")
    return random.Random(seed).sample(cases, count)


@pytest.fixture(scope="session")
def runc() -> str:
    """The program that ours stands beside; docker.io brings it."""
    found = shutil.which("runc", path="/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin")
    assert found, "runc is missing: apt-get install -y runc"
    return found


@pytest.fixture(scope="session")
def base(runc: str) -> dict[str, Any]:
    """What `runc spec` writes for this user, without a terminal and with a writable root."""
    with tempfile.TemporaryDirectory() as place:
        rootless = [] if os.geteuid() == 0 else ["--rootless"]
        subprocess.run([runc, "spec", *rootless], cwd=place, check=True)
        config: dict[str, Any] = json.loads(Path(place, "config.json").read_text())
    config["process"]["terminal"] = False
    config["root"]["readonly"] = False
    return config


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory for one case, with both its runs."""
    found = Path(tempfile.mkdtemp(prefix="ipyc-conform-"))
    found.chmod(0o711)
    yield found
    shutil.rmtree(found)


@pytest.fixture
def ours(place: Path) -> str:
    """Our command line as a program."""
    program = place / "ours"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={CLONE} exec {sys.executable} -m ipycontainer.runtime "$@"\n'
    )
    program.chmod(0o755)
    return str(program)


OF_WEIGHTS = {
    "weight of block devices",
    "update of weights of block devices",
    "weight that is too small",
}


def _has_weights() -> bool:
    return any(Path("/sys/fs/cgroup/blkio").glob("blkio*.weight"))


def compare(
    case: Case, runc: str, ours: str, base: dict[str, Any], tree: Path, place: Path
) -> None:
    """Play a case by both and hold the outcomes together."""
    if case.name in OF_WEIGHTS and not _has_weights():
        pytest.skip("this kernel has no weights of block devices (CONFIG_BFQ_GROUP_IOSCHED)")
    for name in ("a", "b"):
        (place / name).mkdir()
    found = perform(case, ours, base, tree, place / "a")
    if case.runc:
        wanted = perform(case, runc, base, tree, place / "b")
        assert case.shows in wanted.output, wanted
        assert (found.code, found.output) == (wanted.code, wanted.output), (found, wanted)
    assert case.shows in found.output, found


@pytest.mark.parametrize("case", _chosen(root=False, count=SAMPLE), ids=lambda case: case.name)
def test_a_case_has_the_same_outcome_as_by_runc(
    case: Case, runc: str, ours: str, base: dict[str, Any], busybox_tree: Path, place: Path
) -> None:
    """The same output and exit code, and nothing left, for root and for an ordinary user."""
    compare(case, runc, ours, base, busybox_tree, place)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root of the machine can have these at all")
@pytest.mark.parametrize(
    "case", _chosen(root=True, count=SAMPLE_OF_ROOTS), ids=lambda case: case.name
)
def test_a_case_of_roots_has_the_same_outcome_as_by_runc(
    case: Case, runc: str, ours: str, base: dict[str, Any], busybox_tree: Path, place: Path
) -> None:
    """Cgroups under version 1, device nodes, ids of others: runc refuses them to a user, too."""
    compare(case, runc, ours, base, busybox_tree, place)


def test_there_is_a_case_for_each_part_of_the_specification() -> None:
    """Each has a name of its own and something to show."""
    names = [case.name for case in CASES]

    assert len(names) >= 950
    assert len(set(names)) == len(names)
    assert [case.name for case in CASES if not case.shows] == []
