"""Restart policies: who begins again, how often, and what ends it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import Conflict, ContainerRunning
from tests.conftest import Shell

PATIENCE_SECONDS = 20

pytestmark = [pytest.mark.usefixtures("busybox_image"), pytest.mark.sampled]


def until(true: Callable[[], object]) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def made(shell: Shell, engine: Engine, policy: str, script: str) -> Container:
    """Start a container of a policy in the background."""
    line = ("run", "-d", "--network", "none", "--restart", policy, "--name", "box")
    result = shell(*line, "busybox", "sh", "-c", script)
    assert result.returncode == 0, result.stderr
    return engine.containers.get("box")


def test_on_failure_counts(shell: Shell, engine: Engine) -> None:
    """It begins again as often as its number says; the log holds every run, and the events tell."""
    box = made(shell, engine, "on-failure:2", "echo run; exit 5")
    assert box.wait()["StatusCode"] == 5
    until(lambda: (box.status, box.attrs["RestartCount"]) == ("exited", 2))
    assert box.logs() == b"run\n" * 3
    with engine.store.read() as tx:
        actions = [row["action"] for row in tx.all("SELECT action FROM events ORDER BY rowid")]
    assert actions[-12:] == ["connect", "start", "disconnect", "die"] * 3
    box.start()
    until(lambda: box.status == "exited")
    assert box.attrs["RestartCount"] == 2  # counted anew


def test_a_wait_ends_with_the_run(shell: Shell, engine: Engine) -> None:
    """As docker's: the code is that of the run that was waited for, whatever begins after it."""
    box = made(shell, engine, "always", "until [ -e /go ]; do sleep 0.05; done; exit 3")
    with ThreadPoolExecutor() as pool:
        code = pool.submit(lambda: box.wait(timeout=PATIENCE_SECONDS)["StatusCode"])
        engine.containers.get("box").exec_run(["touch", "/go"])
        assert code.result() == 3
    box.remove(force=True)


def test_success_is_no_failure(shell: Shell, engine: Engine) -> None:
    """on-failure leaves a program that ended well."""
    box = made(shell, engine, "on-failure", "sleep 0.1")
    assert box.wait()["StatusCode"] == 0
    assert box.attrs["RestartCount"] == 0


def test_always_until_it_is_stopped(shell: Shell, engine: Engine) -> None:
    """It begins again, with a terminal and what is written kept, until somebody stops it."""
    box = made(shell, engine, "always", "echo x >> /runs; exit 0")
    until(lambda: box.attrs["RestartCount"] >= 2)
    box.stop()
    assert box.status == "exited"
    assert [change.path for change in box.changes()] == ["/runs"]
    count = box.attrs["RestartCount"]
    time.sleep(0.5)
    assert (box.status, box.attrs["RestartCount"]) == ("exited", count)


def test_between_two_runs(shell: Shell, engine: Engine) -> None:
    """While it waits it counts as running; nothing can be executed, and a kill ends the wait."""
    box = made(shell, engine, "always", "exit 4")
    until(lambda: box.attrs["RestartCount"] >= 6 and box.status == "restarting")  # for 3 s
    state = box.attrs["State"]
    assert (state["Running"], state["Restarting"], state["Pid"]) == (True, True, 0)
    assert shell("ps", "--format", "{{.Status}}").stdout.startswith("Restarting (4) ")
    with pytest.raises(Conflict, match="is restarting, wait until the container is running"):
        box.exec_run(["true"])
    with pytest.raises(ContainerRunning, match="container is restarting: stop the container"):
        box.remove()
    attached = shell("attach", "--no-stdin", "box")
    assert attached.stderr == (
        "You cannot attach to a restarting container, wait until it is running\n"
    )
    box.kill()
    assert (box.status, box.attrs["State"]["ExitCode"]) == ("exited", 4)
    box.remove()


