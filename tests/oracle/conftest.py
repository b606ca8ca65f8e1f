"""A docker of the tests' own: dockerd in its own namespaces and in a temporary directory.

It touches no rule, bridge or mount of the machine. Where docker is not installed, or not root runs
the tests, they are skipped with the reason.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ipycontainer.commands import shell
from ipycontainer.engine.engine import Engine

Docker = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True, slots=True)
class Client:
    """Docker's command line; called with words, it runs them."""

    host: str

    def __call__(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a line, and return what became of it."""
        return subprocess.run(
            ["docker", *words],
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, "DOCKER_HOST": self.host},
            timeout=2 * START_SECONDS,
            check=False,
        )


IN_VM = bool(os.environ.get("IPYCONTAINER_VM"))
START_SECONDS = 300 if IN_VM else 30  # there each instruction is emulated
_NAMESPACES = ("--net", "--mount", "--propagation", "private")
# A machine that does not forward yet: then the daemon has it drop what nobody has asked for.
_DAEMON = 'ip link set lo up; echo 0 >/proc/sys/net/ipv4/ip_forward; exec dockerd "$@"'
# The daemon gives its containerd 15 seconds to begin, too few in the virtual machine. There both
# have a cgroup below the root and many descriptors, as below systemd: the root's own cgroup lacks
# what the daemon looks for.
_DAEMON_IN_VM = """
ulimit -n 1048576
mkdir -p /sys/fs/cgroup/daemon && echo $$ >/sys/fs/cgroup/daemon/cgroup.procs
mkdir "$CONTAINERD"
setpriv --pdeathsig TERM containerd --address "$CONTAINERD/socket" --root "$CONTAINERD/root" \\
    --state "$CONTAINERD/state" --log-level warn &
until [ -S "$CONTAINERD/socket" ]; do sleep 0.2; done
exec dockerd --containerd "$CONTAINERD/socket" "$@"
"""


@pytest.fixture(scope="session")
def docker(busybox_tar: Path) -> Iterator[Client]:
    """Run docker's command line against a daemon of our own that has the image busybox:latest."""
    with daemon(busybox_tar) as run:
        yield run


@contextmanager
def daemon(image: Path, *options: str) -> Iterator[Client]:
    """Start a daemon that has an archive as busybox:latest, and end it afterwards."""
    if os.geteuid() != 0:
        pytest.skip("docker's daemon needs root")
    if shutil.which("dockerd") is None or shutil.which("docker") is None:
        pytest.skip("docker is not installed: apt-get install -y docker.io docker-cli")
    with tempfile.TemporaryDirectory(prefix="ipyc-docker-") as directory:
        process = _start(Path(directory), options)
        try:
            run = Client(f"unix://{directory}/docker.sock")
            _await(run, process)
            run("import", str(image), "busybox:latest")
            yield run
        finally:
            process.terminate()
            process.wait(START_SECONDS)


@contextmanager
def users_engine(image: Path) -> Iterator[Docker]:
    """Run our command line as the ordinary user whom scripts/test has made, in this network.

    It has an archive as busybox:latest.
    """
    user = os.environ.get("IPYCONTAINER_TEST_USER", "")
    python = os.environ.get("IPYCONTAINER_TEST_USER_PYTHON", "")
    if not user or not python:
        pytest.skip("$IPYCONTAINER_TEST_USER and its _PYTHON name no ordinary user")
    with tempfile.TemporaryDirectory(prefix="ipyc-user-") as directory:
        shutil.copy(image, directory)
        shutil.chown(directory, user, user)
        words = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", python)
        environment = {"HOME": directory, "PATH": "/usr/local/bin:/usr/bin:/bin"}
        if "PYTHONPATH" in os.environ:
            environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
        with subprocess.Popen(
            [*words, "-m", "tests.oracle.of_user", f"{directory}/home"],
            env=environment,
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            asks, answers = process.stdin, process.stdout

            def run(*words: str) -> subprocess.CompletedProcess[str]:
                print(json.dumps(words), file=asks, flush=True)
                code, out, err = json.loads(answers.readline())
                return subprocess.CompletedProcess(words, code, out, err)

            run("import", f"{directory}/{image.name}", "busybox:latest")
            yield run
            asks.close()


@pytest.fixture
def ours(
    engine: Engine, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Docker]:
    """Run our command line in this process: Python's own start would take most of the time."""
    monkeypatch.chdir(engine.home.root.parent)
    with here(engine, capfd) as run:
        yield run


@contextmanager
def here(engine: Engine, capfd: pytest.CaptureFixture[str]) -> Iterator[Docker]:
    """Run our command line on an engine of this process."""
    before = os.dup(0)

    def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryFile() as file:
            file.write(stdin.encode())
            file.seek(0)
            os.dup2(file.fileno(), 0)
        capfd.readouterr()
        code = shell.main(words, lambda: engine)
        # as subprocess's text mode does with docker's
        out, err = (text.replace("\r\n", "\n") for text in capfd.readouterr())
        return subprocess.CompletedProcess(words, code, out, err)

    yield run
    os.dup2(before, 0)
    os.close(before)


def _start(place: Path, more: Sequence[str]) -> subprocess.Popen[bytes]:
    options = [
        *more,
        f"--host=unix://{place}/docker.sock",
        f"--data-root={place}/data",
        f"--exec-root={place}/exec",
        f"--pidfile={place}/pid",
    ]
    script = _DAEMON_IN_VM if IN_VM else _DAEMON
    with (place / "log").open("wb") as log:
        return subprocess.Popen(
            ["unshare", *_NAMESPACES, "sh", "-c", script, "dockerd", *options],
            env={**os.environ, "CONTAINERD": str(place / "containerd")},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _await(run: Docker, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while run("version").returncode != 0:
        assert process.poll() is None, "dockerd ended"
        assert time.monotonic() < deadline, "dockerd does not answer"
        time.sleep(0.1)
