"""Health checks on real containers: results, status, events, and what a check may not do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from tests.conftest import Shell

PATIENCE_SECONDS = 20

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]


def until(true: Callable[[], object]) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def checked(shell: Shell, engine: Engine, command: str, *options: str) -> Container:
    """Start a container that is checked ten times a second."""
    times = ("--health-interval", "100ms", *options)
    line = ("run", "-d", "--network", "none", "--name", "box", "--health-cmd", command, *times)
    result = shell(*line, "busybox", "sleep", "100")
    assert result.returncode == 0, result.stderr
    return engine.containers.get("box")


def health(box: Container) -> str:
    """Return its status now."""
    box.reload()
    return box.health


def test_status_follows_the_checks(shell: Shell, engine: Engine) -> None:
    """Starting, unhealthy after so many failures, healthy again at once; events and ps tell it."""
    box = checked(shell, engine, "echo out; test -e /ok", "--health-retries", "2")
    assert "(health: starting)" in shell("ps").stdout or health(box) == "unhealthy"
    until(lambda: health(box) == "unhealthy")
    found = box.attrs["State"]["Health"]
    assert found["FailingStreak"] >= 2
    assert (found["Log"][0]["ExitCode"], found["Log"][0]["Output"]) == (1, "out\n")
    box.exec_run(["touch", "/ok"])
    until(lambda: health(box) == "healthy")
    assert box.attrs["State"]["Health"]["FailingStreak"] == 0
    assert shell("ps", "--format", "{{.Status}}").stdout.endswith("(healthy)\n")
    until(lambda: len(box.attrs["State"]["Health"]["Log"]) == 5)
    with engine.store.read() as tx:
        actions = [row["action"] for row in tx.all("SELECT action FROM events ORDER BY rowid")]
    told = [action for action in actions if action.startswith("health_status")]
    assert told[-2:] == ["health_status: unhealthy", "health_status: healthy"]
    box.stop(timeout=0)
    assert health(box) == "unhealthy"
    assert shell("ps", "-a", "--format", "{{.Status}}").stdout.startswith("Exited (137) ")


def test_a_check_from_python_with_a_log_of_its_own(engine: Engine) -> None:
    """docker-py's `healthcheck` and `log_config` of `containers.run` hold, and are inspected."""
    box = engine.containers.run(
        "busybox",
        ["sleep", "1000"],
        network="none",
        detach=True,
        healthcheck={"test": ["CMD", "true"], "interval": 100_000_000, "retries": 2},
        log_config={"Type": "local", "Config": {"max-size": "1m"}},
    )
    until(lambda: health(box) == "healthy")
    check = box.attrs["Config"]["Healthcheck"]
    assert check == {"Test": ["CMD", "true"], "Interval": 100_000_000, "Retries": 2}
    assert box.attrs["HostConfig"]["LogConfig"] == {"Type": "local", "Config": {"max-size": "1m"}}
    box.remove(force=True)


def test_a_check_that_hangs_is_killed(shell: Shell, engine: Engine) -> None:
    """It counts as failed, with docker's words, and leaves no process."""
    options = ("--health-timeout", "200ms", "--health-retries", "1")
    box = checked(shell, engine, "sleep 77", *options)
    until(lambda: health(box) == "unhealthy")
    result = box.attrs["State"]["Health"]["Log"][0]
    assert (result["ExitCode"], result["Output"]) == (-1, "Health check exceeded timeout (200ms)")
    box.exec_run(["sh", "-c", "sleep 0.3"])
    assert box.exec_run(["ps"]).output.count(b"sleep 77") <= 2  # the shell's own, perhaps


def test_failures_while_it_starts_do_not_count(shell: Shell, engine: Engine) -> None:
    """Within the start period it is starting, however often it fails."""
    options = ("--health-start-period", "60s", "--health-start-interval", "100ms")
    box = checked(shell, engine, "exit 1", *options, "--health-retries", "1")
    until(lambda: len(box.attrs["State"]["Health"]["Log"]) >= 2)
    found = box.attrs["State"]["Health"]
    assert (found["Status"], found["FailingStreak"]) == ("starting", 0)


def test_the_images_check_and_without(
    shell: Shell, engine: Engine, busybox_tar: Path, tmp_path: Path
) -> None:
    """An image brings its check along; --no-healthcheck leaves it out."""
    change = "HEALTHCHECK --interval=100ms CMD true"
    assert shell("import", "-c", change, str(busybox_tar), "checked").returncode == 0
    line = ("run", "-d", "--network", "none", "checked", "sleep", "100")
    first = engine.containers.get(shell(*line).stdout.strip())
    until(lambda: health(first) == "healthy")
    other = shell(*line[:2], "--no-healthcheck", *line[2:]).stdout.strip()
    assert "Health" not in engine.containers.get(other).attrs["State"]
