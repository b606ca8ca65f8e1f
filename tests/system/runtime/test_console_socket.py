"""`--console-socket`: a detached container's terminal goes to whoever listens, by us as by runc."""

from __future__ import annotations

import array
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.system.runtime.isolated import CLONE

pytestmark = pytest.mark.sampled

PATIENCE_SECONDS = 60
ID = "box"
Runtime = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory whose name fits into a socket's address."""
    found = Path(tempfile.mkdtemp(prefix="ipyc-console-"))
    yield found
    shutil.rmtree(found)


@pytest.fixture(params=["ours", "runc"])
def runtime(
    request: pytest.FixtureRequest, place: Path, busybox_tree: Path
) -> Iterator[tuple[Runtime, Path]]:
    """A runtime, and the bundle of a shell that wants a terminal."""
    bundle = place / "bundle"
    shutil.copytree(busybox_tree, bundle / "rootfs", symlinks=True)
    path = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
    runc = shutil.which("runc", path=path)
    assert runc, "runc is missing: apt-get install -y runc"
    rootless = [] if os.geteuid() == 0 else ["--rootless"]
    subprocess.run([runc, "spec", *rootless], cwd=bundle, check=True)
    config = json.loads((bundle / "config.json").read_text())
    config["process"] |= {"args": ["sh"], "consoleSize": {"height": 22, "width": 88}}
    (bundle / "config.json").write_text(json.dumps(config))
    program = [sys.executable, "-m", "ipycontainer.runtime"] if request.param == "ours" else [runc]

    def run(*words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*program, "--root", str(place / "state"), *words],
            cwd=bundle,
            env={**os.environ, "PYTHONPATH": str(CLONE), "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    yield run, place
    run("delete", "--force", ID)


@contextmanager
def listening(path: Path) -> Iterator[Callable[[], tuple[bytes, int]]]:
    """Listen for a terminal; the call takes its name and its master."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(PATIENCE_SECONDS)
        masters: list[int] = []

        def take() -> tuple[bytes, int]:
            peer, _ = listener.accept()
            with peer:
                name, sent, _, _ = peer.recvmsg(4096, socket.CMSG_SPACE(4))
                assert peer.recv(1) == b""
            ((_, _, data),) = sent
            masters.extend(array.array("i", data))
            return name, masters[-1]

        yield take
        for master in masters:
            with suppress(OSError):
                os.close(master)


def said(master: int, what: bytes) -> bytes:
    """Read a terminal until it has shown something."""
    shown = b""
    while what not in shown:
        shown += os.read(master, 4096)
    return shown


def test_the_terminal_comes_through_the_socket(runtime: tuple[Runtime, Path]) -> None:
    """At create, as the program's own: its size, its keys and its hanging up are the listener's."""
    run, place = runtime
    with listening(place / "s") as take:
        created = run("create", "--console-socket", str(place / "s"), ID)
        assert created.returncode == 0, created.stderr
        name, master = take()
        assert name == b"/dev/ptmx"
        assert os.isatty(master)
        assert fcntl.ioctl(master, termios.TIOCGWINSZ, bytes(8)) == struct.pack("4H", 22, 88, 0, 0)
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
        started = run("start", ID)
        assert started.returncode == 0, started.stderr
        os.write(master, b"stty size; tty; ls /dev/console\n")
        said(master, b"33 99\r\n/dev/pts/0\r\n/dev/console\r\n")
        os.write(master, b"sh -c 'echo rea\"\"dy; exec sleep 1000'\n")
        said(master, b"ready\r\n")
        os.write(master, b"\x03")  # Ctrl-C, taken by the line discipline
        os.write(master, b"echo $?'!'\n")
        said(master, b"130!")
        with listening(place / "e") as take_second:
            line = ("exec", "-d", "-t", "--console-socket", str(place / "e"), ID, "tty")
            executed = run(*line)
            assert executed.returncode == 0, executed.stderr
            _, second = take_second()
            said(second, b"/dev/pts/1\r\n")
        refused = run("exec", "-d", "-t", "--console-socket", str(place / "no"), ID, "sleep", "999")
        assert refused.returncode == 255
        os.write(master, b"until ! pgrep -x sleep; do usleep 9999; done; echo gone'!'\n")
        said(master, b"gone!")
        os.close(master)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while run("kill", ID, str(int(signal.SIGCONT))).returncode == 0:  # until it has hung up
            assert time.monotonic() < deadline


def test_a_socket_that_nobody_listens_at_leaves_nothing(runtime: tuple[Runtime, Path]) -> None:
    """The container is not there, and its name is free."""
    run, place = runtime
    refused = run("create", "--console-socket", str(place / "s"), ID)
    assert refused.returncode == 1
    assert b"no such file or directory" in refused.stderr
    assert run("state", ID).returncode == 1
    assert not list((place / "state").glob("*"))
