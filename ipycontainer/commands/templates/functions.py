"""The functions of a template: Go's own and docker's.

Sources: Go 1.24, text/template/funcs.go; docker/cli 26.1, templates/templates.go. What fails raises
ValueError in Go's words; the execution says where.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote_plus

from ipycontainer.commands.templates.comparisons import equal, less, truth, uncovered
from ipycontainer.commands.templates.printf import sprint, sprintf, sprintln
from ipycontainer.commands.templates.values import (
    ANY,
    BOOL,
    INT,
    STRING,
    STRINGS,
    GoType,
    Row,
    Value,
    indirect,
    within,
)
from ipycontainer.model.go_json import go_json

__all__ = ["FUNCTIONS", "HEADER_FUNCTIONS", "Function"]

# Go hands its own functions values as they are, be they nil.
RAW = GoType("struct", "reflect.Value")


@dataclass(frozen=True, slots=True)
class Function:
    """A function: what it takes, the type of any further arguments, and what it does.

    `lazy`: it is given its arguments one by one until it knows (`and`, `or`).
    """

    takes: tuple[GoType, ...]
    run: Callable[..., Any]
    more: GoType | None = None
    lazy: bool = False


def _plain(value: Value | None) -> Any:
    """Return what JSON has for a value."""
    if value is None or value.is_nil:
        return None
    if isinstance(value.data, Value):
        return _plain(value.data)
    if value.type.name == "json.Number":
        return json.loads(value.data)
    if value.kind == "map":
        return {key: _plain(value.get(key)) for key in value.keys}
    if isinstance(value.data, Row):
        return {name: value.data.fields[name] for name in sorted(value.data.fields)}
    if value.kind == "pointer":
        return _plain(value.target)
    if value.kind == "slice" and (_is_of_rows(value) or value.type.element == ANY):
        return [_plain(value.at(number)) for number in range(value.size)]
    return value.data


def _json(value: Value | None) -> str:
    return go_json(_plain(value), for_html=_is_of_rows(value))


def _is_of_rows(value: Value | None) -> bool:
    """Tell whether a value is a listing's row, or several: docker's formatters write those."""
    data = None if value is None else value.data
    rows = data if isinstance(data, list) else [data]
    return any(isinstance(each, Row) for each in rows)


def _index(item: Value | None, *indexes: Value | None) -> Value | None:
    item = uncovered(item)
    if item is None:
        raise ValueError("index of untyped nil")
    for given in indexes:
        index = uncovered(given)
        found = indirect(item)
        if found is None or (found.is_nil and found.kind == "pointer"):
            raise ValueError("index of nil pointer")
        item = _item(found, index)
    return item


def _item(found: Value, index: Value | None) -> Value | None:
    if found.kind in ("slice", "string"):
        place = _place(index, found.size)
        if place == found.size:
            raise ValueError(f"reflect: {found.kind} index out of range")
        if found.kind == "slice":
            return found.at(place)
        return Value(_BYTE, found.data.encode(errors="surrogateescape")[place])
    if found.kind != "map":
        raise ValueError(f"can't index item of type {found.type}")
    wanted = found.type.key or STRING
    if index is None:
        raise ValueError(f"value is nil; should be of type {wanted}")
    if index.type.name != wanted.name:
        raise ValueError(f"value has type {index.type}; should be {wanted}")
    there = found.get(index.data)
    return within(found.type.element or ANY, None) if there is None else there


_BYTE = GoType("uint", "uint8")


def _place(index: Value | None, most: int) -> int:
    if index is None:
        raise ValueError("cannot index slice/array with nil")
    if index.kind not in ("int", "uint"):
        raise ValueError(f"cannot index slice/array with type {index.type}")
    place = int(index.data)
    if not 0 <= place <= most:
        raise ValueError(f"index out of range: {place}")
    return place


def _slice(item: Value | None, *indexes: Value | None) -> Value:
    item = uncovered(item)
    if item is None:
        raise ValueError("slice of untyped nil")
    if len(indexes) > 3:
        raise ValueError(f"too many slice indexes: {len(indexes)}")
    if item.kind == "string" and len(indexes) == 3:
        raise ValueError("cannot 3-index slice a string")
    if item.kind not in ("string", "slice"):
        raise ValueError(f"can't slice item of type {item.type}")
    places = [_place(uncovered(index), item.size) for index in indexes]
    first, last = [*places, *[0, item.size][len(places) :]][:2]
    if first > last:
        raise ValueError(f"invalid slice index: {first} > {last}")
    if len(places) == 3 and last > places[2]:
        raise ValueError(f"invalid slice index: {last} > {places[2]}")
    if item.kind == "string":
        data = item.data.encode(errors="surrogateescape")[first:last]
        return replace(item, data=data.decode(errors="surrogateescape"))
    return replace(item, data=(item.data or [])[first:last])


def _len(item: Value | None) -> int:
    found = indirect(item)
    if found is None:
        raise ValueError("reflect: call of reflect.Value.Type on zero Value")
    if found.is_nil and found.kind == "pointer":
        raise ValueError("len of nil pointer")
    if found.kind not in ("string", "slice", "map"):
        raise ValueError(f"len of type {found.type}")
    return found.size


def _call(callee: Value | None, *_: Value | None) -> None:
    """Refuse: nothing that docker shows is a function."""
    callee = uncovered(callee)
    if callee is None:
        raise ValueError("call of nil")
    raise ValueError(f"non-function {{node}} of type {callee.type}")


def _evaluated(values: tuple[Value | None, ...]) -> str:
    """Return arguments as Go's escapers take them: one text as it is, else as print has them."""
    return sprint(tuple(indirect(value) for value in values))


