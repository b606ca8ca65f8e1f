"""Streams, logs, signals, ends and settings of real containers, through the Python API."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import pytest

from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import (
    ContainerError,
    ContainerNotRunning,
    EngineError,
    OperationTimeout,
)
from ipycontainer.model.log_range import LogRange
from tests.system.engine.processes import alive, eventually

pytestmark = [pytest.mark.usefixtures("busybox_image"), pytest.mark.sampled]

MEBIBYTE = 1024 * 1024
SLEEP = ["sleep", "1000"]
# Prints numbers up to the one on its command line, as much as wanted on each stream.
FLOOD = "head -c %d /dev/zero | tr '\\0' o; head -c %d /dev/zero | tr '\\0' e >&2"
# Says that it is ready, and ends with 7 when it is asked to.
WAITER = "trap 'echo asked; exit 7' %s; echo ready; while :; do sleep 0.02; done"


def background(engine: Engine, command: list[str], **options: Any) -> Container:
    """Start a container that nobody watches."""
    options.setdefault("network", "none")
    container = engine.containers.run("busybox", command, detach=True, **options)
    assert isinstance(container, Container)
    return container


def shell(engine: Engine, script: str, **options: Any) -> str:
    """Return what a script prints in a container of its own."""
    options.setdefault("network", "none")
    result = engine.run("busybox", ["sh", "-c", script], remove=True, **options)
    assert (result.exit_code, result.stderr) == (0, b""), result
    return result.stdout.decode()


def ready(container: Container) -> Container:
    """Wait for a container's first line."""
    for entry in container.log_entries(follow=True):
        assert entry.text == b"ready\n"
        break
    return container


# ── streams ──────────────────────────────────────────────────────────────────────────────────


def test_five_mebibytes_arrive_whole_on_both_streams(engine: Engine) -> None:
    """What does not fit into any buffer comes back whole, each stream apart."""
    size = 5 * MEBIBYTE
    result = engine.run("busybox", ["sh", "-c", FLOOD % (size, size)], network="none")
    assert (result.exit_code, result.timed_out) == (0, False)
    assert result.stdout == b"o" * size
    assert result.stderr == b"e" * size


def test_a_slow_reader_never_stops_the_program(engine: Engine) -> None:
    """The program ends while nobody has read a byte; then all of its output is there to read."""
    size = 5 * MEBIBYTE
    container = engine.containers.prepare(
        "busybox", ["sh", "-c", FLOOD % (size, size)], attach=True, network="none"
    )
    foreground = container.start_attached()
    eventually(lambda: container.status == "exited")
    seen = {"stdout": 0, "stderr": 0}
    for stream, data in foreground.chunks():
        seen[stream] += len(data)
        time.sleep(0.001)
    assert foreground.wait() == 0
    assert seen == {"stdout": size, "stderr": size}


