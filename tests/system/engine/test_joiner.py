"""A joiner that waits for the next exec: what it spawns is as what is forked, or it is let go."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.engine.results import ExecResult
from ipycontainer.errors import CommandNotExecutable, CommandNotFound
from tests.system.engine.processes import eventually, kill, monitor_of

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]

# All that a process has from its making, but its numbers and what counts up.
LOOK = """
id; pwd; umask; env | sort; cat /proc/self/limits /proc/self/cgroup /proc/self/oom_score_adj
grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Shd|Sig[BIC])' /proc/self/status
for fd in /proc/self/fd/*; do echo $fd; done; for ns in /proc/self/ns/*; do readlink $ns; done
set -- $(cat /proc/$$/stat); echo "parent $4, leads group $(($5 == $1)), session $(($6 == $1))"
wc -l < /proc/self/mountinfo; cat
"""


def joiner_of(engine: Engine, container: Container) -> int | None:
    """Return the pid of the joiner that waits, None when there is none."""
    monitor = monitor_of(engine, container.id)
    for word in Path(f"/proc/{monitor}/task/{monitor}/children").read_text().split():
        try:
            if Path(f"/proc/{word}/comm").read_text() == "ipyc-joiner\n":
                return int(word)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return None


def waiting(engine: Engine, container: Container) -> int:
    """Return the pid of the joiner, once it waits."""
    found: list[int] = []

    def look() -> bool:
        pid = joiner_of(engine, container)
        found[:] = [] if pid is None else [pid]
        return bool(found)

    eventually(look)
    return found[0]


def lines(result: ExecResult) -> list[str]:
    """Return what a program has printed."""
    assert isinstance(result.output, bytes)
    return result.output.decode().splitlines()


@pytest.fixture
def container(engine: Engine) -> Container:
    """A container that runs."""
    made = engine.containers.create("busybox", ["sleep", "1000"], network="none")
    made.start()
    return made


@pytest.mark.parametrize(
    ("created", "executed"),
    [
        ({}, {}),
        ({"user": "7:8", "working_dir": "/tmp", "cap_drop": ["ALL"]}, {"environment": ["A=b"]}),
        ({"security_opt": ["no-new-privileges"], "read_only": True}, {"user": "65534"}),
        ({"cap_add": ["SYS_PTRACE"], "oom_score_adj": 300}, {"privileged": True}),
        (
            {"ulimits": [{"Name": "nofile", "Soft": 500, "Hard": 600}]},
            {"workdir": "/usr", "input": b"typed\n"},
        ),
        ({"security_opt": ["seccomp=unconfined"], "mem_limit": "64m"}, {}),
        ({"privileged": True}, {}),
    ],
)
def test_what_is_spawned_is_as_what_is_forked(
    engine: Engine, created: dict[str, Any], executed: dict[str, Any]
) -> None:
    """User, rights, limits, files, namespaces, session and streams are the same."""
    container = engine.containers.create("busybox", ["sleep", "1000"], network="none", **created)
    container.start()
    command = ["sh", "-c", LOOK + "echo wrong >&2; exit 7"]
    forked = container.exec_run(command, **executed)
    waiting(engine, container)
    spawned = container.exec_run(command, **executed)
    assert forked.exit_code == spawned.exit_code == 7
    assert lines(spawned) == lines(forked)


def test_each_exec_takes_the_joiner_of_the_one_before(engine: Engine, container: Container) -> None:
    """It waits where nobody inside sees it, and is another each time."""
    seen = set()
    for _ in range(3):
        assert container.exec_run(["true"]).exit_code == 0
        pid = waiting(engine, container)
        seen.add(pid)
        assert str(pid) not in lines(container.exec_run(["ls", "/proc"]))
        assert os.readlink(f"/proc/{waiting(engine, container)}/ns/mnt") == os.readlink(
            f"/proc/{monitor_of(engine, container.id)}/ns/mnt"
        )
    assert len(seen) == 3


def test_what_cannot_be_executed_is_told_in_the_same_words(
    engine: Engine, container: Container
) -> None:
    """Missing programs, directories, programs without interpreter and signals, with their codes."""
    container.exec_run(["sh", "-c", "echo nothing > /odd; chmod +x /odd"])

    def all_of_it() -> list[object]:
        said: list[object] = []
        for words in (["nope"], ["/etc"], ["/odd"], ["sh", "-c", "kill -9 $$"]):
            try:
                said.append(container.exec_run(words))
            except (CommandNotFound, CommandNotExecutable) as error:
                said.append(str(error))
            waiting(engine, container)
        return said

    waiting(engine, container)
    first = all_of_it()
    kill(waiting(engine, container))
    assert first == all_of_it()
    assert [type(each) for each in first[:2]] == [str, str]


def test_a_killed_joiner_is_missed_by_nobody(engine: Engine, container: Container) -> None:
    """The next exec forks as the first did."""
    container.exec_run(["true"])
    for _ in range(2):
        kill(waiting(engine, container))
        assert container.exec_run(["echo", "still"]).output == b"still\n"


def test_it_ends_with_its_container_and_with_its_monitor(
    engine: Engine, container: Container
) -> None:
    """No end leaves it behind."""
    container.exec_run(["true"])
    first = waiting(engine, container)
    container.kill()
    eventually(lambda: not os.path.exists(f"/proc/{first}"))
    container.start()
    container.exec_run(["true"])
    second = waiting(engine, container)
    kill(monitor_of(engine, container.id))
    eventually(lambda: not os.path.exists(f"/proc/{second}"))


@pytest.mark.parametrize(
    "options",
    [{"ulimits": [{"Name": "nproc", "Soft": 1000, "Hard": 1000}]}, {"pid_mode": "host"}],
    ids=["nproc", "pid"],
)
def test_where_a_child_would_differ_none_waits(engine: Engine, options: dict[str, Any]) -> None:
    """A limit of processes would count the joiner; without a pid namespace nobody ends programs."""
    container = engine.containers.create("busybox", ["sleep", "1000"], network="none", **options)
    container.start()
    for _ in range(2):
        assert container.exec_run(["true"]).exit_code == 0
        assert container.exec_run(["sleep", "0.05"]).exit_code == 0
        assert joiner_of(engine, container) is None
