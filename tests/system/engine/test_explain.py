"""A start told step by step: as it would be, as it was, and what telling it costs."""

from __future__ import annotations

import inspect as python_inspect
import json
import re
import socket
from itertools import pairwise
from pathlib import Path

import pytest

from ipycontainer.commands import grammar
from ipycontainer.commands.records import Explained
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import Conflict, EngineError, ImageNotFound
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.explained import ExplainedStep
from ipycontainer.model.network import EndpointConfig
from ipycontainer.runtime import (
    cgroup_mounts,
    clock_steps,
    execve_steps,
    foreign_mounts,
    hooks,
    idmap_steps,
    mount_steps,
    namespace_donors,
    network_steps,
    path_steps,
    process_steps,
    root_steps,
    scheduling_steps,
    session_steps,
    terminal_steps,
    tree_steps,
    volume_steps,
)
from ipycontainer.runtime.reasons import REASONS
from tests.conftest import Shell

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]


def _explain(engine: Engine, *words: str) -> tuple[ExplainedStep, ...]:
    outcome = grammar.invoke(lambda: engine, words)
    assert isinstance(outcome, Explained)
    return outcome.steps


def test_a_rehearsed_start_makes_nothing_and_names_its_steps(engine: Engine, home: Path) -> None:
    """The flag leaves no container, event, volume or directory, and ends with execve."""
    with engine.store.read() as tx:
        before = tx.scalar("SELECT count(*) FROM events")
    steps = _explain(
        engine, "run", "--explain", "--name", "web", "-v", "/data", "-m", "64m", "busybox", "true"
    )
    assert steps[-2].what == "execute true"
    assert [step.what for step in steps].index(
        "make the container's tree the root, and let go of the host's"
    ) < len(steps) - 2
    assert all(step.why.endswith(".") and step.duration_ns is None for step in steps)
    assert engine.containers.list(all=True) == []
    assert engine.volumes.list() == []
    assert list((home / "containers").iterdir()) == []
    with engine.store.read() as tx:
        assert tx.scalar("SELECT count(*) FROM events") == before


def _without_ids(steps: tuple[ExplainedStep, ...]) -> set[str]:
    return {re.sub(r"[0-9a-f]{12}", "ID", step.what) for step in steps}


def test_what_was_done_is_what_was_planned(engine: Engine) -> None:
    """The steps of a start are those that --explain told, now with times that fit together."""
    words = ("--network", "none", "--name", "web", "busybox", "sleep", "100")
    planned = _without_ids(_explain(engine, "run", "--explain", *words))
    engine.containers.run("busybox", "true", remove=True, network_mode="none")  # a warm zygote
    container = engine.containers.create_from(
        ContainerConfig("busybox", ("sleep", "100"), network="none"), "web"
    )
    container.start()
    done = _explain(engine, "explain", "web")
    init = [step for step in done if step.who == "init" and not step.ahead]
    # whether a monitor waited decides who clones, and in how many steps trees come to their place
    differ = ("hand the", "have the", "take what", "wait until")
    for told, others in ((planned, _without_ids(done)), (_without_ids(done), planned)):
        assert {what for what in told if not what.startswith(differ)} <= others
    assert init[-1].what == "execute sleep 100"
    for earlier, later in pairwise(init):
        assert earlier.start_ns is not None
        assert earlier.duration_ns is not None
        assert later.start_ns == earlier.start_ns + earlier.duration_ns
    assert all(step.duration_ns is None or step.duration_ns >= 0 for step in done)
    container.remove(force=True)


def test_an_exited_container_and_one_with_a_network_are_told_too(engine: Engine) -> None:
    """The times stay when a container has ended; an interface is told with its address."""
    container = engine.containers.create_from(ContainerConfig("busybox", ("true",)), "over")
    container.start()
    container.wait()
    told = container.explain()
    assert told[0].who in ("engine", "monitor")
    configured = [step.what for step in told if step.what.startswith("configure eth0: ")]
    assert len(configured) == 1
    assert "/" in configured[0]
    wired = [step for step in told if step.what.startswith("make a pair of interfaces")]
    assert len(wired) == 1


