"""Random operations from several processes on one home, held against a model of docker's rules.

Some are done by all processes at the same time; processes, monitors and the zygote are killed on
the way, in the middle of what they do, too. `IPYCONTAINER_SOAK=SECONDS` goes on as long as it says.
The steps of what fails are printed by hypothesis, whose seed `--hypothesis-seed` repeats.
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
from hypothesis import HealthCheck, Phase, settings
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
from tests.system.engine.look import assert_true
from tests.system.engine.processes import alive, eventually, gone, traces, zygotes
from tests.system.engine.soak_model import IN_USE, RULES, Box, Model

pytestmark = pytest.mark.timeout(86_400)
SECONDS = float(os.environ.get("IPYCONTAINER_SOAK") or 20)
WORKERS = 3
NAMES = ("ada", "bob", "cid", "dan")
NETWORKS = ("red", "blue")
VOLUMES = ("vol-a", "vol-b")
TAGS = ("soak:1", "soak:2")
CHECKPOINTS = ("one", "two")
STEPS = 30
EXAMPLES = 4  # the first of them is hypothesis' simplest, which does nothing
LATEST_KILL_MILLISECONDS = 60

numbers = st.integers(0, WORKERS - 1)
names = st.sampled_from(NAMES)


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

    def tell(self, *words: str) -> None:
        """Have it begin with a verb."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        """Return what it answers: an error as its kind and words."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def ask(self, *words: str) -> Any:
        """Return what it answers to a verb."""
        self.tell(*words)
        return self.answer()

    def end(self, number: int = signal.SIGTERM) -> None:
        """Kill it, and let go of its pipes."""
        self.process.send_signal(number)
        self.process.communicate()


