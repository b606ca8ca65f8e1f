"""Values that a cell may keep, and that show themselves as docker would print them.

They are plain lists and dicts with a display of their own: JSON as a tree where the front end has
one, and text everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["Facts", "Objects", "Texts"]


class Objects(list[Any]):
    """What `inspect` found: dicts in docker's shape, shown as JSON."""

    def __init__(self, objects: Iterable[Mapping[str, Any]], text: str) -> None:
        super().__init__(objects)
        self._text = text

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {"application/json": list(self), "text/plain": self._text}


class Facts(dict[str, Any]):
    """What `version` and `info` say: docker's keys, shown as JSON and as docker's text."""

    def __init__(self, facts: Mapping[str, Any], text: str) -> None:
        super().__init__(facts)
        self._text = text

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {"application/json": dict(self), "text/plain": self._text}


class Texts(list[str]):
    """Lines that a template made, shown as lines."""

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        del cycle  # a list of strings holds no list
        for number, line in enumerate(self):
            if number:
                printer.break_()
            printer.text(line)
