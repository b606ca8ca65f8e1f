"""Events as docker words them, and which of them a filter lets through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from ipycontainer.commands import shell
from ipycontainer.commands.events import event_line, event_object, matches
from tests.fakes import FakeEngine


@dataclass(frozen=True, slots=True)
class Happening:
    time_ns: int = 1_795_510_871_000_000_001
    type: str = "container"
    action: str = "die"
    actor: str = "c0ffee"
    attributes: Mapping[str, str] = field(
        default_factory=lambda: {"name": "web", "image": "busybox:1", "exitCode": "3", "tier": "a"}
    )


def test_a_line() -> None:
    """Time with nine digits, then type, action and actor, attributes in order."""
    assert event_line(Happening()) == (
        "2026-11-24T09:01:11.000000001Z container die c0ffee"
        " (exitCode=3, image=busybox:1, name=web, tier=a)"
    )


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        ({"container": ["web"]}, True),
        ({"container": ["c0f"]}, True),
        ({"container": ["eb"]}, False),
        ({"container": ["other", "web"], "event": ["start"]}, False),
        ({"event": ["start", "die"]}, True),
        ({"type": ["network"]}, False),
        ({"network": ["web"]}, False),
        ({"image": ["busybox"]}, True),
        ({"image": ["busy"]}, False),
        ({"label": ["tier=a", "name"]}, True),
        ({"label": ["tier=b"]}, False),
        ({"foo": ["x"]}, True),
    ],
)
def test_filters(wanted: dict[str, list[str]], passes: bool) -> None:
    """Keys are joined by and, values by or, labels by and; docker lets unknown keys be."""
    assert matches(Happening(), wanted) is passes


def test_health_events_are_found_by_their_first_word() -> None:
    """As docker's `event=health_status`."""
    assert matches(Happening(action="health_status: healthy"), {"event": ["health_status"]})


def test_json_has_the_old_fields_of_containers() -> None:
    """status, id and from, which docker keeps for those who read them."""
    shown = event_object(Happening(), for_json=True)
    assert (shown["status"], shown["id"], shown["from"]) == ("die", "c0ffee", "busybox:1")
    assert (shown["scope"], shown["time"]) == ("local", 1_795_510_871)
    assert "status" not in event_object(Happening(type="network"), for_json=True)


def test_an_end_without_a_beginning(capfd: pytest.CaptureFixture[str]) -> None:
    """Then all that is remembered is shown, as docker does; without either nothing of the past."""
    engine = FakeEngine()
    engine.happened.append(Happening())
    shown = []
    for words in (["--until", "1s"], []):
        assert shell.main(["events", "--format", "{{.Action}}", *words], lambda: engine) == 0
        shown.append(capfd.readouterr().out)
    assert shown == ["die\n", ""]
