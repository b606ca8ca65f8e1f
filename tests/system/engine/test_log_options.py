"""Log drivers and their options on real containers."""

from __future__ import annotations

import pytest

from ipycontainer.engine.engine import Engine
from tests.conftest import Shell

RUN = ("run", "--network", "none", "--name", "box")

pytestmark = pytest.mark.usefixtures("busybox_image")


def test_none_keeps_nothing_and_loses_nothing(shell: Shell, engine: Engine) -> None:
    """The client gets every byte; afterwards there is no log to read."""
    result = shell(*RUN, "--log-driver", "none", "busybox", "seq", "200000")
    assert result.stdout.split() == [str(number) for number in range(1, 200001)]
    logs = shell("logs", "box")
    assert (logs.returncode, logs.stdout) == (1, "")
    assert logs.stderr == (
        "Error response from daemon: configured logging driver does not support reading\n"
    )
    assert engine.containers.get("box").attrs["HostConfig"]["LogConfig"]["Type"] == "none"


def test_a_bounded_log(shell: Shell) -> None:
    """Of what is printed the end is kept."""
    options = ("--log-opt", "max-size=10k", "--log-opt", "max-file=2")
    shell(*RUN, *options, "busybox", "seq", "20000")
    kept = shell("logs", "box").stdout.split()
    assert 100 < len(kept) < 2000
    assert kept == [str(number) for number in range(20001 - len(kept), 20001)]


def test_details(shell: Shell) -> None:
    """Labels, variables and the tag that the options name, sorted, before each line."""
    options = ("--log-opt", "labels=a", "--log-opt", "env-regex=^E", "--log-opt", "tag={{.Name}}/x")
    shell(*RUN, *options, "-l", "a=1 2", "-l", "b=3", "-e", "EE=&", "busybox", "echo", "hi")
    assert shell("logs", "--details", "box").stdout == "EE=%26,a=1+2,tag=box%2Fx hi\n"
    assert shell("logs", "box").stdout == "hi\n"
