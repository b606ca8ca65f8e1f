"""Random operations from several processes on one home, held against a model of docker's rules.

Processes and monitors are killed on the way. A normal run takes about half a minute;
`IPYCONTAINER_SOAK=SECONDS` goes on as long as it says. What fails is shrunk and printed by
hypothesis, whose seed `--hypothesis-seed` repeats.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import ipycontainer
from ipycontainer.store import liveness
from tests.system.engine.processes import alive, eventually, gone, traces

pytestmark = pytest.mark.timeout(86_400)
SECONDS = float(os.environ.get("IPYCONTAINER_SOAK") or 8)
WORKERS = 3
NAMES = ("ada", "bob", "cid")
STEPS = 30
EXAMPLES = 4  # the first of them is hypothesis' simplest, which does nothing
# From what a verb is allowed, and where it leads; what is missing is refused.
RULES: dict[str, dict[str, str]] = {
    "start": {"created": "running", "exited": "running", "running": "running"},
    "stop": {"running": "exited", "exited": "exited", "created": "created"},
    "kill": {"running": "exited"},
    "pause": {"running": "paused"},
    "unpause": {"paused": "running"},
    "exec": {"running": "running"},
    "rm": {"created": "", "exited": ""},
    "rm -f": dict.fromkeys(("created", "exited", "running", "paused"), ""),
}


class _Worker:
    """A process of its own with an engine on the home."""

    def __init__(self, home: Path) -> None:
        program = Path(__file__).with_name("soak_worker.py")
        self.process = subprocess.Popen(
            [sys.executable, program, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(ipycontainer.__file__).parents[1])},
            cwd="/",
        )

    def ask(self, *words: str) -> Any:
        """Return what it answers to a verb."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self, number: int = signal.SIGTERM) -> None:
        """Kill it, and let go of its pipes."""
        self.process.send_signal(number)
        self.process.communicate()


class Soak(RuleBasedStateMachine):
    """What docker's rules say of containers, and what all processes see of them."""

    home: Path
    workers: list[_Worker]
    done: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, str] = {}
        self.turn = 0

    def _note(self, verb: str) -> None:
        self.done[verb] += 1

    def _worker(self, number: int) -> _Worker:
        return self.workers[number]

    @initialize()
    def begin(self) -> None:
        """Nothing is there."""
        for name in self._worker(0).ask("ps"):
            assert self._worker(0).ask("rm -f", name) is None

    @rule(number=st.integers(0, WORKERS - 1), name=st.sampled_from(NAMES))
    def create(self, number: int, name: str) -> None:
        """A name is given once."""
        answer = self._worker(number).ask("create", name)
        assert answer == ("NameInUse" if name in self.states else None)
        self.states.setdefault(name, "created")

    @precondition(lambda self: bool(self.states))
    @rule(number=st.integers(0, WORKERS - 1), data=st.data())
    def go_on(self, number: int, data: st.DataObject) -> None:
        """What a container's state allows is done."""
        name = data.draw(st.sampled_from(sorted(self.states)))
        state = self.states[name]
        verb = data.draw(st.sampled_from([verb for verb in RULES if state in RULES[verb]]))
        self.act(number, name, verb)

    @rule(
        number=st.integers(0, WORKERS - 1),
        name=st.sampled_from(NAMES),
        verb=st.sampled_from(sorted(RULES)),
    )
    def act(self, number: int, name: str, verb: str) -> None:
        """A verb leads from one state to another, or is refused and changes nothing."""
        state = self.states.get(name)
        if state == "paused" and verb in ("stop", "kill"):
            return  # docker's answer depends on the version of cgroups
        answer = self._worker(number).ask(verb, name)
        if state is None:
            assert answer == "NoSuchContainer", (verb, name, answer)
        elif state not in RULES[verb]:
            assert answer not in (None, "NoSuchContainer"), (verb, name, state, answer)
        else:
            assert answer is None, (verb, name, state, answer)
            self._note(verb)
            self.states[name] = RULES[verb][state]
            if verb == "kill":
                self._worker(number).ask("wait", name)
            if not self.states[name]:
                del self.states[name]

    @rule(
        number=st.integers(0, WORKERS - 1), name=st.sampled_from(NAMES), to=st.sampled_from(NAMES)
    )
    def rename(self, number: int, name: str, to: str) -> None:
        """A container takes a free name with all that it is."""
        answer = self._worker(number).ask("rename", name, to)
        if name not in self.states or to in self.states:
            assert answer is not None
        else:
            assert answer is None
            self.states[to] = self.states.pop(name)

    @precondition(lambda self: len(self.states) > 1)
    @rule(number=st.integers(0, WORKERS - 1))
    def kill_worker(self, number: int) -> None:
        """A process that is killed takes nothing with it."""
        self.workers[number].end(signal.SIGKILL)
        self.workers[number] = _Worker(self.home)

    @precondition(lambda self: bool({"running", "paused"} & set(self.states.values())))
    @rule()
    def kill_monitor(self) -> None:
        """A container does not outlive its monitor, and its row says so."""
        name = next(name for name in self.states if self.states[name] in ("running", "paused"))
        with ipycontainer.connect(self.home) as engine:
            container = engine.containers.get(name)
            pid = liveness.holder(engine.home.lock(container.id))
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            eventually(lambda: not alive(pid) and engine.containers.get(name).status == "exited")
        self.states[name] = "exited"
        self._note("kill of a monitor")

    @invariant()
    def all_see_the_same(self) -> None:
        """Every process lists what the model has; they are asked by turns."""
        self.turn = (self.turn + 1) % WORKERS
        assert self.workers[self.turn].ask("ps") == self.states


def test_several_processes_keep_to_one_model(home: Path, busybox_tar: Path) -> None:
    """Whatever is done in whatever order by whomever, and nothing is left in the end."""
    with ipycontainer.connect(home) as engine:
        engine.images.import_(busybox_tar, repository="busybox")
    Soak.home, Soak.workers = home, [_Worker(home) for _ in range(WORKERS)]
    until, rounds = time.monotonic() + SECONDS, 0
    try:
        while time.monotonic() < until or rounds == 0:
            run_state_machine_as_test(
                Soak,
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=STEPS,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
            rounds += 1
    finally:
        for worker in Soak.workers:
            worker.end()
    with ipycontainer.connect(home) as engine:
        for container in engine.containers.list(all=True):
            container.remove(force=True)
        gone(lambda: traces(engine))
    print(f"{rounds} rounds by {WORKERS} processes: {dict(Soak.done)}")
    assert len(Soak.done) > len(RULES) / 2, Soak.done