_HTML = str.maketrans(
    {"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
_JS = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    "=": "\\u003D",
}


def _js(text: str) -> str:
    return "".join(
        _JS.get(each) or (each if each.isprintable() else f"\\u{ord(each):04X}") for each in text
    )


def _urlquery(text: str) -> str:
    return quote_plus(text.encode(errors="surrogateescape"), safe="~")


def _split(text: str, separator: str) -> list[str]:
    return text.split(separator) if separator else list(text)


def _title(text: str) -> str:
    """Return a text with each word's first letter as Go's strings.Title has it."""
    return re.sub(r"(?<!\w)[^\W\d_]", lambda letter: letter[0].title(), text)


def _pad(text: str, before: int, after: int) -> str:
    if before < 0 or after < 0:
        raise ValueError("strings: negative Repeat count")
    return " " * before + text + " " * after if text else text


def _truncate(text: str, length: int) -> str:
    data = text.encode(errors="surrogateescape")
    if len(data) < length:
        return text
    if length < 0:
        raise ValueError(f"runtime error: slice bounds out of range [:{length}]")
    return data[:length].decode(errors="surrogateescape")


def _not(value: Value | None) -> bool:
    return not truth(value)


FUNCTIONS: Mapping[str, Function] = {
    "and": Function((RAW,), truth, RAW, lazy=True),
    "call": Function((RAW,), _call, RAW),
    "eq": Function((RAW,), lambda first, *others: equal(first, others), RAW),
    "ge": Function((RAW, RAW), lambda a, b: not less(a, b)),
    "gt": Function((RAW, RAW), lambda a, b: not (less(a, b) or equal(a, (b,)))),
    "html": Function((), lambda *each: _evaluated(each).translate(_HTML), ANY),
    "index": Function((RAW,), _index, RAW),
    "join": Function((STRINGS, STRING), lambda words, mark: mark.join(words)),
    "js": Function((), lambda *each: _js(_evaluated(each)), ANY),
    "json": Function((ANY,), _json),
    "le": Function((RAW, RAW), lambda a, b: less(a, b) or equal(a, (b,))),
    "len": Function((RAW,), _len),
    "lower": Function((STRING,), str.lower),
    "lt": Function((RAW, RAW), less),
    "ne": Function((RAW, RAW), lambda a, b: not equal(a, (b,))),
    "not": Function((RAW,), _not),
    "or": Function((RAW,), truth, RAW, lazy=True),
    "pad": Function((STRING, INT, INT), _pad),
    "print": Function((), lambda *each: sprint(each), ANY),
    "printf": Function((STRING,), lambda form, *each: sprintf(form, each), ANY),
    "println": Function((), lambda *each: sprintln(each), ANY),
    "slice": Function((RAW,), _slice, RAW),
    "split": Function((STRING, STRING), _split),
    "title": Function((STRING,), _title),
    "truncate": Function((STRING, INT), _truncate),
    "upper": Function((STRING,), str.upper),
    "urlquery": Function((), lambda *each: _urlquery(_evaluated(each)), ANY),
}

# In the head of a table docker's functions leave the column's name as it is.
HEADER_FUNCTIONS: Mapping[str, Function] = {
    **FUNCTIONS,
    "join": Function((STRING, STRING), lambda name, _: name),
    "json": Function((STRING,), lambda name: name),
    "lower": Function((STRING,), lambda name: name),
    "split": Function((STRING, STRING), lambda name, _: name),
    "title": Function((STRING,), lambda name: name),
    "truncate": Function((STRING, INT), lambda name, _: name),
    "upper": Function((STRING,), lambda name: name),
}

RESULTS: Mapping[type, GoType] = {bool: BOOL, int: INT, str: STRING, list: STRINGS}
