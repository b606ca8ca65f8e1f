"""Log drivers and their options on real containers."""

from __future__ import annotations

import pytest

from ipycontainer.engine.engine import Engine
from tests.conftest import Shell
from tests.system.engine.processes import eventually

RUN = ("run", "--network", "none", "--name", "box")

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]


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


# Prints numbers up to the first, waits to be told, and goes on to the second.
IN_TWO_PARTS = "seq 1 %d; until [ -e /go ]; do usleep 10000; done; seq %d %d"


def segments(engine: Engine) -> dict[str, int]:
    """Return the files of the box's log, each with its size."""
    directory = engine.home.container(engine.containers.get("box").id) / "log"
    return {path.name: path.stat().st_size for path in directory.glob("*")}


def test_full_segments_are_compressed(shell: Shell, engine: Engine) -> None:
    """`compress` packs full ones while it runs; they are read, tailed and followed as before."""
    options = ("max-size=200k", "max-file=4", "compress=true")
    words = [word for option in options for word in ("--log-opt", option)]
    script = IN_TWO_PARTS % (30_000, 30_001, 31_000)
    assert shell(*RUN, "-d", *words, "busybox", "sh", "-c", script).returncode == 0
    eventually(lambda: sum(name.endswith(".gz") for name in segments(engine)) == 3)
    found = segments(engine)
    assert len(found) == 4
    assert all(size < 60_000 for name, size in found.items() if name.endswith(".gz")), found
    before = shell("logs", "box").stdout.split()
    assert before == [str(number) for number in range(int(before[0]), 30_001)]
    assert 7_500 < len(before) < 10_600  # four files of 200 kB, in which docker has 76 bytes a line
    assert shell("logs", "--tail", "9000", "box").stdout.split() == before[-9000:]

    shell("exec", "box", "touch", "/go")
    followed = shell("logs", "-f", "box").stdout.split()
    assert followed == [str(number) for number in range(int(followed[0]), 31_001)]
    assert len(segments(engine)) <= 4


@pytest.mark.parametrize("buffer", ["", "1m", "20k"])
def test_a_log_that_cannot_be_written(shell: Shell, engine: Engine, buffer: str) -> None:
    """The program never waits; with non-blocking its lines are kept, up to max-buffer-size.

    In the place of the next segment stands a directory, which is a full disk for any user.
    """
    options = ["max-size=2k", "max-file=1000"]
    if buffer:
        options += ["mode=non-blocking", f"max-buffer-size={buffer}"]
    words = [word for option in options for word in ("--log-opt", option)]
    script = "seq 1 100; until [ -e /go ]; do usleep 10000; done; "
    script += "for i in 1 2 3 4 5 6 7 8 9; do seq ${i}0001 ${i}1000; usleep 20000; done; "
    script += "touch /done; until [ -e /on ]; do usleep 10000; done; echo 99999"
    shell("create", "--network", "none", "--name", "box", *words, "busybox", "sh", "-c", script)
    box = engine.containers.get("box")
    box.start()
    eventually(lambda: len(list(box.log_entries())) == 100)
    log = engine.home.container(box.id) / "log"
    next_one = log / str(max(int(name) for name in segments(engine)) + 1)
    next_one.mkdir()
    box.exec_run(["touch", "/go"])
    eventually(lambda: box.exec_run(["test", "-e", "/done"]).exit_code == 0)
    next_one.rmdir()
    box.exec_run(["touch", "/on"])
    assert box.wait()["StatusCode"] == 0

    kept = [int(entry.text) for entry in box.log_entries()]
    during = [n for i in range(1, 10) for n in range(i * 10_000 + 1, i * 10_000 + 1001)]
    assert kept[:100] == list(range(1, 101))
    assert kept[-1] == 99_999
    # a few stood in the last segment's room; of the others, those that waited
    least = {"": 0, "1m": 9000, "20k": 3000}[buffer]
    most = {"": 1000, "1m": 9000, "20k": 4400}[buffer]
    assert kept[100:-1] == sorted(set(kept[100:-1]))
    assert least <= len(kept[100:-1]) <= most
    assert kept[100:-1][-least:] == during[len(during) - least :] or not least


def test_a_start_that_the_options_forbid_is_told(shell: Shell, engine: Engine) -> None:
    """As docker has it: created all the same, and the start's failure stands in its state."""
    words = ("--name", "box", "--log-opt", "max-size=x", "busybox", "true")
    shell("create", "--network", "none", *words)
    assert shell("start", "box").returncode == 1
    state = engine.containers.get("box").attrs["State"]
    assert (state["Status"], state["ExitCode"]) == ("created", 128)
    assert state["Error"].endswith("failed to initialize logging driver: invalid size: 'x'")
