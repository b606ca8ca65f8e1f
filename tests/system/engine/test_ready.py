"""A container that is made ready before anybody asks for it: it is as any other, or is let go."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from glob import glob
from pathlib import Path
from typing import Any

import pytest

import ipycontainer
from ipycontainer import faults
from ipycontainer.engine.engine import Engine
from ipycontainer.engine.results import RunResult
from ipycontainer.errors import EngineError
from ipycontainer.linux import procfs
from tests.conftest import Shell
from tests.system.engine.look import assert_true
from tests.system.engine.processes import eventually, kill, processes_in_cgroups, ready
from tests.system.engine.processes import zygotes as zygotes_of

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]


def expect(engine: Engine, *command: str, **options: Any) -> list[str]:
    """Run the same until a container is ready for the next time, and return its id.

    Where starts follow each other there may be two, or soon.
    """
    options = {"image": "busybox", "network": "none", **options}
    image = options.pop("image")
    for _ in range(10):
        assert engine.run(image, command or ["true"], remove=True, **options).exit_code == 0
        (zygote,) = zygotes_of(engine)
        eventually(partial(waits, zygote))
        if found := ready(engine):
            return found
    raise AssertionError("nothing is expected, however often it is run")


def taken(
    engine: Engine, *command: str, before: Sequence[str] = ("true",), **options: Any
) -> RunResult:
    """Run it, after others, until it is the one that was ready: it may come a moment too early."""
    options = {"network": "none", **options}
    for _ in range(10):
        found = expect(engine, *before, network=options["network"])
        result = engine.run("busybox", command, **options)
        if result.container.id in found:
            assert advanced(engine, result.container.id)
            return result
        result.container.remove()
    raise AssertionError("what is ready is never taken")


def waits(zygote: int) -> bool:
    """Tell whether a spare monitor waits."""
    return spare_of(zygote) is not None


def spare_of(zygote: int) -> int | None:
    """Return the spare monitor that waits, None where there is none yet."""
    for pid in procfs.children(zygote):
        with suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text() == "ipyc-spare\n":
                return pid
    return None


def advanced(engine: Engine, container_id: str) -> bool:
    """Tell whether a container's init had gone ahead."""
    raw = json.loads((engine.home.container(container_id) / "start.json").read_bytes())
    return bool(raw["advanced"])


def test_what_is_run_again_is_ready(engine: Engine) -> None:
    """Under its id; with its own names, cgroup and files; with the program that is asked for."""
    script = "hostname; cat /etc/hostname; tail -1 /etc/hosts; cat /proc/self/cgroup; cat /new"
    program = f"echo $WORD > /new; {script}; sleep 0.1"
    result = taken(engine, "sh", "-c", program, environment={"WORD": "mine"})

    container, found = result.container, result.container.id
    lines = result.stdout.decode().splitlines()
    assert lines[:2] == [found[:12]] * 2
    assert lines[-1] == "mine"
    if not engine.home.rootless:
        assert f"/ipyc-{engine.home.hash8}/{found}" in result.stdout.decode()
    assert [change.path for change in container.changes()] == ["/new"]
    container.start()
    container.wait()
    container.remove()
    assert_true(engine)


def test_the_same_program_again(engine: Engine) -> None:
    """Nothing is left to plan: it has its own name nevertheless, and what it is given."""
    result = taken(engine, "hostname", before=["hostname"])
    assert result.stdout.decode() == f"{result.container.short_id}\n"
    result.container.remove()


def test_a_start_that_was_ready_can_be_explained(engine: Engine, shell: Shell) -> None:
    """What was done before anybody asked has no moment; all steps are told once."""
    result = taken(engine, "sleep", "0.1")
    steps = result.container.explain()

    before = [step.what for step in steps if step.ahead]
    after = [step.what for step in steps if not step.ahead]
    assert any("overlay" in what for what in before)
    assert "install the system call filter" in before
    assert "execute sleep 0.1" in after
    assert not set(before) & set(after)


@pytest.mark.parametrize("other", ["image", "option", "started by hand"])
def test_another_container_than_the_expected_one(engine: Engine, other: str) -> None:
    """It is made as if nothing had been ready, and what was ready is gone."""
    found = expect(engine)
    if other == "image":
        engine.images.get("busybox").tag("other")
        made = engine.run("busybox", ["id", "-u"], network="none", user="postgres").container
        assert made.logs() == b"70\n"
    elif other == "option":
        made = engine.run("busybox", ["hostname"], network="none", hostname="box").container
        assert made.logs() == b"box\n"
    else:
        made = engine.containers.create("busybox", ["echo", "on"], network="none")
        made.start()
        made.wait()
        assert made.logs() == b"on\n"
        assert made.id not in found
    made.remove()
    assert not {each.id for each in engine.containers.list(all=True)} & {*found}
    assert_true(engine)


