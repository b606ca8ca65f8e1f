"""What containers and volumes take, and what differs between two, by the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from ipycontainer.commands import shell as command_line
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import NotFound

pytestmark = pytest.mark.usefixtures("busybox_image")

Say = Callable[[str], "CompletedProcess[str]"]
# As another user: files whose owner has a subordinate id, in a directory that is shut.
FILL = "mkdir -m 700 /shut; dd if=/dev/zero of=/shut/x bs=1000 count=123; chown -R 70:70 /shut"


@pytest.fixture
def say(engine: Engine, capfd: pytest.CaptureFixture[str]) -> Say:
    """Do a line on the test's engine."""

    def run(line: str) -> CompletedProcess[str]:
        capfd.readouterr()
        code = command_line.main(line.split(), lambda: engine)
        out, err = capfd.readouterr()
        return CompletedProcess(line, code, out, err)

    return run


def test_room_is_counted_whoever_owns_it(engine: Engine, say: Say) -> None:
    """Files of a container's other users count, in `ps -s`, `inspect -s`, `system df`."""
    engine.run("busybox", ["sh", "-c", FILL], network="none", name="box")
    size = engine.images.get("busybox").record.size
    assert say("ps -as --format {{.Size}}").stdout.startswith("123kB (virtual ")
    told = say("inspect -s -f {{.SizeRw}}+{{.SizeRootFs}} box").stdout
    assert told == f"123000+{123_000 + size}\n"
    used = engine.df()
    assert [each["SizeRw"] for each in used["Containers"]] == [123_000]
    assert used["LayersSize"] == size
    assert "123kB" in say("system df -v").stdout
    pruned = say("system prune -f").stdout
    assert pruned.endswith("Total reclaimed space: 123kB\n")
    assert engine.containers.list(all=True) == []


def test_two_are_compared_by_name(engine: Engine, say: Say) -> None:
    """Containers, checkpoints and images; texts on demand, and of the rest a word."""
    engine.run("busybox", ["sh", "-c", "echo one > /f; rm /etc/group"], name="one", network="none")
    one = engine.containers.get("one")
    one.checkpoint("kept")
    two = one.branch("two")
    two.copy_in(b"two\n", "/f")
    two.copy_in(b"\0\1", "/bin/x")
    told = say("diff one two")
    assert sorted(told.stdout.splitlines()) == ["A /bin/x", "C /bin", "C /f"]
    assert say("diff one:kept one").stdout == ""
    assert sorted(say("diff busybox two").stdout.splitlines()) == [
        "A /bin/x", "A /f", "C /bin", "C /etc", "D /etc/group",
    ]  # fmt: skip
    texts = say("diff --content one two").stdout
    assert "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-one\n+two\n" in texts
    assert "Files a/bin/x and b/bin/x differ: no text\n" in texts
    assert "+one" in say("diff --content one").stdout
    failed = say("diff one nobody")
    assert (
        failed.returncode,
        "No such container, checkpoint or image: nobody" in failed.stderr,
    ) == (
        1,
        True,
    )
    with pytest.raises(NotFound):
        engine.compare("one:never", "one")


def test_containers_of_this_machine_are_compared(
    engine: Engine, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of the directory that both were started in, and one has changed, is not a new one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table").write_text("1\n")
    engine.run("host", ["true"], network="none", name="one")
    two = engine.containers.get("one").branch("two")
    two.copy_in(b"2\n", f"{tmp_path}/table")
    told = say("diff one two").stdout.splitlines()
    assert f"C {tmp_path}/table" in told
    assert {line.partition(" ")[0] for line in told} == {"C"}
    assert "\n-1\n+2\n" in say("diff --content one two").stdout


def test_a_link_that_was_removed_is_not_there_at_the_next_start(engine: Engine, say: Say) -> None:
    """`rm --link` takes the name from the running container, and from its next run."""
    say("run -d --name one busybox sleep 1000")
    done = say("run -d --name two --link one:al busybox sleep 1000")
    assert done.returncode == 0, done.stderr
    two = engine.containers.get("two")
    assert b"al " in two.exec_run(["cat", "/etc/hosts"]).output
    assert say("rm --link two/al").stdout == "two/al\n"
    assert b"al " not in two.exec_run(["cat", "/etc/hosts"]).output
    two.restart(timeout=0)
    assert b"AL_NAME" not in two.exec_run(["env"]).output
