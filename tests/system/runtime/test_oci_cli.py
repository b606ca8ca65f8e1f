"""The OCI command line on a bundle that another tool might have made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.runtime.isolated import CLONE

SETS = ("bounding", "effective", "permitted", "ambient")  # as `runc spec` has them
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def foreign(bundle: str, busybox_tree: Path) -> Path:
    """A bundle like `runc spec` writes, with a ready tree."""
    config: dict[str, Any] = {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh", "-c", "echo started; sleep 100"],
            "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {name: ["CAP_KILL"] for name in SETS},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": str(busybox_tree), "readonly": True},
        "hostname": "foreign",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid"]},
        ],
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "maskedPaths": ["/proc/keys"],
            "readonlyPaths": ["/proc/sys"],
        },
    }
    Path(bundle, "config.json").write_text(json.dumps(config))
    return Path(bundle)


@pytest.fixture
def oci(foreign: Path) -> Iterator[Run]:
    """Run a command with a state directory of the test's own; its containers end with the test."""
    root = foreign / "state"
    log = foreign / "log"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        with open(log, "a", encoding="utf-8") as output, open(log, encoding="utf-8") as said:
            said.seek(0, os.SEEK_END)
            done = subprocess.run(
                [sys.executable, "-m", "ipycontainer.runtime", "--root", str(root), *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if words[0] == "state" else output,
                stderr=output,
                text=True,
                check=False,
                timeout=60,
                cwd=foreign,
                env={**os.environ, "PYTHONPATH": str(CLONE)},
            )
            done.stderr = said.read()
        return done

    yield run
    for left in root.glob("*"):
        run("delete", "--force", left.name)
    assert list(root.glob("*")) == []


def _status(oci: Run, name: str) -> str:
    return str(json.loads(oci("state", name).stdout)["status"])


def test_a_foreign_bundle_lives_its_whole_life(oci: Run, foreign: Path) -> None:
    """Created, started, killed and deleted, with the states of the runtime-spec."""
    created = oci("create", "--bundle", str(foreign), "--pid-file", "pid", "box")
    assert created.returncode == 0, created.stderr
    assert "started" not in (foreign / "log").read_text()
    assert _status(oci, "box") == "created"
    assert Path(f"/proc/{(foreign / 'pid').read_text()}").exists()
    assert oci("create", "box").stderr == "container with given ID already exists: box\n"

    assert oci("start", "box").returncode == 0
    assert _status(oci, "box") == "running", (foreign / "log").read_text()
    assert oci("start", "box").returncode == 1
    assert "not stopped: running" in oci("delete", "box").stderr

    assert oci("kill", "box", "KILL").returncode == 0
    for _ in range(100):
        if _status(oci, "box") == "stopped":
            break
        time.sleep(0.02)
    assert (foreign / "log").read_text().splitlines().count("started") == 1
    assert oci("kill", "box").stderr == "container not running\n"
    assert oci("delete", "box").returncode == 0
    assert oci("state", "box").stderr == "container does not exist: box\n"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda raw: raw["process"].update(terminal=True), "process.terminal"),
        (lambda raw: raw.update(hooks={"prestart": [{"path": "/bin/true"}]}), "hooks"),
        (
            lambda raw: raw["mounts"].append({"destination": "/n", "type": "nfs", "source": "x"}),
            'mount type "nfs" of /n',
        ),
        (lambda raw: raw["linux"].update(intelRdt={"closID": "x"}), "intelRdt"),
        (lambda raw: raw["process"]["args"].__setitem__(0, "nope"), 'exec: "nope"'),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(
    oci: Run, foreign: Path, change: Callable[[dict[str, Any]], None], named: str
) -> None:
    """Nothing of a bundle is ignored in silence, and nothing remains of the attempt."""
    config = foreign / "config.json"
    raw = json.loads(config.read_text())
    change(raw)
    config.write_text(json.dumps(raw))
    refused = oci("create", "--bundle", str(foreign), "box")

    assert refused.returncode == 1
    assert named in refused.stderr
    assert list((foreign / "state").glob("*")) == []


def test_an_id_that_is_a_path_is_refused(oci: Run) -> None:
    """State is kept below the root directory only."""
    assert "invalid container ID format" in oci("create", "../x").stderr
