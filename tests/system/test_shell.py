"""The command line on real containers: streams, signals, pipes and codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.engine.engine import Engine

Start = Callable[..., "subprocess.Popen[bytes]"]

PATIENCE_SECONDS = 20

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    """Start the command line in the background, with pipes on all three streams."""
    package = Path(ipycontainer.__file__).parents[1]
    environment = {**os.environ, "IPYCONTAINER_HOME": str(home), "PYTHONPATH": str(package)}
    begun = []

    def start(*words: str) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [sys.executable, "-m", "ipycontainer", *words],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=environment,
            cwd=home.parent,
            bufsize=0,
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()


def without_warnings(text: bytes) -> list[bytes]:
    """Return the lines that are not about what this machine lacks for an ordinary user."""
    return [line for line in text.splitlines() if not line.startswith(b"WARNING: ")]


def test_input_and_output_are_pipes_of_bytes(start: Start) -> None:
    """With -i all that is written comes back unchanged, and the end of input ends the program."""
    data = bytes(range(256)) * 4096
    shell = start("run", "--rm", "-i", "--network", "none", "busybox", "cat")
    out, err = shell.communicate(data, timeout=PATIENCE_SECONDS)
    assert (len(out), out == data, shell.returncode) == (len(data), True, 0)
    assert without_warnings(err) == []


def test_without_i_there_is_no_input(start: Start) -> None:
    """A program without -i finds the end of input at once, whatever the shell is given."""
    shell = start("run", "--rm", "--network", "none", "busybox", "cat")
    out, err = shell.communicate(b"in", timeout=PATIENCE_SECONDS)
    assert (out, without_warnings(err), shell.returncode) == (b"", [], 0)


def test_output_comes_while_the_program_runs(start: Start) -> None:
    """A line is there before the program that printed it has ended."""
    script = "echo first; read line; echo second $line"
    shell = start("run", "--rm", "-i", "--network", "none", "busybox", "sh", "-c", script)
    assert shell.stdout is not None
    assert shell.stdout.readline() == b"first\n"
    assert shell.communicate(b"go\n", timeout=PATIENCE_SECONDS)[0] == b"second go\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_reach_the_program(start: Start, engine: Engine, number: signal.Signals) -> None:
    """A signal to the shell is the program's, which may handle it and end as it likes."""
    script = f"trap 'echo caught; exit 5' {number.value}; echo ready; while :; do sleep 0.05; done"
    shell = start("run", "--rm", "--network", "none", "busybox", "sh", "-c", script)
    assert shell.stdout is not None
    assert shell.stdout.readline() == b"ready\n"
    shell.send_signal(number)
    assert shell.communicate(timeout=PATIENCE_SECONDS)[0] == b"caught\n"
    assert shell.returncode == 5
    assert engine.containers.list(all=True) == []


def test_signalled_program_gives_128_and_the_signal(start: Start) -> None:
    """A program that dies of the forwarded signal ends the shell with 128 and its number."""
    line = ("run", "--rm", "--init", "--network", "none", "busybox", "sh", "-c")
    shell = start(*line, "echo ready; exec sleep 100")
    assert shell.stdout is not None
    assert shell.stdout.readline() == b"ready\n"
    shell.send_signal(signal.SIGTERM)
    shell.communicate(timeout=PATIENCE_SECONDS)
    assert shell.returncode == 128 + signal.SIGTERM


def test_killed_shell_leaves_the_container(start: Start, engine: Engine) -> None:
    """A shell that is killed outright takes no container with it."""
    script = "echo ready; exec sleep 100"
    shell = start("run", "--name", "stays", "--network", "none", "busybox", "sh", "-c", script)
    assert shell.stdout is not None
    assert shell.stdout.readline() == b"ready\n"
    shell.kill()
    shell.communicate(timeout=PATIENCE_SECONDS)
    assert engine.containers.get("stays").status == "running"