def test_a_network_of_its_own(engine: Engine) -> None:
    """Addresses are taken at the start: what is ready has none, and gets one."""
    script = "ip -4 addr show eth0; cat /etc/hosts"
    result = taken(engine, "sh", "-c", script, network="bridge")
    inspected = result.container.attrs

    assert b"inet 172." in result.stdout
    assert inspected["State"]["ExitCode"] == 0
    assert result.container.short_id.encode() in result.stdout


def test_another_network_than_the_expected_one(engine: Engine) -> None:
    """Its interfaces are made for the init that it gets."""
    expect(engine, network="bridge")
    result = engine.run("busybox", ["ip", "-4", "addr", "show", "eth0"], hostname="other")

    assert not advanced(engine, result.container.id)
    assert b"inet 172." in result.stdout


def test_a_layer_that_was_exchanged_is_not_shown_from_before(engine: Engine) -> None:
    """What is ready stands upon directories: another one at the same path is another image."""
    expect(engine)
    (layer,) = engine.home.layers.iterdir()
    shutil.copytree(layer, f"{layer}.copy", symlinks=True)
    shutil.move(layer, engine.home.cache / "before")
    Path(f"{layer}.copy").rename(layer)
    (layer / "exchanged").write_text("new")
    result = engine.run("busybox", ["cat", "/exchanged"], network="none")

    assert result.stdout == b"new"
    assert not advanced(engine, result.container.id)


def test_a_killed_spare_monitor_leaves_nothing(engine: Engine) -> None:
    """The next engine clears up what it had ready: directory and cgroup."""
    found = expect(engine)
    (zygote,) = zygotes_of(engine)
    os.kill(zygote, signal.SIGSTOP)  # it would have others made ready
    while (spare := spare_of(zygote)) is not None:
        kill(spare)
    kill(zygote)
    with ipycontainer.connect(engine.home.root) as other:
        other.containers.list()
        # one that was about to come back has a place, too, and clears it when it sees the end
        eventually(lambda: not {*ready(other)} & {*found})
        assert_true(other)
        assert processes_in_cgroups(other) == []


@pytest.mark.parametrize("place", ["before the row", "before the request"])
def test_an_engine_that_dies_with_what_was_ready(engine: Engine, place: str) -> None:
    """Without a row nothing stays; with one a container that was never started."""
    program = textwrap.dedent(
        """
        import os, signal, sys, ipycontainer
        from ipycontainer.engine import starting
        from ipycontainer.engine.containers import Containers
        def die(*args, **kwargs):
            print(*(each.id for each in args if hasattr(each, "id")), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if sys.argv[2] == "before the row":
            Containers._add = die
        else:
            starting.start = die
        ipycontainer.connect(sys.argv[1]).run("busybox", ["true"], network="none")
        """
    )
    package = Path(ipycontainer.__file__).parents[1]
    for _ in range(10):
        found = expect(engine)
        dead = subprocess.run(
            [sys.executable, "-c", program, str(engine.home.root), place],
            check=False,
            timeout=60,
            cwd="/",
            env={"PYTHONPATH": str(package), "PATH": "/usr/bin:/bin", "HOME": "/"},
            stdout=subprocess.PIPE,
        )
        assert dead.returncode == -signal.SIGKILL
        died_with = dead.stdout.decode().strip()
        if died_with in found:
            break
        with ipycontainer.connect(engine.home.root) as other:  # it had made another one by itself
            for container in other.containers.list(all=True):
                container.remove()
    else:
        raise AssertionError("what is ready is never taken")
    eventually(lambda: died_with not in ready(engine))
    if place == "before the request":
        (container,) = engine.containers.list(all=True)
        assert (container.id, container.status) == (died_with, "created")
        container.start()
        assert container.wait()["StatusCode"] == 0
        container.remove()
    assert_true(engine)


@pytest.mark.parametrize("place", ["monitor: before launch", "commit"])
def test_a_start_that_is_refused_leaves_nothing_of_what_was_ready(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    """Its init waits in a cgroup that is made already."""
    armed = tmp_path / "armed"
    monkeypatch.setenv(faults.VARIABLE, f"full:{place}:1:{armed}")
    engine.supervisor.quit()  # the next zygote, not this process, is the one that fails
    expect(engine)
    armed.touch()
    with suppress(EngineError):
        engine.run("busybox", ["true"], network="none")
    assert not armed.exists()

    assert_true(engine)


def test_a_reset_waits_for_what_is_ready(engine: Engine) -> None:
    """Neither the home nor its cgroups are there afterwards."""
    expect(engine)
    engine.reset()

    assert not engine.home.root.exists()
    place = f"/sys/fs/cgroup/**/ipyc-{engine.home.hash8}"
    assert [path for path in glob(place, recursive=True) if glob(f"{path}/*/")] == []
