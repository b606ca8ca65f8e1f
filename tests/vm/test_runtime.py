"""The OCI command line's limits under cgroup version 2, beside runc, as root and by delegation.

Ours is run in forks of this process: in a virtual machine a new interpreter takes seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ipycontainer.linux import cgroups, vacating
from ipycontainer.runtime.command_line import main

pytestmark = pytest.mark.sampled
MOUNT = Path("/sys/fs/cgroup")
ROOT = os.geteuid() == 0
SLEEP = ["sleep", "1000"]


MIB = 1 << 20
# resources -> files of version 2
LIMITS: dict[str, dict[str, Any]] = {
    "memory": {"limit": 64 * MIB, "swap": 80 * MIB, "reservation": 32 * MIB},
    "cpu": {"quota": 20000, "period": 50000, "cpus": "0", "mems": "0"},
    "pids": {"limit": 20},
    "unified": {"memory.high": str(48 * MIB)},
}
FILES = {
    "memory.max": str(64 * MIB),
    "memory.swap.max": str(16 * MIB),
    "memory.low": str(32 * MIB),
    "cpu.max": "20000 50000",
    "cpuset.cpus": "0",
    "cpuset.mems": "0",
    "pids.max": "20",
    "memory.high": str(48 * MIB),
}
# runc 1.1 draws a straight line for shares, and has bursts since 1.2
OWN_LIMITS = {"cpu": {**LIMITS["cpu"], "shares": 1024, "burst": 5000}}
OWN_FILES = {"cpu.weight": "100", "cpu.max.burst": "5000"}
UPDATE = (
    *("--memory", "56M", "--memory-swap", "56M", "--pids-limit", "9"),
    *("--cpu-quota", "30000", "--cpu-period", "60000"),
)
UPDATED = {
    "memory.max": str(56 * MIB),
    "memory.swap.max": "0",
    "pids.max": "9",
    "cpu.max": "30000 60000",
    "cpuset.cpus": "0",
}
REFUSED: dict[str, dict[str, Any]] = {
    "swap alone": {"memory": {"swap": 80 * MIB}},
    "swap below memory": {"memory": {"limit": 64 * MIB, "swap": 32 * MIB}},
    "processors that are not there": {"cpu": {"cpus": "999"}},
    "a file that is not there": {"unified": {"memory.nope": "1"}},
    "a file elsewhere": {"unified": {"../memory.high": "1"}},
    "huge pages of no size": {"hugepageLimits": [{"pageSize": "3MB", "limit": 1}]},
}
# runc passes these over, and nothing would hold
REFUSED_BY_OURS: dict[str, dict[str, Any]] = {
    "swappiness": {"memory": {"swappiness": 5}},
    "class of packets": {"network": {"classID": 5}},
}


@dataclass(slots=True)
class Runtime:
    """A runtime's command line: `call` returns the exit code and what was printed."""

    call: Callable[..., tuple[int, str]]
    state: Path
    said: list[str] = field(default_factory=list)

    def __call__(self, *words: str) -> tuple[int, str]:
        """Run one command."""
        code, text = self.call("--root", str(self.state), *words)
        self.said.append(f"{words}: {code} {text}")
        return code, text

    def pid(self, name: str) -> int:
        """Return the container's init."""
        return int(json.loads(self("state", name)[1])["pid"])


def _ours(*words: str) -> tuple[int, str]:
    with tempfile.TemporaryFile("w+") as output:
        child = os.fork()
        if child == 0:
            code = 70
            try:
                for fd in (1, 2):
                    os.dup2(output.fileno(), fd)
                sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - pytest has its own there
                sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - as above
                code = main(words)
                for stream in (sys.stdout, sys.stderr):
                    stream.flush()
            except SystemExit as error:
                code = int(error.code or 0)
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        return os.waitstatus_to_exitcode(status), output.read()


def _runc(*words: str) -> tuple[int, str]:
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            ["runc", *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=120,
            check=False,
        )
        output.seek(0)
        return done.returncode, output.read()