@pytest.mark.parametrize(
    ("line", "begin"),
    [
        (("logs", "talks"), b"1\n"),
        (("export", "talks"), b".dockerenv"),
        (("save", "busybox"), b"blobs/"),
    ],
    ids=["logs", "export", "save"],
)
def test_reader_that_leaves_early(
    start: Start, engine: Engine, line: tuple[str, ...], begin: bytes
) -> None:
    """`logs | head -1`: the shell dies quietly of SIGPIPE when nobody reads any more."""
    engine.run("busybox", ["seq", "200000"], network="none", name="talks")
    shell = start(*line)
    assert shell.stdout is not None
    assert shell.stdout.read(len(begin)) == begin
    shell.stdout.close()
    assert shell.stderr is not None
    assert shell.stderr.read() == b""
    assert shell.wait(PATIENCE_SECONDS) == -signal.SIGPIPE


def test_followed_log_ends_with_the_container(start: Start) -> None:
    """A followed log shows lines as they come, and ends when the container does."""
    script = "echo first; read line; echo second"
    runs = start(
        "run", "-i", "--name", "logged", "--network", "none", "busybox", "sh", "-c", script
    )
    assert runs.stdout is not None
    assert runs.stdout.readline() == b"first\n"
    follows = start("logs", "-f", "logged")
    assert follows.stdout is not None
    assert follows.stdout.readline() == b"first\n"
    runs.communicate(b"go\n", timeout=PATIENCE_SECONDS)
    assert follows.communicate(timeout=PATIENCE_SECONDS)[0] == b"second\n"
    assert follows.returncode == 0


def test_interrupt_ends_a_followed_log(start: Start, engine: Engine) -> None:
    """Ctrl-C while following is what the shell dies of, without a word; the container goes on."""
    line = ("run", "-d", "--name", "goes-on", "--network", "none", "busybox", "sh", "-c")
    start(*line, "echo first; exec sleep 100").communicate(timeout=PATIENCE_SECONDS)
    follows = start("logs", "-f", "goes-on")
    assert follows.stdout is not None
    assert follows.stdout.readline() == b"first\n"
    follows.send_signal(signal.SIGINT)
    assert follows.communicate(timeout=PATIENCE_SECONDS) == (b"", b"")
    assert follows.returncode == -signal.SIGINT
    assert engine.containers.get("goes-on").status == "running"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_to_an_exec_is_the_shells(
    start: Start, engine: Engine, number: signal.Signals
) -> None:
    """As docker's client it passes none on: it dies of it, and the program goes on."""
    engine.containers.run("busybox", ["sleep", "100"], network="none", name="box", detach=True)
    shell = start("exec", "box", "sh", "-c", "echo ready; sleep 0.5; touch /went-on")
    assert shell.stdout is not None
    assert shell.stdout.readline() == b"ready\n"
    shell.send_signal(number)
    assert shell.wait(PATIENCE_SECONDS) == -number
    waits = "until [ -e /went-on ]; do sleep 0.05; done"
    assert engine.containers.get("box").exec_run(["sh", "-c", waits]).exit_code == 0


def test_import_from_a_pipe(start: Start, engine: Engine, busybox_tar: Path) -> None:
    """`import -` reads an archive from standard input."""
    shell = start("import", "-", "piped:1")
    out, err = shell.communicate(busybox_tar.read_bytes(), timeout=PATIENCE_SECONDS)
    assert (out.decode(), err) == (f"{engine.images.get('piped:1').id}\n", b"")


def test_wait_across_shells(start: Start, engine: Engine) -> None:
    """One shell waits for what another one stops."""
    engine.containers.run("busybox", ["sleep", "100"], detach=True, network="none", name="waited")
    waits = start("wait", "waited")
    time.sleep(0.2)
    assert waits.poll() is None
    start("kill", "waited").communicate(timeout=PATIENCE_SECONDS)
    assert waits.communicate(timeout=PATIENCE_SECONDS) == (b"137\n", b"")
