"""`events`: past and live, and an end."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from ipycontainer.engine.engine import Engine
from ipycontainer.errors import EngineError
from tests.conftest import Shell

pytestmark = pytest.mark.usefixtures("busybox_image")


def test_past_events_in_order(shell: Shell, engine: Engine) -> None:
    """From a moment on, or from the first, filtered, until now; the command ends by itself."""
    engine.run("busybox", ["sh", "-c", "exit 3"], network="none", name="box", remove=True)
    line = ("events", "--since", "1h", "--until", "-1s", "--filter", "container=box")
    actions = shell(*line, "--format", "{{.Action}} {{.Actor.Attributes.exitCode}}")
    assert actions.stdout.splitlines() == [
        *("create <no value>", "attach <no value>", "start <no value>", "die 3"),
        "destroy <no value>",
    ]
    past = ("events", "--until", f"{time.time():.9f}", "--filter", "container=box")
    assert shell(*past, "--format", "{{.Action}}").stdout.split() == [
        *("create", "attach", "start", "die", "destroy")
    ]
    wrong = shell(*line, "--format", "{{.Nope}}")
    assert (wrong.returncode, wrong.stdout) == (64, "")
    assert "can't evaluate field Nope in type *events.Message" in wrong.stderr


def test_networks_are_told_between_a_containers_own_events(engine: Engine) -> None:
    """Of every mode that has one, before the start and before the end; of a failed start, too."""
    engine.networks.create("office")
    told: dict[str, list[str]] = {}
    for network in ("none", "host", "bridge", "office"):
        for program, name in (("true", network), ("nope", f"no-{network}")):
            with suppress(EngineError):
                engine.run("busybox", [program], network=network, name=name, remove=True)
    for event in engine.events(0, time.time_ns()):
        kind = event.attributes.get("type", "")
        if event.type == "container":
            told[event.actor] = [*told.get(event.actor, ()), event.action]
        elif container := event.attributes.get("container"):
            told[container].append(f"{event.action} {event.attributes['name']} {kind}")
    found = iter(told.values())
    for name, kind in (
        ("none", "null"),
        ("host", "host"),
        ("bridge", "bridge"),
        ("office", "bridge"),
    ):
        came, left = f"connect {name} {kind}", f"disconnect {name} {kind}"
        assert next(found) == ["create", "attach", came, "start", left, "die", "destroy"]
        assert next(found) == ["create", "attach", came, left, "destroy"]


def test_volumes_are_told_between_a_containers_own_events(engine: Engine) -> None:
    """After the networks, at start and end; of a failed start, too; around each copy."""
    places = ["data:/v", "data:/r/o:ro"]
    for program, name in (("true", "box"), ("nope", "none")):
        with suppress(EngineError):
            engine.run("busybox", [program], network="none", name=name, volumes=places)
    box = engine.containers.get("box")
    box.copy_in(b"text", "/v/file")
    assert box.copy_out("/v/file") == b"text"
    told: dict[str, list[str]] = {}
    for event in engine.events(0, time.time_ns()):
        actor = event.actor if event.type == "container" else event.attributes.get("container", "")
        if event.type == "volume" and actor:
            assert (event.actor, event.attributes["driver"]) == ("data", "local")
        told.setdefault(actor, []).append(event.action)
        if event.action == "mount":
            place = event.attributes["destination"]
            assert place in ("/v", "/r/o")
            assert event.attributes["read/write"] == ("true" if place == "/v" else "false")
    came, left = ["connect", "mount", "mount"], ["disconnect", "unmount", "unmount"]
    each, gone = came[1:], left[1:]
    assert told[box.id] == [
        *("create", "attach", *came, "start", *left, "die"),
        *(*each, *gone, *each, "extract-to-dir", *gone, *each, "archive-path", *gone),
    ]
    assert told[engine.containers.get("none").id] == ["create", "attach", *came, *left]


def test_a_network_that_is_left_while_it_runs_is_told_of_twice(engine: Engine) -> None:
    """As by docker; of one that is left at rest once."""
    office = engine.networks.create("office")
    box = engine.containers.run("busybox", ["sleep", "100"], network="office", detach=True)
    office.disconnect(box)
    box.kill()
    office.connect(box)
    office.disconnect(box)
    told = [
        event.action
        for event in engine.events(0, time.time_ns())
        if event.attributes.get("container") == box.id
    ]
    assert told == ["connect", "disconnect", "disconnect", "disconnect"]


def test_live_events_come_at_once(engine: Engine) -> None:
    """Whoever waits is woken, and sees nothing from before."""
    engine.run("busybox", ["true"], network="none", remove=True)
    found = engine.events(until_ns=time.time_ns() + 20 * 10**9)
    seen = []
    engine.containers.create("busybox", ["true"], network="none", name="first")
    live = engine.events(time.time_ns(), time.time_ns() + 20 * 10**9)
    engine.containers.create("busybox", ["true"], network="none", name="second")
    for event in live:
        seen.append((event.action, event.attributes["name"]))
        if len(seen) == 1:
            engine.containers.get("second").remove()
        else:
            break
    assert seen == [("create", "second"), ("destroy", "second")]
    found.close()  # type: ignore[attr-defined]
