"""Our shell beside docker's own where a person sits at a terminal, or a signal comes.

A scene is a line, and what is typed or sent once something has come: what the terminal showed, and
the exit code or the signal that the client died of, are the same.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from ipycontainer.engine.engine import Engine
from tests.oracle.conftest import Client
from tests.oracle.test_beside_docker import masked
from tests.pseudo_terminal import ShellOnTerminal

Ours = Callable[..., "CompletedProcess[str]"]
BUSY = "echo ready; sleep 1000"
BOX = ("run", "-d", "--name", "box", "--network", "none", "busybox", "sh", "-c", BUSY)
ENDED = ("run", "--name", "ended", "--network", "none", "busybox", "true")
SHELL = ("run", "-dit", "--name", "box", "--network", "none", "busybox", "sh")
QUESTION = "[y/N] "
SETTLED_SECONDS = 0.5  # after which a client that has shown all of it listens


@dataclass(frozen=True, slots=True)
class Scene:
    """A line on a terminal: what is done before, and `acts`: (what to await, keys or a signal)."""

    line: str
    acts: tuple[tuple[str, bytes | signal.Signals], ...] = ()
    before: tuple[tuple[str, ...], ...] = ()


TRAPPED = "trap 'echo got; exit 3' INT; echo ready; sleep 100 & wait"
_KEYS = {
    "y": b"y\n",
    "n": b"n\n",
    "yes": b"yes\n",
    "nothing": b"\n",
    "Ctrl-D": b"\x04",
    "Ctrl-C": b"\x03",
}
_PRUNES = ("container prune", "image prune", "volume prune", "network prune", "system prune")
_FOLLOWING = ("logs -f box", "wait box", "exec box sleep 100", "attach --sig-proxy=false box")

SCENES: dict[str, Scene] = {
    **{
        f"container prune, {name}": Scene("container prune", ((QUESTION, keys),), (ENDED,))
        for name, keys in _KEYS.items()
    },
    **{
        f"{line}, {name}": Scene(line, ((QUESTION, _KEYS[name]),))
        for line in _PRUNES
        for name in ("Ctrl-C", "Ctrl-D")
    },
    "volume prune, y": Scene(
        "volume prune", ((QUESTION, b"y\n"),), (("volume", "create", "unused"),)
    ),
    "container prune, SIGTERM": Scene("container prune", ((QUESTION, signal.SIGTERM),), (ENDED,)),
    "login, Ctrl-D": Scene("login localhost:1", (("Username: ", b"\x04"),)),
    "login, Ctrl-C": Scene("login localhost:1", (("Username: ", b"\x03"),)),
    "login, no name": Scene("login localhost:1", (("Username: ", b"\n"),)),
    "login, Ctrl-D for a password": Scene("login -u me localhost:1", (("Password: ", b"\x04"),)),
    "login, no password": Scene("login -u me localhost:1", (("Password: ", b"\n"),)),
    "login, Ctrl-C for a password": Scene("login -u me localhost:1", (("Password: ", b"\x03"),)),
    "export": Scene("export ended", (), (ENDED,)),
    "export nothing": Scene("export nosuch"),
    "save": Scene("save busybox"),
    "save nothing": Scene("save nosuch"),
    "cp to a terminal": Scene("cp ended:/etc/group -", (), (ENDED,)),
    **{
        f"{line}, {number.name}": Scene(
            line, (("ready" if "logs" in line else "", number),), (BOX,)
        )
        for line in _FOLLOWING
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    },
    "logs -f, Ctrl-C": Scene("logs -f box", (("ready", b"\x03"),), (BOX,)),
    "run, Ctrl-C": Scene(
        f'run --rm --network none busybox sh -c "{TRAPPED}"',
        (("ready", b"\x03"),),
    ),
    "run -it": Scene("run --rm -it --network none busybox sh", (("# ", b"exit 4\n"),)),
    "run -it, left": Scene("run -it --network none --name box busybox sh", (("# ", b"\x10\x11"),)),
    "exec -it, left": Scene("exec -it box sh", (("# ", b"\x10\x11"),), (SHELL,)),
    "exec -it": Scene(
        "exec -it box sh", (("# ", b"echo $((40+2))\n"), ("42", b"exit 5\n")), (SHELL,)
    ),
    "run -t": Scene("run --rm -t --network none busybox tty"),
    "ps": Scene("ps -a --format '{{.Names}}'", (), (ENDED,)),
}


@pytest.mark.sampled
@pytest.mark.timeout(120)
@pytest.mark.parametrize("scene", SCENES)
def test_is_docker_at_a_terminal(
    scene: str,
    docker: Client,
    ours: Ours,
    engine: Engine,
    busybox_tar: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The screen and the end are docker's."""
    monkeypatch.setenv("DOCKER_HOST", docker.host)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    ours("import", str(busybox_tar), "busybox:latest")
    seen = []
    for run, program in ((docker, ("docker",)), (ours, (sys.executable, "-m", "ipycontainer"))):
        try:
            seen.append(_play(SCENES[scene], run, program, engine.home.root))
        finally:
            if left := run("ps", "-aq").stdout.split():
                run("rm", "-fv", *left)
            run("volume", "prune", "-af")
    assert seen[0] == seen[1]


def _play(scene: Scene, run: Ours, program: tuple[str, ...], home: Path) -> tuple[str, int]:
    """Return what the terminal showed, and the code; negative, the signal that ended the client."""
    for words in scene.before:
        assert run(*words).returncode == 0
    line = shlex.split(scene.line)
    with ShellOnTerminal(home, *line, program=program) as terminal:
        shown = b""
        for awaited, act in scene.acts:
            if awaited:
                shown += terminal.expect(awaited.encode()) + awaited.encode()
            time.sleep(SETTLED_SECONDS)
            if isinstance(act, bytes):
                terminal.type(act)
            else:
                os.kill(terminal.pid, act)
        code = terminal.end()
        result = CompletedProcess(line, code, (shown + terminal.seen).decode(), "")
    out, _, code = masked(result, line)
    return out, code
