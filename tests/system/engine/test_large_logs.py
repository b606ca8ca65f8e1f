"""Large logs of real containers: many followers, flat memory, and nothing lost or reordered."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import termios
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.model.lines import RECORD_BYTES
from ipycontainer.model.log_range import LogRange
from tests.conftest import Shell
from tests.system.engine.processes import eventually, kill, monitor_of

pytestmark = pytest.mark.usefixtures("busybox_image")

MEGABYTE = 1_000_000
FOLLOWERS = 50
FLAT_KIB = 16 * 1024  # what a process may grow by while ever more goes through it
PATIENCE_SECONDS = 60
SLOW_PATIENCE_SECONDS = 1200
HALF_A_PIPE_BYTES = 32 * 1024  # pipe(7): 64 KiB


@pytest.fixture
def lines(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Numbered lines of 100 bytes; the parameter says how many megabytes."""
    return write_lines(tmp_path / "data", request.param)


@pytest.fixture
def lines_of_a_megabyte(tmp_path: Path) -> Path:
    """As `lines`, of one megabyte."""
    return write_lines(tmp_path / "data", 1)


def write_lines(directory: Path, megabytes: int) -> Path:
    """Write so many megabytes of numbered lines of 100 bytes."""
    directory.mkdir()
    path = directory / "lines"
    with path.open("wb") as file:
        for first in range(0, megabytes * 10_000, 10_000):
            file.write(b"".join(b"%099d\n" % number for number in range(first, first + 10_000)))
    return path


@dataclass
class Follower:
    """Holds what comes against what should come; `memory` has a shell's peak in KiB, as it goes."""

    expected: Path
    size: int
    got: int = 0
    memory: list[int] = field(default_factory=list)
    differs_at: int | None = None

    def take(self, piece: bytes, pid: int = 0) -> None:
        """Compare the next piece."""
        with self.expected.open("rb") as file:
            if self.differs_at is None and os.pread(file.fileno(), len(piece), self.got) != piece:
                self.differs_at = self.got
        tenth = self.got * 10 // self.size
        self.got += len(piece)
        if pid and self.got * 10 // self.size > tenth:
            self.memory.append(peak(pid))

    def by_shell(self, container: Container) -> None:
        """Follow as `ipycontainer logs -f` in a process."""
        command = [sys.executable, "-m", "ipycontainer", "logs", "-f", container.id]
        environment = environment_of(container)
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            while piece := os.read(process.stdout.fileno(), 1024 * 1024):
                self.take(piece, process.pid)

    def by_engine(self, container: Container) -> None:
        """Follow in a thread of ours."""
        for entry in container.log_chunks(follow=True):
            self.take(entry.text)


def environment_of(container: Container) -> dict[str, str]:
    """Return what a shell on a container's home is started with."""
    return {
        **os.environ,
        "IPYCONTAINER_HOME": str(container.engine.home.root),
        "PYTHONPATH": str(Path(ipycontainer.__file__).parents[1]),
    }


