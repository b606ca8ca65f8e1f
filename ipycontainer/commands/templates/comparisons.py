"""What is true in a template, and what equals or comes before what.

Source: Go 1.24, text/template/funcs.go and exec.go. Functions raise ValueError in Go's words.
"""

from __future__ import annotations

from typing import Any

from ipycontainer.commands.templates.values import Value, printed

__all__ = ["equal", "less", "truth", "uncovered"]

_TYPE = "invalid type for comparison"
_INCOMPATIBLE = "incompatible types for comparison"
_MISSING = "missing argument for comparison"
_BASIC = frozenset({"bool", "int", "uint", "float", "complex", "string"})


def uncovered(value: Value | None) -> Value | None:
    """Return what an interface holds."""
    while value is not None and value.kind == "any":
        value = value.target
    return value


def truth(value: Value | None) -> bool:
    """Tell whether a value is true: not nil, not zero, not empty."""
    value = uncovered(value)
    if value is None or value.is_nil:
        return False
    if value.kind in ("slice", "map", "string"):
        return value.size > 0
    return True if value.kind in ("struct", "pointer") else bool(value.data)


def equal(first: Value | None, others: tuple[Value | None, ...]) -> bool:
    """Tell whether the first equals any of the others."""
    if not others:
        raise ValueError(_MISSING)
    first = uncovered(first)
    return any(_equal(first, uncovered(other)) for other in others)


def _equal(first: Value | None, other: Value | None) -> bool:
    if first is None or other is None:
        return (first is None or first.is_nil) and (other is None or other.is_nil)
    kinds = {first.kind, other.kind}
    if kinds <= {"int", "uint"} or (len(kinds) == 1 and kinds <= _BASIC):
        return bool(first.data == other.data)
    if kinds & _BASIC:
        raise ValueError(_INCOMPATIBLE)
    if first.type != other.type and not (first.is_nil or other.is_nil):
        raise ValueError(
            f"non-comparable types {printed(first)}: {first.type}, {other.type}: {printed(other)}"
        )
    if first.is_nil or other.is_nil:
        return first.is_nil == other.is_nil
    if other.kind in ("slice", "map"):
        raise ValueError(f"non-comparable type {printed(first)}: {first.type}")
    return bool(first.data == other.data)


def less(first: Value | None, other: Value | None) -> bool:
    """Tell whether the first comes before the other."""
    one, two = _ordered(first), _ordered(other)
    if one.kind != two.kind and {one.kind, two.kind} != {"int", "uint"}:
        raise ValueError(_INCOMPATIBLE)
    if one.kind in ("bool", "complex"):
        raise ValueError(_TYPE)
    left: Any = one.data
    right: Any = two.data
    if one.kind == "string":
        left, right = (each.encode(errors="surrogateescape") for each in (left, right))
    return bool(left < right)


def _ordered(value: Value | None) -> Value:
    value = uncovered(value)
    if value is None or value.kind not in _BASIC:
        raise ValueError(_TYPE)
    return value
