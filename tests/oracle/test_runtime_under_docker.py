"""Docker with our command line as its runtime: a whole engine finds in it what it finds in runc."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import ipycontainer
from tests.oracle.conftest import daemon

Command = Callable[..., "CompletedProcess[str]"]
PACKAGE = Path(ipycontainer.__file__).parents[1]
# Each line is given to docker twice, with RUNTIME as runc and as ours.
SCENE = (
    ("run", "--rm", "RUNTIME", "busybox:latest", "/bin/sh", "-c", "echo out; id; exit 6"),
    ("run", "--rm", "RUNTIME", "busybox:latest", "/nope"),
    ("run", "--rm", "RUNTIME", "busybox:latest", "/etc/passwd"),
    (
        *("run", "--rm", "--init", "RUNTIME", "--read-only", "--tmpfs", "/t", "-v", "/etc:/e:ro"),
        *("busybox:latest", "/bin/sh", "-c", "touch /x; touch /t/f; echo $?; cat /proc/1/comm"),
    ),
    (
        "run",
        "--rm",
        "-u",
        "postgres",
        "RUNTIME",
        "busybox:latest",
        "/bin/grep",
        "-E",
        "^Cap|^Sec",
        "/proc/self/status",
    ),
    ("run", "--rm", "-t", "RUNTIME", "busybox:latest", "/usr/bin/tty"),
    ("run", "-d", "--name", "box", "-m", "64m", "RUNTIME", "busybox:latest", "/bin/sleep", "100"),
    ("exec", "box", "/bin/sh", "-c", "echo in; cat /sys/fs/cgroup/memory/memory.limit_in_bytes"),
    ("exec", "-u", "postgres", "-w", "/tmp", "box", "/bin/sh", "-c", "id; pwd; exit 4"),
    ("exec", "-t", "box", "/usr/bin/tty"),
    ("exec", "box", "/nope"),
    ("update", "--memory", "128m", "--memory-swap", "128m", "box"),
    ("exec", "box", "/bin/cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes"),
    ("pause", "box"),
    ("ps", "-a", "--format", "{{.Names}} {{.State}}"),
    ("exec", "box", "/bin/true"),
    ("unpause", "box"),
    ("top", "box", "-o", "args"),
    ("kill", "box"),
    ("wait", "box"),
    ("start", "box"),
    ("stop", "-t", "0", "box"),
    ("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}", "box"),
    ("rm", "-f", "box"),
)


@pytest.fixture
def docker(busybox_tar: Path, tmp_path: Path) -> Iterator[Command]:
    """A daemon that knows our command line as a runtime."""
    program = tmp_path / "ours"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={PACKAGE} exec {sys.executable} -m ipycontainer.runtime "$@"\n'
    )
    program.chmod(0o755)
    with daemon(busybox_tar, "--add-runtime", f"ours={program}") as run:
        yield run


def test_docker_finds_in_ours_what_it_finds_in_runc(docker: Command) -> None:
    """Outputs and exit codes of a container's whole life are the same."""

    def play(runtime: str) -> list[tuple[str, str, str]]:
        found = []
        for words in SCENE:
            wanted = [f"--runtime={runtime}" if word == "RUNTIME" else word for word in words]
            if words[0] == "run":
                wanted.insert(1, "--network=none")
            done = docker(*wanted)
            output = done.stdout if "-d" not in words else ""
            found.append((" ".join(words), str(done.returncode), output))
        return found

    theirs, ours = play("runc"), play("ours")

    assert ours == theirs
    codes = [code for _, code, _ in theirs]
    assert codes[:3] == ["6", "127", "126"]
    assert codes.count("0") > len(SCENE) / 2, theirs