@pytest.fixture(scope="module")
def bundle(busybox_tree: Path) -> Iterator[Path]:
    """What `runc spec` writes, without a terminal, on the small image."""
    place = Path(tempfile.mkdtemp(prefix="ipyc-oci-"))
    place.chmod(0o711)
    _runc("spec", *([] if ROOT else ["--rootless"]), "--bundle", str(place))
    (place / "rootfs").symlink_to(busybox_tree)
    config = json.loads((place / "config.json").read_text())
    config["process"] |= {"terminal": False, "args": SLEEP}
    config["root"] = {"path": str(busybox_tree.resolve()), "readonly": True}
    (place / "base.json").write_text(json.dumps(config))
    yield place
    shutil.rmtree(place)


@pytest.fixture(params=["ours", "runc"])
def runtime(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    """Both command lines, with states of their own, in which nothing may be left."""
    if not ROOT:  # a cgroup that has processes itself divides nothing
        vacating.vacate(cgroups.detect())
    place = Path(tempfile.mkdtemp(prefix="ipyc-oci-state-"))
    yield Runtime(_ours if request.param == "ours" else _runc, place)
    assert [each.name for each in place.iterdir()] == []
    shutil.rmtree(place)


@contextlib.contextmanager
def _running(
    runtime: Runtime,
    bundle: Path,
    resources: dict[str, Any],
    devices: Sequence[dict[str, Any]] = (),
    deleted: bool = False,
    **edits: Any,
) -> Iterator[tuple[int, str]]:
    """Run a container in the background; yield the code of that, and its name.

    `deleted`: nothing shall be left of it by itself.
    """
    config = json.loads((bundle / "base.json").read_text())
    name = runtime.state.name
    given = config["linux"].get("resources") or {}
    config["linux"]["resources"] = given | resources
    own = runtime.call is _ours
    # ours makes it below what was delegated, runc where the bundle says
    config["linux"]["cgroupsPath"] = f"/{name}" if own or ROOT else f"/delegated/{name}"
    config["linux"]["devices"] = [*devices]
    config["process"] |= edits
    (bundle / "config.json").write_text(json.dumps(config))
    code, _ = runtime("run", "--detach", "--bundle", str(bundle), name)
    try:
        yield code, name
    finally:
        if not deleted or list(runtime.state.iterdir()):
            runtime("delete", "--force", name)
    assert not list(MOUNT.rglob(name)), runtime.said


def _place(runtime: Runtime, name: str) -> Path:
    own = Path(f"/proc/{runtime.pid(name)}/cgroup").read_text().strip()
    return MOUNT / own.removeprefix("0::/")


def _held(place: Path, files: Iterable[str]) -> dict[str, str]:
    return {file: (place / file).read_text().strip() for file in files}


def test_limits_stand_in_version_2s_files(runtime: Runtime, bundle: Path) -> None:
    """All of them at once, and `update` reaches what runs; nothing else changes by it."""
    ours = runtime.call is _ours
    files = FILES | (OWN_FILES if ours else {})
    with _running(runtime, bundle, LIMITS | (OWN_LIMITS if ours else {})) as (code, name):
        assert code == 0, runtime.said
        place = _place(runtime, name)
        assert _held(place, files) == files
        if ours:  # less than the burst were refused by the kernel
            (place / "cpu.max.burst").write_text("0")
        assert runtime("update", *UPDATE, name)[0] == 0, runtime.said
        assert _held(place, UPDATED) == UPDATED


def test_no_limit_is_the_kernels_word(runtime: Runtime, bundle: Path) -> None:
    """-1 is `max`; weights and rates of block devices stand in version 2's lines."""
    device = os.stat("/run/work").st_dev
    rate = {"major": os.major(device), "minor": os.minor(device)}
    resources = {
        "memory": {"limit": -1, "swap": -1},
        "pids": {"limit": -1},
        "cpu": {"quota": 20000},
        "blockIO": {
            "weight": 300,
            "throttleReadBpsDevice": [rate | {"rate": 2 * MIB}],
            "throttleWriteIOPSDevice": [rate | {"rate": 100}],
        },
    }
    if ROOT:  # not among what is delegated here
        resources["hugepageLimits"] = [{"pageSize": "2MB", "limit": 4 * MIB}]
    with _running(runtime, bundle, resources) as (code, name):
        assert code == 0, runtime.said
        place = _place(runtime, name)
        files = {
            "memory.max": "max",
            "memory.swap.max": "max",
            "pids.max": "max",
            "cpu.max": "20000 100000",
            **({"hugetlb.2MB.max": str(4 * MIB)} if ROOT else {}),
        }
        assert _held(place, files) == files
        bfq = place / "io.bfq.weight"
        weight = (bfq if bfq.exists() else place / "io.weight").read_text().split()
        assert weight == ["default", "300" if bfq.exists() else "2930"]
        assert {f"rbps={2 * MIB}", "wiops=100"} <= {*(place / "io.max").read_text().split()}


def test_what_cannot_hold_is_refused(runtime: Runtime, bundle: Path) -> None:
    """Nothing runs then, and nothing is left."""
    wrong = REFUSED | (REFUSED_BY_OURS if runtime.call is _ours else {})
    codes = {}
    for what, resources in wrong.items():
        with _running(runtime, bundle, resources, deleted=True) as (code, _):
            codes[what] = code
    assert codes == dict.fromkeys(wrong, 1), runtime.said


def test_a_device_that_no_rule_allows(runtime: Runtime, bundle: Path) -> None:
    """A program of the cgroup's refuses it, and lets the usual ones through."""
    if not ROOT:
        return  # who cannot make a node needs no rule, and may attach no program (EPERM)
    disk = os.stat("/run/work").st_dev
    node = {"path": "/dev/disk", "type": "b", "major": os.major(disk), "minor": os.minor(disk)}
    rule = {"type": "b", "major": node["major"], "minor": node["minor"], "access": "r"}
    for allowed in (False, True):
        rules = [{"allow": False, "access": "rwm"}, rule | {"allow": allowed}]
        with _running(runtime, bundle, {"devices": rules}, devices=[node]) as (code, name):
            assert code == 0, runtime.said
            script = "head -c 3 /dev/zero | wc -c; head -c 1 /dev/disk | wc -c"
            _, said = runtime("exec", name, "sh", "-c", script)
            assert said.startswith("3\n"), runtime.said
            assert ("/dev/disk: Operation not permitted" in said) != allowed, runtime.said


def test_all_of_it_stands_still_and_ends(runtime: Runtime, bundle: Path) -> None:
    """It sees itself as the root of all, is frozen and thawed, and ends with all that it began."""
    script = "setsid sleep 1000 & setsid sleep 1000 & exec sleep 1000"
    args = ["sh", "-c", script]
    with _running(runtime, bundle, {"pids": {"limit": 33}}, args=args, deleted=True) as (_, name):
        _, said = runtime("exec", name, "sh", "-c", "cat /proc/self/cgroup; mkdir /sys/fs/cgroup/x")
        assert said.startswith("0::/\n"), runtime.said
        assert "Read-only file system" in said or "Permission denied" in said, runtime.said
        place = _place(runtime, name)
        for word, frozen, status in (("pause", "1", "paused"), ("resume", "0", "running")):
            assert runtime(word, name)[0] == 0, runtime.said
            assert f"frozen {frozen}" in (place / "cgroup.events").read_text()
            assert json.loads(runtime("state", name)[1])["status"] == status
        inside = [int(line) for line in (place / "cgroup.procs").read_text().split()]
        assert len(inside) >= 2
        assert runtime("delete", "--force", name)[0] == 0, runtime.said
        assert not place.exists()
        assert [pid for pid in inside if Path(f"/proc/{pid}").exists()] == []


def test_this_machine_has_version_2() -> None:
    """Else all of this would show nothing."""
    assert cgroups.detect().version == "v2"