class Soak(RuleBasedStateMachine):
    """What docker's rules say of containers and the rest, and what all processes see of them."""

    home: Path
    workers: list[_Worker]
    done: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.turn = 0

    def _holds(self, verb: str, answer: str | None, expected: str | None, *what: object) -> bool:
        """Hold an answer against the expected error, None for none; tell whether it was done."""
        kind = None if answer is None else answer.partition(":")[0]
        right = kind is not None if expected == "" else kind == expected
        assert right, (verb, *what, answer, f"expected {expected!r}", self.model)
        self.done[verb if answer is None else "refused"] += 1
        return answer is None

    @initialize()
    def begin(self) -> None:
        """Two containers run, on a network and on none; nothing else is there."""
        first = self.workers[0]
        there = first.ask("look")
        for name in there["containers"]:
            assert first.ask("rm -f", name) is None
        for verb, kind in (("network rm", "networks"), ("volume rm", "volumes"), ("rmi", "tags")):
            for name in there[kind]:
                assert first.ask(verb, name) is None
        assert first.ask("network create", NETWORKS[0]) is None
        self.model.networks.add(NETWORKS[0])
        for name, network in zip(NAMES, (NETWORKS[0], "none"), strict=False):
            assert first.ask("create", name, network, VOLUMES[0]) is None
            assert first.ask("start", name) is None
            self.model.boxes[name] = Box("running", {network}, VOLUMES[0])
        self.model.volumes.add(VOLUMES[0])

    # ── containers ───────────────────────────────────────────────────────────────────────────

    @rule(number=numbers, name=names, data=st.data(), volume=st.sampled_from(("", *VOLUMES)))
    def create(self, number: int, name: str, data: st.DataObject, volume: str) -> None:
        """A name is given once; a volume comes with its first container."""
        network = data.draw(st.sampled_from(("none", "bridge", *sorted(self.model.networks))))
        answer = self.workers[number].ask("create", name, network, volume)
        expected = "NameInUse" if name in self.model.boxes else None
        if self._holds("create", answer, expected, name):
            self.model.boxes[name] = Box("created", {network}, volume)
            self.model.volumes |= {volume} - {""}

    @precondition(lambda self: bool(self.model.boxes))
    @rule(data=st.data(), steps=st.integers(1, 4))
    def go_on(self, data: st.DataObject, steps: int) -> None:
        """What a container's state allows is done, by one process and the next."""
        name = data.draw(st.sampled_from(sorted(self.model.boxes)))
        for step in range(steps):
            if name in self.model.boxes:
                verb = data.draw(st.sampled_from(self.model.allowed(name)))
                self.act(step % WORKERS, name, verb)

    @rule(number=numbers, name=names, verb=st.sampled_from(sorted(RULES)))
    def act(self, number: int, name: str, verb: str) -> None:
        """A verb leads from one state to another, or is refused and changes nothing."""
        if self.model.is_open(name, verb):
            self._acted(number, name, verb, self.workers[number].ask(verb, name))

    def _acted(self, number: int, name: str, verb: str, answer: str | None) -> None:
        if self._holds(verb, answer, self.model.refusal(name, verb), name):
            self.model.act(name, verb)
            if verb == "kill":
                self.workers[number].ask("wait", name)

    @precondition(lambda self: len(self.model.boxes) > 1)
    @rule(data=st.data())
    def together(self, data: st.DataObject) -> None:
        """All processes do something at the same time, each with another container."""
        chosen = data.draw(st.permutations(sorted(self.model.boxes)))[:WORKERS]
        verbs = [data.draw(st.sampled_from(self.model.allowed(name))) for name in chosen]
        for number, (name, verb) in enumerate(zip(chosen, verbs, strict=True)):
            self.workers[number].tell(verb, name)
        answers = [self.workers[number].answer() for number in range(len(chosen))]
        for number, (name, verb) in enumerate(zip(chosen, verbs, strict=True)):
            self._acted(number, name, verb, answers[number])
        self.done["together"] += 1

    @rule(number=numbers, name=names, to=names)
    def rename(self, number: int, name: str, to: str) -> None:
        """A container takes a free name with all that it is."""
        boxes = self.model.boxes
        refused = name not in boxes or to in boxes
        answer = self.workers[number].ask("rename", name, to)
        if self._holds("rename", answer, "" if refused else None, name, to):
            boxes[to] = boxes.pop(name)

    @precondition(lambda self: bool(self.model.boxes))
    @rule(number=numbers, data=st.data(), tag=st.sampled_from(CHECKPOINTS))
    def undo(self, number: int, data: st.DataObject, tag: str) -> None:
        """A checkpoint is made once, and is there until it is dropped."""
        name = data.draw(st.sampled_from(sorted(self.model.boxes)))
        box = self.model.boxes[name]
        if box.status == "paused":
            return
        verb = data.draw(st.sampled_from(("checkpoint", "rollback", "drop")))
        wrong = (tag in box.checkpoints) == (verb == "checkpoint")
        refusal = "Conflict" if verb == "checkpoint" else "NotFound"
        answer = self.workers[number].ask(verb, name, tag)
        if self._holds(verb, answer, refusal if wrong else None, name, tag):
            if verb == "checkpoint":
                box.checkpoints.add(tag)
            elif verb == "drop":
                box.checkpoints.remove(tag)

    # ── networks, volumes, images ────────────────────────────────────────────────────────────

    @rule(number=numbers, network=st.sampled_from(NETWORKS))
    def make_network(self, number: int, network: str) -> None:
        """A network's name is given once."""
        answer = self.workers[number].ask("network create", network)
        expected = "Conflict" if network in self.model.networks else None
        if self._holds("network create", answer, expected, network):
            self.model.networks.add(network)

    @rule(number=numbers, network=st.sampled_from(NETWORKS))
    def remove_network(self, number: int, network: str) -> None:
        """A network stays while a running container is on it."""
        refusal = self.model.network_refusal(network)
        if refusal != IN_USE:  # what stopped containers lose with it is another test's
            answer = self.workers[number].ask("network rm", network)
            if self._holds("network rm", answer, refusal, network):
                self.model.networks.remove(network)

    @precondition(lambda self: bool(self.model.boxes) and bool(self.model.networks))
    @rule(number=numbers, data=st.data(), verb=st.sampled_from(("connect", "disconnect")))
    def join(self, number: int, data: st.DataObject, verb: str) -> None:
        """A container is on networks, or on none, running or not."""
        name = data.draw(st.sampled_from(sorted(self.model.boxes)))
        network = data.draw(st.sampled_from(sorted(self.model.networks)))
        if not self.model.can_change_networks(name, network, verb):
            return
        answer = self.workers[number].ask(verb, network, name)
        if self._holds(verb, answer, self.model.join_refusal(name, network, verb), name, network):
            self.model.join(name, network, verb)

    @rule(number=numbers, verb=st.sampled_from(("create", "rm")), volume=st.sampled_from(VOLUMES))
    def change_volume(self, number: int, verb: str, volume: str) -> None:
        """A volume stays while a container wants it."""
        answer = self.workers[number].ask(f"volume {verb}", volume)
        expected = None if verb == "create" else self.model.volume_refusal(volume)
        if self._holds(f"volume {verb}", answer, expected, volume):
            self.model.volumes |= {volume}
            self.model.volumes -= {volume} if verb == "rm" else set()

    @rule(number=numbers, verb=st.sampled_from(("tag", "rmi")), tag=st.sampled_from(TAGS))
    def change_tag(self, number: int, verb: str, tag: str) -> None:
        """An image has the names that it was given."""
        answer = self.workers[number].ask(verb, tag)
        missing = verb == "rmi" and tag not in self.model.tags
        if self._holds(verb, answer, "ImageNotFound" if missing else None, tag):
            self.model.tags |= {tag}
            self.model.tags -= {tag} if verb == "rmi" else set()

    # ── kills ────────────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: bool(self.model.running()))
    @rule(number=numbers)
    def kill_worker(self, number: int) -> None:
        """A process that is killed takes nothing with it."""
        self.workers[number].end(signal.SIGKILL)
        self.workers[number] = _Worker(self.home)

    @precondition(lambda self: bool(self.model.boxes))
    @rule(number=numbers, data=st.data(), wait=st.integers(0, LATEST_KILL_MILLISECONDS))
    def kill_in_the_middle(self, number: int, data: st.DataObject, wait: int) -> None:
        """What a killed process was about is done or not, and its container can be removed."""
        name = data.draw(st.sampled_from(sorted(self.model.boxes)))
        self.workers[number].tell(data.draw(st.sampled_from(self.model.allowed(name))), name)
        time.sleep(wait / 1000)
        self.workers[number].end(signal.SIGKILL)
        self.workers[number] = _Worker(self.home)
        answer = self.workers[(number + 1) % WORKERS].ask("rm -f", name)
        assert answer is None or answer.startswith("NoSuchContainer"), answer
        del self.model.boxes[name]
        self.done["kill in the middle"] += 1

    @precondition(lambda self: bool(self.model.running()))
    @rule(data=st.data())
    def kill_monitor(self, data: st.DataObject) -> None:
        """A container does not outlive its monitor, and its row says so."""
        name = data.draw(st.sampled_from(self.model.running()))
        with ipycontainer.connect(self.home) as engine:
            container = engine.containers.get(name)
            pid = liveness.holder(engine.home.lock(container.id))
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            eventually(lambda: not alive(pid) and engine.containers.get(name).status == "exited")
        self.model.boxes[name].status = "exited"
        self.done["kill of a monitor"] += 1

    @precondition(lambda self: len(self.model.running()) > 1)
    @rule()
    def kill_zygote(self) -> None:
        """Whoever needs one next begins another."""
        with ipycontainer.connect(self.home) as engine:
            killed = list(zygotes(engine))
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            eventually(lambda: not any(alive(pid) for pid in killed))
        self.done["kill of a zygote"] += 1

    @invariant()
    def all_see_the_same(self) -> None:
        """Every process lists what the model has; they are asked by turns."""
        self.turn = (self.turn + 1) % WORKERS
        assert self.workers[self.turn].ask("look") == self.model.seen()

    def teardown(self) -> None:
        """What the machine has is what the rows say."""
        with ipycontainer.connect(self.home) as engine:
            engine.containers.list()
            assert_true(engine)


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
                    phases=[Phase.generate],  # what is left of one example changes the next
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
