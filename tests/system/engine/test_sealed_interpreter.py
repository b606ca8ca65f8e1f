"""A container cannot change the interpreter that serves it (CVE-2019-5736).

Each test lets the engine's processes run a private copy of Python, which a container's root could
write, so that a seal that failed would harm nothing else. What the seal is worth is shown without
it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from tests.system.engine import weakened

# Runs inside as the engine's interpreter itself, by way of a program that is /proc/self/exe: opens
# it, drops the signal that comes with the monitor's death (linux/prctl.h: PR_SET_PDEATHSIG is 1),
# and becomes a shell that goes on trying to overwrite the file, which the kernel refuses with
# ETXTBSY as long as anybody executes it. It counts its tries.
INTRUDER = r"""
import ctypes, os
os.dup2(os.open("/proc/self/exe", os.O_RDONLY), 9)
ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)
os.execv("/bin/sh", ["sh", "-c", '''
    tries=0
    while :; do
        { printf evil 1<> /proc/self/fd/9; chmod 777 /proc/self/fd/9; } 2> /dev/null
        tries=$((tries + 1))
        echo $tries > /report/new && mv /report/new /report/tries
    done
'''])
"""

# Starts the intruder by run or exec, kills all that executes the interpreter, and lets it try on.
PROGRAM = """
import json, os, signal, sys, time
from pathlib import Path
import ipycontainer
from ipycontainer.store import liveness
home, python, way, intruder, report = sys.argv[1:]
sys.executable = python
engine = ipycontainer.connect(home)
attack = ["/report/program", "-c", intruder]
first = attack if way == "run" else ["setpriv", "--pdeathsig", "clear", "sleep", "1000"]
container = engine.containers.run(
    "host", first, detach=True, network="none", volumes={report: {"bind": "/report"}}
)
if way == "exec":
    container.exec_run(attack, detach=True)

def tries():
    try:
        return int(Path(report, "tries").read_text())
    except FileNotFoundError:
        return 0

def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"{way}: {container.status} {container.logs()}")
        time.sleep(0.01)

wait_for(tries)
container.reload()
init = container.record.state.pid
engine.close()
for lock in engine.home.runtime.glob("*.l"):
    pid = liveness.holder(lock)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: liveness.holder(lock) is None)
before = tries()
wait_for(lambda: tries() > before + 100)
os.kill(init, signal.SIGKILL)
print(json.dumps(before))
"""

# Writes to the program of every process in sight, and opens it to everybody.
WATCHER = """
echo > /ready
while :; do
    for process in /proc/[0-9]*; do
        { printf evil 1<> $process/exe; chmod 777 $process/exe; } 2> /dev/null
    done
done
"""

# Executes programs beside the watcher, one after another.
JOINERS = """
import json, sys, ipycontainer
home, python, watcher = sys.argv[1:]
sys.executable = python
engine = ipycontainer.connect(home)
container = engine.containers.run(
    "busybox", ["sh", "-c", watcher], detach=True, network="none"
)
said = [container.exec_run(["echo", "here"]).output.decode() for _ in range(30)]
container.remove(force=True)
print(json.dumps(said))
"""

UNSEALED = {
    "supervise/supervisor.py": "def _sealed_interpreter() -> int:\n"
    "    return os.open(os.path.realpath(sys.executable), os.O_RDONLY | os.O_CLOEXEC)"
}


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Copy the interpreter's program, as a virtual environment made with copies has it."""
    base = Path(os.path.realpath(sys.executable))
    copy = tmp_path / "prefix/bin/python3"
    copy.parent.mkdir(parents=True)
    shutil.copy(base, copy)
    (tmp_path / "prefix/pyvenv.cfg").write_text(f"home = {base.parent}\n")
    return copy


def fingerprint(python: Path) -> tuple[str, str]:
    """Return what an overwrite or a new mode would change."""
    digest = hashlib.sha256(python.read_bytes()).hexdigest()
    return digest, stat.filemode(python.stat().st_mode)


def attack(home: Path, place: Path, additions: dict[str, str], python: Path, way: str) -> None:
    """Let a program that is /proc/self/exe try to overwrite the interpreter."""
    report = place / "report"
    report.mkdir()
    (report / "program").symlink_to("/proc/self/exe")
    weakened.run(PROGRAM, place, additions, str(home), str(python), way, INTRUDER, str(report))


@pytest.mark.parametrize("way", ["run", "exec"])
def test_a_program_that_is_our_interpreter_cannot_change_it(
    home: Path, tmp_path: Path, python: Path, way: str
) -> None:
    """A program that is a link to /proc/self/exe finds a sealed copy, not the file on disk."""
    before = fingerprint(python)
    attack(home, tmp_path, {}, python, way)
    assert fingerprint(python) == before


@pytest.mark.parametrize("way", ["run", "exec"])
def test_without_the_seal_the_interpreter_is_overwritten(
    home: Path, tmp_path: Path, python: Path, way: str
) -> None:
    """Without the seal the same program owns the interpreter on disk: so the seal matters."""
    attack(home, tmp_path, UNSEALED, python, way)
    assert python.read_bytes()[:4] == b"evil"
    assert stat.filemode(python.stat().st_mode) == "-rwxrwxrwx"


@pytest.mark.usefixtures("busybox_image")
def test_whoever_joins_a_container_cannot_be_overwritten(
    home: Path, tmp_path: Path, python: Path
) -> None:
    """A process that writes to each /proc/PID/exe it sees catches none of those that join."""
    before = fingerprint(python)
    said = weakened.run(JOINERS, tmp_path, {}, str(home), str(python), WATCHER)
    assert said == ["here\n"] * 30
    assert fingerprint(python) == before
