"""Coloured words for a container's state and a change's kind, in HTML with inline styles.

Below frame_html and cards. The colours are a quarter opaque: they suit light and dark pages.
"""

from __future__ import annotations

import html

__all__ = ["failure_badge", "kind_badge", "state_badge"]

_GREEN, _YELLOW, _RED = "46,160,67", "200,160,0", "207,34,46"
_CYAN, _BLUE, _GREY = "9,150,170", "9,105,218", "130,130,130"
_STATES = {
    "running": _GREEN,
    "created": _CYAN,
    "paused": _YELLOW,
    "restarting": _BLUE,
    "dead": _RED,
    # what `doctor` says
    "ok": _GREEN,
    "limited": _YELLOW,
    "missing": _RED,
}
_KINDS = {"A": ("added", _GREEN), "C": ("changed", _YELLOW), "D": ("deleted", _RED)}


def state_badge(state: str, exit_code: int | None) -> str:
    """Return a container's state as a badge; exited is red when the program failed."""
    if state == "exited":
        return _badge(state, _RED if exit_code else _YELLOW)
    return _badge(state, _STATES.get(state, _GREY))


def kind_badge(kind: str) -> str:
    """Return a change's kind (A, C or D) as a badge."""
    return _badge(*_KINDS.get(kind, (kind, _GREY)))


def failure_badge() -> str:
    """Return the word for what has failed."""
    return _badge("failed", _RED)


def _badge(text: str, colour: str) -> str:
    return (
        f'<span style="background:rgba({colour},.25);border-radius:.5em;padding:.1em .5em">'
        f"{html.escape(text)}</span>"
    )
