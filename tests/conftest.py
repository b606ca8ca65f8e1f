"""Fixtures of all tests: a home that nobody else sees, an engine on it, and a small image.

A test that leaves a mount, a process or a cgroup behind fails at its end.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

import ipycontainer
from ipycontainer.linux import links, namespaces
from tests import busybox

SAMPLED = 1 / 8  # of the tests that are marked so: CI's share of them
AGAIN_IN_MACHINE = 1 / 3  # of what runs in the virtual machine, too (tests/vm/also.txt)


# A background job of a shell ignores it, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave seven eighths of what is marked `sampled` to other runs, drawn by `IPYCONTAINER_SEED`.

    Of a test whose parameters are marked `either` one is drawn, and a third of what the virtual
    machine runs again. Where no seed is given everything runs, and so it does with `scripts/test
    --full`.
    """
    seed = os.environ.get("IPYCONTAINER_SEED")
    if not seed or os.environ.get("IPYCONTAINER_FULL"):
        return
    left = {
        item for item in items if random.Random(f"{seed} {item.nodeid}").random() >= _share(item)
    }
    alternatives: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("either"):
            alternatives.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for name, each in alternatives.items():
        each.pop(random.Random(f"{seed} {name}").randrange(len(each)))
        left.update(each)
    config.hook.pytest_deselected(items=[item for item in items if item in left])
    items[:] = [item for item in items if item not in left]


def _share(item: pytest.Item) -> float:
    """Return which share of tests like this one a run draws."""
    if item.get_closest_marker("sampled"):
        return SAMPLED
    again = os.environ.get("IPYCONTAINER_VM") and "vm" not in item.path.parts
    return AGAIN_IN_MACHINE if again else 1.0


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much of the engine a fault sweep (tests/system/engine/test_faults.py) has cut."""
    found = [
        (kind, value)
        for kind in ("passed", "failed")
        for report in terminalreporter.stats.get(kind, ())
        for name, value in report.user_properties
        if name == "fault sweep"
    ]
    if not found:
        return
    points, cuts = (sum(int(value.split()[at]) for _, value in found) for at in (0, 1))
    unclean = sum(kind == "failed" for kind, _ in found)
    seed = f", IPYCONTAINER_SEED={found[0][1].split()[2]}" if cuts < points else ""
    terminalreporter.write_line(
        f"fault sweep as uid {os.geteuid()}: {len(found)} operations, {points} points, "
        f"{cuts} cuts{seed}; {unclean or 'none'} left something"
    )


if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine
    from ipycontainer.engine.images import Image

Shell = Callable[..., "subprocess.CompletedProcess[str]"]


def _leave_the_machines_network() -> None:
    """Give this process, and all that tests start, a network namespace of its own.

    Bridges, rules and ip_forward are then nobody's but the tests'. An ordinary user's engine has
    such a namespace anyway. In the main thread, before any other: the others inherit it.
    """
    if os.geteuid() != 0:
        return
    namespaces.unshare(namespaces.CLONE_NEWNET)
    links.loopback_up()
    for version in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        Path("/proc/sys/net", version).write_text("1")  # what a test does not ask is quiet


_leave_the_machines_network()

# How long an example takes says something about the machine, not about us; and an installed tree of
# tests is not for writing into.
# Examples are drawn anew each time, but where a seed is given, so that such a run can be repeated.
settings.register_profile(
    "ours",
    deadline=None,
    database=None,
    derandomize=bool(
        os.environ.get("IPYCONTAINER_SEED") and not os.environ.get("IPYCONTAINER_FULL")
    ),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ours")

# What a process, a mount and a cgroup may take to go away after its end was asked for.
GONE_SECONDS = 30


@pytest.fixture(scope="session")
def busybox_tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small image as a tar."""
    return busybox.write_archive(tmp_path_factory.mktemp("busybox") / "busybox.tar")


@pytest.fixture(scope="session")
def busybox_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small image as a directory."""
    return busybox.write_tree(tmp_path_factory.mktemp("busybox") / "tree")


@pytest.fixture(scope="session")
def lasting_home() -> Iterator[Path]:
    """A home for a whole run, where a fresh one for each test would take too long."""
    with tempfile.TemporaryDirectory(prefix="ipyc-test-") as directory:
        place = Path(directory) / "home"
        yield place
        with ipycontainer.connect(place) as engine:
            engine.reset()
        assert _wait_for_nothing(str(place)) == []


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A home of the test's own, named by $IPYCONTAINER_HOME, and emptied at its end.

    In the virtual machine, where each instruction is emulated, the containers alone are the test's.
    """
    if os.environ.get("IPYCONTAINER_VM"):
        lasting: Path = request.getfixturevalue("lasting_home")
        monkeypatch.setenv("IPYCONTAINER_HOME", str(lasting))
        yield lasting
        with ipycontainer.connect(lasting) as engine:
            for container in engine.containers.list(all=True):
                container.remove(force=True)
        return
    with tempfile.TemporaryDirectory(prefix="ipyc-test-") as directory:
        place = Path(directory) / "home"
        monkeypatch.setenv("IPYCONTAINER_HOME", str(place))
        yield place
        if place.exists():
            with ipycontainer.connect(place) as engine:
                engine.reset()
        assert _wait_for_nothing(str(place)) == []


@pytest.fixture
def engine(home: Path) -> Iterator[Engine]:
    """An engine on a fresh home."""
    with ipycontainer.connect(home) as opened:
        yield opened


@pytest.fixture
def busybox_image(engine: Engine, busybox_tar: Path) -> Image:
    """The small image in the engine's home, as busybox:latest."""
    if any("busybox:latest" in image.tags for image in engine.images.list()):
        return engine.images.get("busybox")  # of a home that lasts
    return engine.images.import_(busybox_tar, repository="busybox", tag="latest")


@pytest.fixture
def shell(home: Path) -> Shell:
    """Run the command line on the test's home: `shell("ps", "-a")`."""
    package = Path(ipycontainer.__file__).parents[1]
    environment = {**os.environ, "IPYCONTAINER_HOME": str(home)}
    if package.name != "site-packages":  # a clone, not the installed wheel
        environment["PYTHONPATH"] = str(package)

    def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ipycontainer", *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment,
            cwd=home.parent,
        )

    return run


def _wait_for_nothing(place: str) -> list[str]:
    """Return what is left of a home when it had time enough to go."""
    deadline = time.monotonic() + GONE_SECONDS
    while (left := _leftovers(place)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _leftovers(place: str) -> list[str]:
    """Name what is left: processes of a home, or that see its mounts, its cgroups, its sockets.

    A zygote and its forks have the home in their command line; a container has its upper
    directory in its mounts.
    """
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdecimal() or entry.name == str(os.getpid()):
            continue
        for file in ("cmdline", "mountinfo"):
            try:
                text = Path(entry.path, file).read_bytes().decode(errors="replace")
            except OSError:
                continue
            if place in text:
                found.append(f"{file} of process {entry.name}")
    if place in Path("/proc/self/mountinfo").read_text():
        found.append("a mount in this namespace")
    # The name that a home has in what is not below it (store.home).
    name = f"ipyc-{hashlib.sha256(os.fsencode(os.path.realpath(place))).hexdigest()[:8]}"
    found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/{name}/*/")]
    runtime = os.environ.get("XDG_RUNTIME_DIR", "/run")
    found += [str(path) for path in Path(runtime).glob(name)]
    return found
