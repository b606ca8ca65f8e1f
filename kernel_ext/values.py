"""Values that a cell may keep, and that show themselves as docker would print them.

They are plain lists and dicts with a display of their own: JSON as a tree where the front end has
one, and text everywhere. (IPython asks `_repr_pretty_` of the nearest class first; for a list it
would not ask `_repr_mimebundle_` for text at all.)
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

    def _repr_json_(self) -> list[Any]:
        return list(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        _write(printer, self._text.splitlines(), cycle)


class Facts(dict[str, Any]):
    """What `version` and `info` say: docker's keys, shown as JSON and as docker's text."""

    def __init__(self, facts: Mapping[str, Any], text: str) -> None:
        super().__init__(facts)
        self._text = text

    def _repr_json_(self) -> dict[str, Any]:
        return dict(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        _write(printer, self._text.splitlines(), cycle)


class Texts(list[str]):
    """Lines that a template made, shown as lines."""

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        _write(printer, self, cycle)


def _write(printer: Any, lines: Iterable[str], cycle: bool) -> None:
    """Write lines to IPython's printer."""
    del cycle  # these hold text: nothing that could hold itself
    for number, line in enumerate(lines):
        if number:
            printer.break_()
        printer.text(line)
