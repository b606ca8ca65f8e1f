"""Two walls before the engine's sockets: it looks at who asks, and hides them from containers.

Each is shown to hold alone, and that a container gets through once both are taken out.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipycontainer.store.home import open_home
from tests.system.engine import weakened

pytestmark = pytest.mark.sampled

# Runs in a container of the image `host`, which has Python: what each socket below a directory
# answers to a question that a zygote or a monitor would answer.
INTRUDER = """
import glob, json, socket, sys
shown, victim = sys.argv[1:]
said = {}
for path in glob.glob(shown + "/*.s") + glob.glob(shown + "/*.m"):
    name = path.rpartition("/")[2]
    if name[-2:] == ".m":  # where the spare monitor waits for starts
        ask = {"op": "monitor", "id": victim}
    elif name[:2] == "z-":
        ask = {"op": "work", "job": "repair"}
    else:
        ask = {"op": "signal", "signal": 0}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.settimeout(20)
        try:
            sock.connect(path)
            sock.send(json.dumps({"v": 1, **ask}).encode())
            answer = sock.recv(65536).decode()
            # said to whoever may connect, before any request, and before anything of it is done
            while '"reserved"' in answer or '"taken"' in answer:
                answer = sock.recv(65536).decode()
            said[name] = answer
        except ConnectionError:
            said[name] = ""
print(json.dumps(said))
"""

# Starts a container, and another as the intruder; tells what that heard, or why it was refused.
PROGRAM = """
import json, sys, ipycontainer
from ipycontainer.errors import InvalidArgument
home, intruder, source, target, mode, network = sys.argv[1:]
engine = ipycontainer.connect(home)
victim = engine.containers.run("host", ["sleep", "1000"], detach=True, network="none")
try:
    result = engine.run(
        "host", ["python", "-c", intruder, target, victim.id], network=network,
        volumes={source: {"bind": "/shown", "mode": mode}}, timeout=60,
    )
except InvalidArgument as error:
    print(json.dumps(str(error)))
else:
    assert result.exit_code == 0, result
    print(result.stdout.decode())
victim.remove(force=True)
"""

CHECK = {"supervise/protocol.py": "def check_peer(sock: socket.socket) -> None:\n    pass"}
COVER = {"engine/mount_specs.py": "def guarded(home, mounts, known):\n    return (), ()"}

Answers = dict[str, str] | str

# A socket can be connected to by way of a read-only mount, too: the harder case is always tried.
WRITABLE = pytest.param("rw", marks=pytest.mark.slow)
ALL = 4  # the zygote's two sockets, the victim's monitor's, the intruder's own monitor's


def intrude(
    home: Path, place: Path, additions: dict[str, str], where: str, mode: str, network: str
) -> Answers:
    """Let a container that sees `where` (runtime, parent or root) ask every socket of a home."""
    runtime = open_home(home).runtime
    source = {"runtime": runtime, "parent": runtime.parent, "root": Path("/")}[where]
    target = os.path.normpath(f"/shown/{runtime.relative_to(source)}")
    answers: Answers = weakened.run(
        PROGRAM, place, additions, str(home), INTRUDER, str(source), target, mode, network
    )
    return answers


@pytest.mark.parametrize("network", ["none", "host"])
@pytest.mark.parametrize("mode", ["ro", WRITABLE])
@pytest.mark.parametrize("where", ["parent", "root"])
def test_a_container_finds_no_socket(
    home: Path, tmp_path: Path, where: str, mode: str, network: str
) -> None:
    """What holds the runtime directory can be bound, but the directory is empty in there."""
    assert intrude(home, tmp_path, {}, where, mode, network) == {}


@pytest.mark.parametrize("mode", ["ro", "rw"])
def test_the_runtime_directory_itself_cannot_be_bound(
    home: Path, tmp_path: Path, mode: str
) -> None:
    """A bind of the directory of sockets is refused by name."""
    said = intrude(home, tmp_path, {}, "runtime", mode, "none")
    assert isinstance(said, str)
    assert said.endswith("belongs to the engine and cannot be shown in a container")


@pytest.mark.parametrize("network", ["none", pytest.param("host", marks=pytest.mark.slow)])
@pytest.mark.parametrize("where", ["runtime", "parent", "root"])
def test_without_the_cover_nobody_answers(
    home: Path, tmp_path: Path, where: str, network: str
) -> None:
    """A container that sees the sockets of zygote and monitors gets no answer from any."""
    answers = intrude(home, tmp_path, COVER, where, "ro", network)
    assert isinstance(answers, dict)
    assert len(answers) == ALL
    assert set(answers.values()) == {""}


@pytest.mark.parametrize("where", ["parent", "root"])
def test_without_the_check_there_is_nobody_to_ask(home: Path, tmp_path: Path, where: str) -> None:
    """Where any peer would be answered, the covered directory still shows no socket."""
    assert intrude(home, tmp_path, CHECK, where, "rw", "host") == {}


@pytest.mark.parametrize("mode", ["ro", WRITABLE])
@pytest.mark.parametrize("where", ["runtime", "parent", "root"])
def test_without_both_a_container_gets_through(
    home: Path, tmp_path: Path, where: str, mode: str
) -> None:
    """With both walls taken out, zygote and monitors do what a container asks: so they matter."""
    answers = intrude(home, tmp_path, {**CHECK, **COVER}, where, mode, "none")
    assert isinstance(answers, dict)
    assert len(answers) == ALL
    spare = next(name for name in answers if name.endswith(".m"))
    assert "is being started already" in answers.pop(spare)
    assert all('"event":"done"' in answer for answer in answers.values())
