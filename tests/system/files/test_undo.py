"""Try and undo on real containers: checkpoints, rollback, branches, comparison."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import Conflict, NotFound
from ipycontainer.store import events
from tests.conftest import Shell

pytestmark = [pytest.mark.usefixtures("busybox_image"), pytest.mark.sampled]

SETUP = (
    "mkdir /d; echo one > /d/f; ln /d/f /d/g; ln -s f /d/l; rm /etc/group; rm -r /var; mkdir /var;"
    " chmod 4711 /d/f; mkfifo /d/p; touch -d 2001-01-01 /d/f"
)
WRECK = "rm -r /d /etc; mkdir /etc; echo wrecked > /etc/passwd; touch /new; mkdir -p /var/lib/x"


@pytest.fixture
def box(engine: Engine) -> Container:
    """A container that has changed its files and ended."""
    engine.run("busybox", ["sh", "-c", SETUP], network="none", name="box")
    return engine.containers.get("box")


def wreck(container: Container) -> None:
    """Let another container on the same files spoil them: by cp's own means."""
    container.copy_in(b"wrecked", "/etc/passwd")
    container.copy_in(b"new", "/new")
    container.copy_in(b"other", "/d/f")


def export(container: Container) -> bytes:
    """Return all its files."""
    return b"".join(container.export())


def test_a_rollback_is_exact(box: Container) -> None:
    """All that tells of a file is as it was, and removed files are removed again."""
    before, told = export(box), box.diff()
    kept = box.checkpoint("good")
    wreck(box)
    assert export(box) != before
    assert box.rollback("good") is False
    assert export(box) == before
    assert box.diff() == told
    assert [each.tag for each in box.checkpoints()] == ["good"]
    assert kept.size > 0
    with pytest.raises(Conflict, match="has a checkpoint good already"):
        box.checkpoint("good")
    box.drop_checkpoint("good")
    with pytest.raises(NotFound, match="has no checkpoint good"):
        box.rollback("good")


@pytest.mark.parametrize("words", [("commit", "box", "made:1"), ("checkpoint", "box", "kept")])
def test_a_container_goes_on_where_it_shall_not_be_paused(
    engine: Engine, shell: Shell, words: tuple[str, ...]
) -> None:
    """Held still while its files are kept, but with --pause=false never: both tell so by events."""
    verb, *names = words
    box = engine.containers.run(
        "busybox", ["sleep", "1000"], network="none", name="box", detach=True
    )
    assert shell(verb, "--pause=false", *names).returncode == 0
    assert pauses(engine, box) == []
    assert shell(verb, names[0], f"{names[1]}2").returncode == 0
    assert pauses(engine, box) == ["pause", "unpause"]
    assert shell(verb, "-p=false", names[0], f"{names[1]}3").returncode == 0
    assert pauses(engine, box) == ["pause", "unpause"]
    box.reload()
    assert box.status == "running"


def pauses(engine: Engine, box: Container) -> list[str]:
    """Return how often a container was paused, and went on."""
    with engine.store.read() as tx:
        found = events.since(tx, 0)
    told = [event.action for event in found if event.actor == box.id]
    return [action for action in told if "pause" in action]


def test_a_running_container_is_restarted_on_the_files_of_then(engine: Engine) -> None:
    """It is held still while it is kept, and says afterwards that it was restarted."""
    box = engine.containers.run("busybox", ["sleep", "1000"], network="none", detach=True)
    box.exec_run(["sh", "-c", "echo good > /state"])
    box.checkpoint("good")
    assert box.status == "running"
    box.exec_run(["sh", "-c", WRECK])
    box.kill()
    box.start()
    assert box.rollback("good") is True
    assert box.exec_run(["cat", "/state"]).output == b"good\n"
    assert b"postgres" in box.exec_run(["cat", "/etc/passwd"]).output
    box.remove(force=True)


def test_a_branch_goes_its_own_way(box: Container) -> None:
    """It begins with the same files, and what one does the other does not see."""
    twin = box.branch("twin")
    assert export(twin) == export(box)
    twin.copy_in(b"mine", "/mine")
    assert {change.path for change in box.changes()} == {
        change.path for change in twin.changes() if change.path != "/mine"
    }
    changes, text = box.engine.compare("box", "twin", text=True)
    assert [(change.kind, change.path) for change in changes] == [("A", "/mine")]
    assert "+mine" in text


def test_trees_are_compared(box: Container) -> None:
    """Containers, checkpoints and images; the content of files where it is asked for."""
    box.checkpoint("first")
    box.copy_in(b"two\n", "/d/f")
    changes, text = box.engine.compare("box:first", "box", text=True)
    assert ("C", "/d/f") in [(change.kind, change.path) for change in changes]
    assert "-one" in text
    assert "+two" in text
    from_image, _ = box.engine.compare("busybox", "box")
    assert {f"{each.kind} {each.path}" for each in from_image} >= {"A /d/f", "D /etc/group"}
    _, shown = box.diff_content()
    assert "+two" in shown


@pytest.mark.parametrize(
    "place", ["checkpoint: copied", "rollback: copied", "rollback: between", "rollback: renamed"]
)
def test_a_kill_in_the_middle_leaves_all_or_nothing(home: Path, box: Container, place: str) -> None:
    """A checkpoint is whole or not there; a rollback is not begun, or finished by the next."""
    before = export(box)
    if place.startswith("rollback"):
        box.checkpoint("good")
        wreck(box)
    wrecked = export(box)
    box.engine.supervisor.quit()
    strike = home.parent / "strike"
    strike.touch()
    verb = place.partition(":")[0]
    program = (
        "import ipycontainer, sys\n"
        "with ipycontainer.connect(sys.argv[1]) as engine:\n"
        f"    engine.containers.get('box').{verb}('good')\n"
    )
    environment = {
        **os.environ,
        "IPYCONTAINER_FAULT": f"kill:{place}:1:{strike}",
        "PYTHONPATH": str(Path(ipycontainer.__file__).parents[1]),
    }
    done = subprocess.run(
        [sys.executable, "-c", program, str(home)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    with ipycontainer.connect(home) as fresh:
        again = fresh.containers.get("box")
        if place == "checkpoint: copied":
            assert again.checkpoints() == []
            again.checkpoint("good")
        assert export(again) == (wrecked if place == "rollback: copied" else before)
        again.rollback("good")
        assert export(again) == before