def test_the_foreground_ends_with_the_first_run(shell: Shell, engine: Engine) -> None:
    """`run` gives the code of the run that it watched; the container goes on, and is removed."""
    line = ("run", "--network", "none", "--restart", "always", "--name", "box", "busybox")
    result = shell(*line, "sh", "-c", "echo once; exit 3")
    assert (result.stdout, result.returncode) == ("once\n", 3)
    box = engine.containers.get("box")
    until(lambda: box.attrs["RestartCount"] >= 1)
    box.remove(force=True)
    assert engine.containers.list(all=True) == []


def test_a_killed_monitor_ends_it(shell: Shell, engine: Engine, home: Path) -> None:
    """Nobody is left who could begin it again: repair says so, also between two runs."""
    box = made(shell, engine, "always", "exit 1")
    until(lambda: box.attrs["RestartCount"] >= 6 and box.status == "restarting")
    [monitor] = [
        int(entry.name)
        for entry in Path("/proc").glob("[0-9]*")
        if _comm(entry) == f"ipyc-{box.id[:10]}\n"
    ]
    os.kill(monitor, signal.SIGKILL)
    until(lambda: box.status == "exited")
    assert box.attrs["State"]["Error"] == "the container's monitor died"


def _comm(entry: Path) -> str:
    try:
        return (entry / "comm").read_text()
    except OSError:
        return ""


def test_taken_up_after_a_reboot(shell: Shell, engine: Engine, home: Path) -> None:
    """The first engine of a boot starts what runs always, and no other does so again."""
    for name, policy in (("one", "always"), ("two", "unless-stopped"), ("three", "unless-stopped")):
        line = ("run", "-d", "--network", "none", "--restart", policy, "--name", name)
        assert shell(*line, "busybox", "sleep", "100").returncode == 0
    engine.run("busybox", ["true"], network="none", name="four")
    engine.containers.get("one").stop(timeout=0)
    engine.containers.get("three").stop(timeout=0)
    engine.containers.get("two").kill()  # as by the machine's end, but without a trace of a hand
    (home / "containers" / engine.containers.get("two").id / "stopped").unlink()
    (home / "cache" / "boot").write_text("another boot")
    for _ in range(2):
        with ipycontainer.connect(home) as later:
            running = {container.name for container in later.containers.list()}
        assert running == {"one", "two"}


def test_a_forced_removal_with_volumes_is_the_end(shell: Shell, engine: Engine) -> None:
    """`rm -fv` kills, and its policy begins nothing that the removal would find running."""
    shell(
        "run", "-d", "--name", "ever", "--restart=always", "--network=none", "busybox", "sleep", "9"
    )
    shell("run", "-d", "--name", "often", "--restart=always", "--network=none", "busybox", "false")
    removed = shell("rm", "-fv", "ever", "often")
    assert (removed.stdout, removed.stderr) == ("ever\noften\n", "")
    assert engine.containers.list(all=True) == []


@pytest.mark.parametrize(
    ("policy", "words", "code"),
    [
        ("foo", "unknown policy 'foo'", 125),
        ("on-failure:x", "maximum retry count must be an integer", 125),
        ("always:3", "maximum retry count can only be used with 'on-failure'", 125),
    ],
)
def test_bad_policies(shell: Shell, policy: str, words: str, code: int) -> None:
    """Docker's words, before anything is made."""
    result = shell("run", "--restart", policy, "busybox", "true")
    assert words in result.stderr
    assert result.returncode == code


def test_a_policy_that_comes_later(shell: Shell, engine: Engine) -> None:
    """`update --restart` of a running container decides what its next end means."""
    script = "until [ -e /go ]; do sleep 0.05; done"
    shell("run", "-d", "--name", "later", "--network=none", "busybox", "sh", "-c", script)
    told = shell("update", "--restart", "on-failure:7", "later", "nope")
    assert (told.stdout, told.returncode) == ("later\n", 1)
    assert told.stderr == "Error response from daemon: No such container: nope\n"
    assert shell("update", "--restart", "always", "later").stdout == "later\n"
    box = engine.containers.get("later")
    assert box.attrs["HostConfig"]["RestartPolicy"]["Name"] == "always"
    box.exec_run(["touch", "/go"])
    until(lambda: box.attrs["RestartCount"] >= 1)
    box.remove(force=True)