def test_input_comes_back_from_cat(engine: Engine) -> None:
    """3 MiB of input go in and out at the same time, and the end of input ends the program."""
    data = bytes(range(256)) * (3 * MEBIBYTE // 256)
    result = engine.run("busybox", ["cat"], input=data, network="none", remove=True)
    assert (result.exit_code, result.stdout == data, result.stderr) == (0, True, b"")


def test_a_program_that_reads_nothing_harms_nobody(engine: Engine) -> None:
    """Input that nobody takes is dropped with the program's end."""
    result = engine.run("busybox", ["true"], input=bytes(MEBIBYTE), network="none", remove=True)
    assert (result.exit_code, result.stdout) == (0, b"")


def test_a_timeout_kills_and_tells_all(engine: Engine) -> None:
    """After its time the program is killed; what it printed and its end are in the result."""
    script = "echo out; echo err >&2; exec sleep 1000"
    result = engine.run("busybox", ["sh", "-c", script], timeout=1, network="none")
    assert (result.exit_code, result.timed_out) == (137, True)
    assert (result.stdout, result.stderr) == (b"out\n", b"err\n")
    assert isinstance(result.container, Container)
    assert result.container.status == "exited"
    assert result.container.attrs["State"]["ExitCode"] == 137


def test_a_timeout_ends_a_flood(engine: Engine) -> None:
    """A program that never stops printing is killed in time as well, and is gone with --rm."""
    result = engine.run("busybox", ["yes"], timeout=0.2, network="none", remove=True)
    assert (result.exit_code, result.timed_out) == (137, True)
    assert set(result.stdout.split(b"\n")) <= {b"y", b""}
    assert engine.containers.list(all=True) == []


def test_run_gives_output_or_raises_with_stderr(engine: Engine) -> None:
    """docker-py's `run` returns stdout, and raises ContainerError with stderr for other codes."""
    assert engine.containers.run("busybox", ["echo", "x"], network="none") == b"x\n"
    with pytest.raises(ContainerError) as caught:
        engine.containers.run("busybox", ["sh", "-c", "echo why >&2; exit 3"], network="none")
    assert (caught.value.exit_status, caught.value.stderr) == (3, b"why\n")


# ── exec ─────────────────────────────────────────────────────────────────────────────────────


def test_exec_has_a_code_and_streams_of_its_own(engine: Engine) -> None:
    """The exit code is the command's, streams can be had apart, and the log has none of it."""
    container = background(engine, SLEEP)
    result = container.exec_run(["sh", "-c", "echo out; echo err >&2; exit 4"], demux=True)
    assert (result.exit_code, result.output) == (4, (b"out\n", b"err\n"))
    assert container.exec_run(["sh", "-c", "kill -9 $$"]).exit_code == 137
    assert container.logs() == b""


def test_exec_has_environment_user_and_workdir_of_its_own(engine: Engine) -> None:
    """They are laid over the container's for this command alone."""
    container = background(engine, SLEEP, environment={"A": "1", "B": "2"}, working_dir="/var")
    script = ["sh", "-c", "echo $A $B $C $(id -un) $(pwd)"]
    own = container.exec_run(
        script, environment={"B": "own", "C": "3"}, user="postgres", workdir="/tmp"
    )
    assert own.output == b"1 own 3 postgres /tmp\n"
    assert container.exec_run(script).output == b"1 2 root /var\n"


def test_exec_takes_input_to_its_end(engine: Engine) -> None:
    """Input of an exec comes back whole."""
    container = background(engine, SLEEP)
    data = bytes(range(256)) * 4096
    assert container.exec_run(["cat"], input=data).output == data


def test_a_timeout_of_an_exec_kills_it_alone(engine: Engine) -> None:
    """The command is killed, the container runs on."""
    container = background(engine, SLEEP)
    with pytest.raises(OperationTimeout):
        container.exec_run(["sleep", "1001"], timeout=0.2)
    eventually(lambda: b"1001" not in container.exec_run(["ps"]).output)
    assert container.status == "running"


# ── logs ─────────────────────────────────────────────────────────────────────────────────────


def test_logs_follow_to_the_end(engine: Engine) -> None:
    """A follower gets each line once, of before and to come, and ends with the program."""
    script = "for i in 1 2 3; do echo old $i; done; sleep 0.3; for i in 1 2 3; do echo new $i; done"
    container = background(engine, ["sh", "-c", script])
    followed = container.logs(stream=True)
    assert not isinstance(followed, bytes)
    lines = list(followed)
    assert lines == [f"{age} {i}\n".encode() for age in ("old", "new") for i in (1, 2, 3)]
    assert container.status == "exited"


def test_logs_of_a_flood_are_followed_whole(engine: Engine) -> None:
    """A follower of many megabytes misses nothing and sees nothing twice."""
    container = background(engine, ["seq", "300000"])
    followed = container.logs(stream=True)
    assert not isinstance(followed, bytes)
    assert b"".join(followed).split() == [str(n).encode() for n in range(1, 300_001)]


def test_logs_by_tail_since_until_and_stream(engine: Engine) -> None:
    """`tail` counts from the end, `since` and `until` are moments, streams can be had apart."""
    script = "echo one; sleep 0.05; echo two >&2; sleep 0.05; printf three"
    container = background(engine, ["sh", "-c", script])
    container.wait()
    entries = list(container.log_entries())
    assert [(entry.stream, entry.text) for entry in entries] == [
        ("stdout", b"one\n"),
        ("stderr", b"two\n"),
        ("stdout", b"three"),
    ]
    second = entries[1].time_ns
    assert container.logs(tail=1) == b"three"
    assert container.logs(tail=2) == b"two\nthree"
    assert container.logs(tail=0) == b""
    assert container.logs(stdout=False) == b"two\n"
    assert [e.text for e in container.log_entries(LogRange(since_ns=second))] == [
        b"two\n",
        b"three",
    ]
    assert [e.text for e in container.log_entries(LogRange(until_ns=second))] == [
        b"one\n",
        b"two\n",
    ]
    assert [e.text for e in container.log_entries(LogRange(second, second))] == [b"two\n"]


def test_two_starts_have_one_log(engine: Engine) -> None:
    """A second start goes on where the first one's log ended."""
    container = background(engine, ["sh", "-c", "echo $((n)); printf half"])
    container.wait()
    container.start()
    container.wait()
    assert container.logs() == b"0\nhalf0\nhalf"


# ── start, stop and wait ─────────────────────────────────────────────────────────────────────


def test_start_of_a_running_container_changes_nothing(engine: Engine) -> None:
    """It is left as it is, with the process that it has."""
    container = background(engine, SLEEP)
    container.reload()
    pid = container.record.state.pid
    container.start()
    container.reload()
    assert container.record.state.pid == pid


def test_stop_asks_first(engine: Engine) -> None:
    """A program that handles SIGTERM ends as it likes, and the code is its own."""
    container = ready(background(engine, ["sh", "-c", WAITER % "TERM"]))
    container.stop()
    assert container.status == "exited"
    assert container.wait()["StatusCode"] == 7
    assert container.logs() == b"ready\nasked\n"
    container.stop()  # a stopped one is left as it is


def test_stop_kills_after_its_grace(engine: Engine) -> None:
    """One that ignores the question is killed: 137."""
    container = background(engine, SLEEP)  # process 1 ignores what it does not handle
    container.stop(timeout=0)
    assert container.wait()["StatusCode"] == 137


def test_stop_asks_with_the_containers_signal(engine: Engine) -> None:
    """`--stop-signal` replaces TERM, and a signal of the call replaces both."""
    first = ready(background(engine, ["sh", "-c", WAITER % "USR1"], stop_signal="SIGUSR1"))
    first.stop()
    assert first.wait()["StatusCode"] == 7
    second = ready(background(engine, ["sh", "-c", WAITER % "HUP"], stop_signal="SIGUSR1"))
    second.stop(signal="HUP")
    assert second.wait()["StatusCode"] == 7


def test_restart_gives_a_new_process(engine: Engine) -> None:
    """A restart is a stop and a start, of one that runs and of one that does not."""
    container = ready(background(engine, ["sh", "-c", WAITER % "TERM"]))
    container.reload()
    before = container.record.state.pid
    container.restart()
    container.reload()
    assert container.status == "running"
    assert container.record.state.pid != before
    container.stop()
    container.restart()
    assert container.status == "running"


def test_kill_of_a_stopped_container_is_refused(engine: Engine) -> None:
    """Docker's words name it and its state."""
    container = background(engine, ["true"])
    container.wait()
    with pytest.raises(ContainerNotRunning, match=f"{container.id} is not running"):
        container.kill()


def test_kill_sends_any_signal(engine: Engine) -> None:
    """A signal is the program's, which may go on."""
    script = "trap 'echo hup' HUP; echo ready; while :; do sleep 0.02; done"
    container = ready(background(engine, ["sh", "-c", script]))
    container.kill("HUP")
    eventually(lambda: container.logs() == b"ready\nhup\n")
    assert container.status == "running"
    container.kill()
    assert container.wait()["StatusCode"] == 137


def test_wait_waits_for_the_end_and_knows_it_later(engine: Engine) -> None:
    """Waiters of any kind get the code; a time of theirs that passes is told."""
    container = ready(background(engine, ["sh", "-c", WAITER % "TERM"]))
    with pytest.raises(OperationTimeout):
        container.wait(timeout=0.1)
    codes: list[int] = []
    waiters = [
        threading.Thread(target=lambda: codes.append(container.wait()["StatusCode"]))
        for _ in range(3)
    ]
    for waiter in waiters:
        waiter.start()
    container.kill(signal.SIGTERM)
    for waiter in waiters:
        waiter.join()
    assert [*codes, container.wait()["StatusCode"]] == [7, 7, 7, 7]


def test_wait_of_what_never_ran_is_answered_at_once(engine: Engine) -> None:
    """As docker answers: 0, and the code of a start that failed."""
    container = engine.containers.create("busybox", ["nothing"], network="none")
    assert container.wait()["StatusCode"] == 0
    with pytest.raises(EngineError):
        container.start()
    assert container.wait()["StatusCode"] == 127


# ── process 1 ────────────────────────────────────────────────────────────────────────────────

ORPHANS = "for i in 1 2 3 4 5; do (sleep 0.01 &) ; done; sleep 0.3; ps -o stat | grep -c Z"


def test_init_reaps_what_is_left(engine: Engine) -> None:
    """With --init no zombie stays; without it the program that is process 1 keeps them."""
    script = f"{ORPHANS}; true"
    with_init = engine.run("busybox", ["sh", "-c", script], init=True, network="none")
    assert with_init.stdout == b"0\n"
    # Here process 1 becomes one that waits for nobody.
    script = "for i in 1 2 3; do (sleep 0.01 &); done; exec sleep 1000"
    without = background(engine, ["sh", "-c", script])
    eventually(lambda: b"Z" in without.exec_run(["ps", "-o", "stat"]).output)


def test_init_passes_signals_and_the_code_on(engine: Engine) -> None:
    """A stop's TERM reaches the program below init, and its code is the container's."""
    container = ready(background(engine, ["sh", "-c", WAITER % "TERM"], init=True))
    container.stop()
    assert container.wait()["StatusCode"] == 7
    # A program with no handler of its own ends by TERM, which process 1 would ignore.
    plain = background(engine, SLEEP, init=True)
    plain.stop()
    assert plain.wait()["StatusCode"] == 143


def test_what_the_program_left_dies_with_it(engine: Engine) -> None:
    """The end of process 1 is the end of all."""
    container = background(engine, ["sh", "-c", "sleep 1000 & echo ready; sleep 0.2"])
    container.reload()
    pid = container.record.state.pid
    assert container.wait()["StatusCode"] == 0
    assert not alive(pid)


# ── settings ─────────────────────────────────────────────────────────────────────────────────


def test_a_read_only_root(engine: Engine) -> None:
    """Nothing can be written but in what is mounted for that; the workdir is made all the same."""
    script = "touch /x 2>&1; touch /dev/shm/x && echo shm; pwd"
    said = shell(engine, script, read_only=True, working_dir="/made/here")
    assert said == "touch: /x: Read-only file system\nshm\n/made/here\n"


def test_binds(engine: Engine, tmp_path: Any) -> None:
    """A bind shows the machine's files, to be changed or, with ro, only read."""
    (tmp_path / "file").write_text("outside\n")
    volumes = [f"{tmp_path}:/rw", f"{tmp_path}:/ro:ro", f"{tmp_path}/file:/one:ro"]
    script = "cat /ro/file /one; echo inside > /rw/new; cat /ro/new; touch /ro/x 2>&1; echo > /one"
    result = engine.run("busybox", ["sh", "-c", script], volumes=volumes, network="none")
    assert result.stdout == (b"outside\noutside\ninside\ntouch: /ro/x: Read-only file system\n")
    assert b"Read-only file system" in result.stderr
    assert (tmp_path / "new").read_text() == "inside\n"


def test_hostname(engine: Engine) -> None:
    """It is the id's beginning or the given one, and stands in /etc/hostname and $HOSTNAME."""
    script = "hostname; cat /etc/hostname; echo $HOSTNAME"
    assert shell(engine, script, hostname="box") == "box\n" * 3
    container = background(engine, ["sh", "-c", script])
    container.wait()
    assert container.logs() == f"{container.short_id}\n".encode() * 3


def test_environment_in_dockers_order(engine: Engine) -> None:
    """PATH and HOSTNAME come first, then the user's in their order, the last of a name counts."""
    result = engine.run(
        "busybox", ["cat", "/proc/self/environ"], environment=["B=1", "A=2", "B=3"], network="none"
    )
    variables = dict(word.partition("=")[::2] for word in result.stdout.decode().split("\0")[:-1])
    assert list(variables) == ["PATH", "HOSTNAME", "B", "A", "HOME"]
    assert variables["B"] == "3"


def test_users_by_name_and_number(engine: Engine) -> None:
    """A name is the container's own: its ids, groups and home come from the files inside."""
    script = "echo $(id -u) $(id -g) $HOME"
    assert shell(engine, script, user="postgres") == "70 70 /var/lib\n"
    assert shell(engine, script, user="postgres:nobody") == "70 65534 /var/lib\n"
    assert shell(engine, script, user="70:5") == "70 5 /var/lib\n"
    assert shell(engine, script, user="1234") == "1234 0 /\n"
    assert shell(engine, script) == "0 0 /root\n"


def test_exec_beside_a_small_init(engine: Engine) -> None:
    """It hides from tracers; what is executed joins by way of the program."""
    container = background(engine, SLEEP, init=True)
    result = container.exec_run(["cat", "/proc/1/comm"])
    container.remove(force=True)

    assert (result.exit_code, result.output) == (0, b"docker-init\n")
