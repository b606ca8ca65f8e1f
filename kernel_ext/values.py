"""Values that a cell may keep, and that show themselves as docker would print them.

They are plain lists and dicts with a display of their own: JSON as a tree where the front end has
one, and text everywhere. (IPython asks `_repr_pretty_` of the nearest class first; for a list it
would not ask `_repr_mimebundle_` for text at all.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["Facts", "Objects", "Texts"]


class Objects(list[Any]):
    """What `inspect` found: dicts in docker's shape, shown as JSON.

    A notebook is saved and passed on with what it shows: values in an environment whose names say
    that they are secret are not shown. The dicts themselves have them.
    """

    def _repr_json_(self) -> list[Any]:
        return [_without_secrets(each) for each in self]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        _write(printer, json.dumps(self._repr_json_(), indent=4).splitlines(), cycle)


_SECRET = re.compile(
    "(?i)pass(word|wd|phrase)|secret|token|credential|private|api_?key|access_?key"
)


def _without_secrets(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        return {key: _without_secrets(each, str(key)) for key, each in value.items()}
    if name == "Env" and isinstance(value, list):
        return [_without_secret(each) for each in value]
    return [_without_secrets(each) for each in value] if isinstance(value, list) else value


def _without_secret(entry: str) -> str:
    name, equals, _ = entry.partition("=")
    return f"{name}=********" if equals and _SECRET.search(name) else entry


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