def peak(pid: int) -> int:
    """Return the most KiB of memory that a process ever had; 0 where it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def printed(container: Container) -> int:
    """Return how many bytes stand in the log."""
    return sum(len(entry.text) for entry in container.log_chunks())


@pytest.mark.parametrize(
    ("lines", "shells", "patience"),
    [
        pytest.param(6, 4, PATIENCE_SECONDS, id="6 MB"),
        pytest.param(1000, FOLLOWERS, SLOW_PATIENCE_SECONDS, id="1 GB", marks=pytest.mark.slow),
    ],
    indirect=["lines"],
)
@pytest.mark.timeout(SLOW_PATIENCE_SECONDS)
def test_fifty_follow_while_it_is_written(
    engine: Engine, lines: Path, shells: int, patience: int
) -> None:
    """Each of 50 gets every byte in its order, and neither they nor the monitor grow with it."""
    size = lines.stat().st_size
    container = engine.containers.run(
        "busybox",
        ["sh", "-c", "until [ -e /data/go ]; do usleep 20000; done; cat /data/lines"],
        network="none",
        detach=True,
        volumes={str(lines.parent): {"bind": "/data", "mode": "ro"}},
    )
    assert isinstance(container, Container)
    followers = [Follower(lines, size) for _ in range(FOLLOWERS)]
    threads = [
        threading.Thread(
            target=each.by_shell if number < shells else each.by_engine, args=(container,)
        )
        for number, each in enumerate(followers)
    ]
    for thread in threads:
        thread.start()
    monitor = monitor_of(engine, container.id)
    before = peak(monitor)
    (lines.parent / "go").touch()
    for thread in threads:
        thread.join(patience)
    assert not any(thread.is_alive() for thread in threads)
    after = [each.memory for each in followers[:shells]]
    assert [(each.got, each.differs_at) for each in followers] == [(size, None)] * FOLLOWERS
    assert container.wait()["StatusCode"] == 0
    for memory in after:
        known = [kib for kib in memory if kib]
        assert known[-1] - known[0] < FLAT_KIB, memory
    # all is written; the monitor has ended with its container, or is about to
    left = peak(monitor)
    assert left - before < FLAT_KIB, (before, left)
    assert container.logs(tail=2) == b"%099d\n%099d\n" % (size // 100 - 2, size // 100 - 1)


@pytest.mark.parametrize("words", [(), ("-f",)], ids=["read", "followed"])
def test_a_reader_that_was_stopped_loses_nothing(
    engine: Engine, lines_of_a_megabyte: Path, words: tuple[str, ...]
) -> None:
    """A shell that is stopped while its pipe is full goes on where it was, unbuffered as well.

    The signal cuts its write(2), and Python's unbuffered streams forget what was not taken.
    """
    container = engine.containers.create(
        "busybox",
        ["cat", "/data/lines"],
        network="none",
        volumes={str(lines_of_a_megabyte.parent): {"bind": "/data", "mode": "ro"}},
    )
    container.start()
    container.wait()
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "ipycontainer", "logs", *words, container.id],
        stdout=subprocess.PIPE,
        env=environment_of(container),
    ) as process:
        assert process.stdout is not None
        reader = process.stdout.fileno()
        eventually(lambda: waits_for_a_pipe(process.pid))
        begin = os.read(reader, HALF_A_PIPE_BYTES)
        eventually(lambda: waits_for_a_pipe(process.pid) and readable(reader) > HALF_A_PIPE_BYTES)
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: state(process.pid) == "T")
        process.send_signal(signal.SIGCONT)
        eventually(lambda: waits_for_a_pipe(process.pid))
        assert begin + process.stdout.read() == lines_of_a_megabyte.read_bytes()
    assert process.returncode == 0


def readable(fd: int) -> int:
    """Return how many bytes wait in a pipe."""
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder)


def waits_for_a_pipe(pid: int) -> bool:
    """Tell whether a process stands in a write to a full pipe."""
    return state(pid) == "S" and "pipe_write" in Path(f"/proc/{pid}/wchan").read_text()


def state(pid: int) -> str:
    """Return a process's state as ps(1) has it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_bytes_of_any_kind_come_back(engine: Engine, tmp_path: Path) -> None:
    """Random bytes, lines of 1 MB, and one of 9 MB without end: as they were, on both streams."""
    random = os.urandom(3 * MEGABYTE)
    long = b"".join(bytes([65 + n]) * (MEGABYTE - 1) + b"\n" for n in range(4))
    endless = b"z" * (9 * MEGABYTE)
    for name, data in (("random", random), ("long", long), ("endless", endless)):
        (tmp_path / name).write_bytes(data)
    script = "cat /data/random >&2; cat /data/long; cat /data/endless"
    container = engine.containers.create(
        "busybox",
        ["sh", "-c", script],
        network="none",
        volumes={str(tmp_path): {"bind": "/data", "mode": "ro"}},
    )
    container.start()
    followed = b"".join(e.text for e in container.log_chunks(follow=True) if e.stream == "stdout")
    assert followed == long + endless
    assert container.logs(stderr=False) == long + endless
    assert container.logs(stdout=False) == random
    entries = [entry for entry in container.log_entries() if entry.stream == "stdout"]
    assert [len(entry.text) for entry in entries[:4]] == [MEGABYTE] * 4
    assert max(len(entry.text) for entry in entries) < 5 * MEGABYTE  # no reader holds all of it
    # stderr's last line has no end, as stdout's: both count, by the records that docker has of them
    last = (MEGABYTE - 1) // RECORD_BYTES + 1 + -(-len(endless) // RECORD_BYTES) + 1
    entries = list(container.log_chunks(LogRange(tail=last)))
    tail = [entry for entry in entries if entry.stream == "stdout"]
    assert b"".join(entry.text for entry in tail) == long[-MEGABYTE:] + endless


def test_a_killed_monitor_leaves_whole_lines(engine: Engine, shell: Shell) -> None:
    """What was printed until then is there without a gap, and the next start goes on after it."""
    script = "i=0; while [ $i -lt 1000000 ]; do echo $i; i=$((i+1)); done"
    container = engine.containers.run(
        "busybox", ["sh", "-c", script], network="none", detach=True, name="box"
    )
    assert isinstance(container, Container)
    followed: list[bytes] = []
    follower = threading.Thread(
        target=lambda: followed.extend(entry.text for entry in container.log_chunks(follow=True))
    )
    follower.start()
    eventually(lambda: printed(container) > 20_000)
    kill(monitor_of(engine, container.id))
    follower.join(PATIENCE_SECONDS)
    assert not follower.is_alive()
    said = shell("logs", "box").stdout
    whole = said.splitlines()
    assert whole[:-1] == [str(number) for number in range(len(whole) - 1)]
    assert b"".join(followed).decode() == said
    eventually(lambda: container.status == "exited")
    container.start()
    eventually(lambda: printed(container) > len(said) + 1000)
    container.remove(force=True)
