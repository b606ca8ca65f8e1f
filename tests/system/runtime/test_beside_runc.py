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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.runtime.conformance import (
    cgroups,
    devices,
    filters,
    hooks,
    lifecycle,
    mounts,
    processes,
    spaces,
)
from tests.system.runtime.conformance.case import Case, perform
from tests.system.runtime.isolated import CLONE

SAMPLE = 24
CASES: tuple[Case, ...] = tuple(
    case
    for part in (processes, spaces, mounts, devices, filters, cgroups, hooks, lifecycle)
    for case in part.CASES
    if os.geteuid() == 0 or not case.root
)
SEED = os.environ.get("IPYCONTAINER_SEED") or str(os.getppid() % 10**6)


def _chosen() -> list[Case]:
    if os.environ.get("IPYCONTAINER_FULL"):
        return list(CASES)
    # by the run's seed alone: all workers of a run choose the same
    seed = os.environ.get("PYTEST_XDIST_TESTRUNUID") or SEED
    if os.environ.get("IPYCONTAINER_SEED"):
        seed = SEED
    print(f"IPYCONTAINER_SEED={seed}")
    return random.Random(seed).sample(CASES, SAMPLE)


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


@pytest.mark.parametrize("case", _chosen(), ids=lambda case: case.name.replace(" ", "_"))
def test_a_case_has_the_same_outcome_as_by_runc(
    case: Case, runc: str, ours: str, base: dict[str, Any], busybox_tree: Path, place: Path
) -> None:
    """The same output and exit code, and nothing left."""
    for name in ("a", "b"):
        (place / name).mkdir()
    found = perform(case, ours, base, busybox_tree, place / "a")
    if case.runc:
        wanted = perform(case, runc, base, busybox_tree, place / "b")
        assert case.shows in wanted.output, wanted
        assert (found.code, found.output) == (wanted.code, wanted.output), (found, wanted)
    assert case.shows in found.output, found


def test_there_is_a_case_for_each_part_of_the_specification() -> None:
    """At least 120 of them, each with a name of its own and something to show."""
    names = [case.name for case in CASES]

    assert len(names) >= 120 if os.geteuid() == 0 else len(names) >= 90
    assert len(set(names)) == len(names)
    assert all(case.shows for case in CASES)
