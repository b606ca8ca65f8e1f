"""A start that is cut at any of its steps leaves nothing behind."""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest

from ipycontainer.errors import EngineError
from ipycontainer.runtime import steps
from ipycontainer.runtime.steps import Context
from tests.system.runtime import bundles
from tests.system.runtime.isolated import call


@dataclass(frozen=True)
class Cut:
    """A step that fails, or waits to be killed."""

    how: str

    def execute(self, ctx: Context) -> None:
        """Fail, or say that we wait and do so: PID 1 of a namespace is deaf to its own signals."""
        if self.how == "kill":
            os.write(WAITING[1], b"1")
            os.read(os.pipe()[0], 1)
        raise OSError(errno.EIO, "cut")

    def describe(self) -> str:
        """Say it."""
        return "cut here"


WAITING = os.pipe()


def _kill_the_waiting(parent: int) -> None:
    """Kill each init that waits in `Cut`, from a process beside the parent."""
    while os.read(WAITING[0], 1):
        with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as file:
            for pid in map(int, file.read().split()):
                if pid != os.getpid():
                    os.kill(pid, signal.SIGKILL)


def _cut_everywhere(bundle: str, how: str) -> Any:
    original = steps.run
    spec = bundles.make_spec(bundle, "true")
    parent, killer = os.getpid(), os.fork()
    if killer == 0:
        os.close(WAITING[1])
        _kill_the_waiting(parent)
        os._exit(0)
    before = len(os.listdir("/proc/self/fd"))
    messages: set[str] = set()
    number = 0
    while True:
        total = 0

        def run(plan: Any, ctx: Context, at: int = number) -> None:
            original((*plan[:at], Cut(how)) if at < len(plan) else plan, ctx)

        try:
            with mock.patch.object(steps, "run", run):
                started, read = bundles.begin(spec, bundle)
        except EngineError as error:
            messages.add(error.message.partition("(")[0])
            total += 1
        else:
            bundles.end(started, read)
        left = [each for each in bundles.leftovers(bundle) if each != "child (0, 0)"]
        if left or not total:
            break
        number += 1
    os.kill(killer, signal.SIGKILL)
    os.waitpid(killer, 0)
    return [number > 25, sorted(messages), left, len(os.listdir("/proc/self/fd")) - before]


@pytest.mark.parametrize(
    ("how", "messages"),
    [
        ("fail", ["cut here: EIO: cut"]),
        ("kill", ["init "]),
    ],
)
def test_a_start_that_is_cut_leaves_nothing(bundle: str, how: str, messages: list[str]) -> None:
    """At every step: no process, cgroup, mount or fd of it remains, and the message says why."""
    assert call(_cut_everywhere, bundle, how) == [True, messages, [], 0]
