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
    """From a moment on, filtered, until now; the command ends by itself."""
    engine.run("busybox", ["sh", "-c", "exit 3"], network="none", name="box", remove=True)
    line = ("events", "--since", "1h", "--until", "-1s", "--filter", "container=box")
    actions = shell(*line, "--format", "{{.Action}} {{.Actor.Attributes.exitCode}}")
    assert actions.stdout.splitlines() == [
        *("create <no value>", "attach <no value>", "start <no value>", "die 3"),
        "destroy <no value>",
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
