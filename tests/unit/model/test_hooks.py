"""Hooks of a bundle and the state that they are told."""

from __future__ import annotations

from ipycontainer.model.hooks import Hook, Hooks, State


def test_no_environment_is_not_an_empty_one() -> None:
    """Without one a hook has that of who runs it; both survive a round of JSON."""
    raw = {"prestart": [{"path": "/a"}, {"path": "/b", "env": []}, {"path": "/c", "env": ["A=1"]}]}
    found = Hooks.from_json(raw)

    assert found.prestart == (Hook("/a"), Hook("/b", env=()), Hook("/c", env=("A=1",)))
    assert found.to_json() == raw


def test_annotations_are_told_in_order() -> None:
    """As Go writes a map."""
    state = State("1.2.0", "box", "running", 5, "/b", {"b": "1", "a": "2"})

    assert list(state.to_json()["annotations"]) == ["a", "b"]