@pytest.mark.parametrize(
    ("config", "step"),
    [
        pytest.param(
            ContainerConfig("busybox", ("nope",), network="none"), "find program nope", id="command"
        ),
        pytest.param(
            ContainerConfig("busybox", ("true",), network="none", workdir="/proc/x"),
            "make working directory /proc/x",
            id="directory",
        ),
    ],
)
@pytest.mark.parametrize("warm", [False, True])
def test_a_start_that_failed_is_told_up_to_the_step_that_failed(
    engine: Engine, config: ContainerConfig, step: str, warm: bool
) -> None:
    """It is the last one and has the error; those before it have their times."""
    if warm:
        engine.containers.run("busybox", "true", remove=True, network_mode="none")
    planned = engine.containers.explain(config)
    container = engine.containers.create_from(config, "ill")
    with pytest.raises(EngineError) as caught:
        container.start()
    told = list(container.explain())
    *before, last = told
    assert step in last.what
    assert last.who == "init"
    assert last.error
    assert last.error in caught.value.message
    assert not any(each.error for each in before)
    assert all(each.duration_ns is not None for each in before if not each.ahead)
    assert "write that it runs" not in [each.what for each in told]
    init = [each.what for each in planned if each.who == "init"]
    assert init.index(last.what) >= len([each for each in before if each.who == "init"]) - 1


def test_a_port_that_is_taken_and_a_start_that_works_then(engine: Engine) -> None:
    """The monitor's own step is told as the one that failed; a start that works is told after."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        container = engine.containers.create(
            "busybox", ["true"], name="web", ports={"80/tcp": ("127.0.0.1", port)}
        )
        with pytest.raises(EngineError):
            container.start()
        last = container.explain()[-1]
        assert last.who == "monitor"
        assert str(port) in last.error
    container.start()
    container.wait()
    assert not any(step.error for step in container.explain())


def test_an_address_that_is_taken_is_told_before_anything_is_made(engine: Engine) -> None:
    """A start that failed before there was an init ends with what its monitor was about to do."""
    with engine.networks.create("lab", subnets=["10.213.7.0/24"]):
        wish = ContainerConfig(
            "busybox", ("sleep", "100"), endpoints=(EndpointConfig("lab", (), "10.213.7.9"),)
        )
        with engine.containers.create_from(wish, "one") as one:
            one.start()
            with engine.containers.create_from(wish, "two") as two:
                with pytest.raises(EngineError):
                    two.start()
                *before, last = two.explain()
                assert last.what.startswith("read the bundle, and take addresses")
                assert "Address already in use" in last.error
                assert {step.who for step in before} <= {"engine"}


def test_nothing_is_told_of_a_container_that_never_started(engine: Engine) -> None:
    """Explain of a created one is a conflict with the next step; --explain fetches no image."""
    container = engine.containers.create_from(ContainerConfig("busybox", ("true",)), "new")
    with pytest.raises(Conflict, match="nothing is known of a start") as caught:
        container.explain()
    assert caught.value.hint.startswith("ipycontainer start new ")
    with pytest.raises(ImageNotFound) as missing:
        _explain(engine, "run", "--explain", "nowhere", "true")
    assert missing.value.hint == "--explain fetches nothing: ipycontainer pull nowhere"


def test_times_of_another_version_are_not_told(engine: Engine, home: Path) -> None:
    """A start by another version had steps that we do not know."""
    container = engine.containers.create_from(ContainerConfig("busybox", ("true",)), "old")
    container.start()
    container.wait()
    container.explain()
    file = home / "containers" / container.id / "start.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "version": "0.0.0"}))
    with pytest.raises(Conflict):
        container.explain()


def test_the_shell_tells_it_in_lines(shell: Shell) -> None:
    """Two lines a step, the second says why; the last tells the whole time."""
    shell("run", "--name", "web", "--network", "none", "busybox", "true")
    lines = shell("explain", "web").stdout.splitlines()
    assert lines[0].split() == ["AT", "TOOK", "WHO", "STEP"]
    assert any(line.endswith("execute true") for line in lines)
    assert lines[-1].endswith("from the engine's first word to the last of these.")
    shell("run", "--name", "ill", "--network", "none", "busybox", "nope")
    failed = shell("explain", "ill").stdout.splitlines()
    assert failed[-2].startswith(" " * 30 + "FAILED: ")
    assert "nope" in failed[-2]
    assert failed[-1].endswith("from the engine's first word to the failure.")
    planned = shell("run", "--explain", "busybox", "true").stdout.splitlines()
    assert planned[-1].endswith("none of them done: run without --explain does them.")


def test_every_step_has_its_reason() -> None:
    """No step of any module is without system calls and a sentence."""
    modules = (
        *(execve_steps, namespace_donors, mount_steps, network_steps, path_steps, process_steps),
        *(session_steps, terminal_steps, tree_steps, volume_steps),
        *(
            cgroup_mounts,
            clock_steps,
            foreign_mounts,
            hooks,
            idmap_steps,
            root_steps,
            scheduling_steps,
        ),
    )
    found = {
        kind
        for module in modules
        for _, kind in python_inspect.getmembers(module, python_inspect.isclass)
        if kind.__module__ == module.__name__ and hasattr(kind, "execute")
    }
    assert found == set(REASONS)
    assert all(calls and why.endswith(".") for calls, why in REASONS.values())
