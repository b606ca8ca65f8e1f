"""Values with Go's types, and how Go's fmt prints them.

A template asks for a value's type more often than one would think: what it prints when it is empty,
whether it is true, what it can be compared with, and how it is called in an error. A value holds
JSON's data (or what Python has for it) and the Go type in which docker's client keeps that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, cast

from ipycontainer.commands.templates.layouts import DAYS, MONTHS, formatted, read
from ipycontainer.model.health import go_duration

__all__ = [
    "ANY",
    "BOOL",
    "FLOAT",
    "INT",
    "NUMBER",
    "RUNE",
    "STRING",
    "STRINGS",
    "GoType",
    "Member",
    "Row",
    "Value",
    "bare",
    "indirect",
    "printed",
    "says_itself",
    "within",
]

Kind = Literal[
    "bool", "int", "uint", "float", "complex", "string", "slice", "map", "struct", "pointer", "any"
]


@dataclass(frozen=True, slots=True)
class Member:
    """A field of a struct: its name in Go, its key in JSON, and its type."""

    name: str
    key: str
    type: GoType
    embedded: bool = False


@dataclass(frozen=True, slots=True)
class GoType:
    """A type: what it is, how Go calls it, what it consists of.

    `methods` are the fields of docker's formatters, which are functions there: names, each with its
    number of arguments.
    """

    kind: Kind
    name: str
    element: GoType | None = None
    key: GoType | None = None
    members: tuple[Member, ...] = ()
    methods: Mapping[str, int] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return self.name

    @property
    def can_be_nil(self) -> bool:
        """Tell whether nil is a value of it."""
        return self.kind in ("slice", "map", "pointer", "any")

    def __hash__(self) -> int:
        return hash(self.name)


ANY = GoType("any", "interface {}")
BOOL = GoType("bool", "bool")
INT = GoType("int", "int")
RUNE = GoType("int", "int32")
FLOAT = GoType("float", "float64")
STRING = GoType("string", "string")
STRINGS = GoType("slice", "[]string", STRING)
NUMBER = GoType("string", "json.Number")
_LIST = GoType("slice", "[]interface {}", ANY)
_OBJECT = GoType("map", "map[string]interface {}", ANY, STRING)

_EXPONENT_FROM = 6  # digits before the point, less one
_ZERO: dict[str, Any] = {"bool": False, "int": 0, "uint": 0, "float": 0.0, "string": ""}


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a listing: its fields, and what tells its labels where it has some."""

    fields: Mapping[str, str]
    label: Callable[[str], str] | None


@dataclass(frozen=True, slots=True)
class Value:
    """A value. `data` is None for nil, another Value in an interface, else what JSON has for it."""

    type: GoType
    data: Any

    @property
    def kind(self) -> str:
        """Return the kind of its type."""
        return self.type.kind

    @property
    def is_nil(self) -> bool:
        """Tell whether it is nil."""
        return self.data is None and self.type.can_be_nil

    @property
    def size(self) -> int:
        """Return how many elements it has; of a text, how many bytes."""
        if self.kind == "string":
            return len(_bytes(self.data))
        return len(self.data) if self.data is not None else 0

    def at(self, index: int) -> Value:
        """Return an element of a slice."""
        return within(self.type.element or ANY, self.data[index])

    def method(self, name: str) -> Callable[..., str]:
        """Return a field of a row that is a function."""
        if name == "Label":
            return cast("Callable[..., str]", self.data.label)
        return lambda: str(self.data.fields[name])

    def get(self, key: Any) -> Value | None:
        """Return an element of a map, None where there is none."""
        data = self.data.fields if isinstance(self.data, Row) else self.data
        if data is None or key not in data:
            return None
        return within(self.type.element or ANY, data[key])

    @property
    def keys(self) -> list[Any]:
        """Return a map's keys in Go's order."""
        return sorted(self.data or ())

    @property
    def target(self) -> Value | None:
        """Return what a pointer points to, or what an interface holds."""
        if self.data is None:
            return None
        if isinstance(self.data, Value):
            return self.data
        return within(self.type.element or ANY, self.data)

    def member(self, name: str) -> Value | None:
        """Return a struct's field, also one of an embedded struct; None where it has none."""
        for each in self.type.members:
            if each.name == name:
                inner = self.data if each.embedded else (self.data or {}).get(each.key)
                return within(each.type, inner)
        for each in self.type.members:
            if each.embedded:
                embedded = within(each.type, self.data)
                found = embedded.target if embedded.kind == "pointer" else embedded
                if found is not None and (inner_found := found.member(name)) is not None:
                    return inner_found
        return None


def within(type_: GoType, data: Any) -> Value:
    """Return data as a value of a type; nothing is the type's zero value."""
    if type_.kind == "any":
        return data if isinstance(data, Value) and data.kind == "any" else Value(ANY, bare(data))
    if isinstance(data, Value):
        return data
    if data is None:
        data = {} if type_.kind == "struct" else _ZERO.get(type_.kind)
    return Value(type_, data)


def bare(data: Any) -> Value | None:
    """Return JSON's data as Go's decoder gives it to who names no type; None for nil."""
    if data is None or isinstance(data, Value):
        return data
    if isinstance(data, bool):
        return Value(BOOL, data)
    if isinstance(data, int | float):
        return Value(NUMBER, str(data))
    if isinstance(data, str):
        return Value(STRING, data)
    if isinstance(data, Mapping):
        return Value(_OBJECT, data)
    return Value(_LIST, data)


def indirect(value: Value | None) -> Value | None:
    """Return what is at the end of pointers and interfaces: the last one where that is nil."""
    while value is not None and value.kind in ("pointer", "any") and not value.is_nil:
        value = value.target
    return value


def says_itself(value: Value) -> bool:
    """Tell whether its type has a String method, which Go's fmt asks for a text."""
    return value.type.name.lstrip("*") in _STRINGERS and not value.is_nil


def printed(value: Value | None, *, named: bool = False) -> str:
    """Return a value as %v prints it, `named` as %+v: the fields of structs with their names.

    A pointer inside something is printed as what it points to, where Go prints its address.
    """
    if value is None:
        return "<nil>"
    if (told := _STRINGERS.get(value.type.name.lstrip("*"))) is not None and not value.is_nil:
        return told(value.target.data if value.kind == "pointer" and value.target else value.data)
    match value.kind:
        case "bool":
            return "true" if value.data else "false"
        case "float":
            return float_text(value.data)
        case "complex":
            return _complex_text(value.data)
        case "slice":
            inner = " ".join(printed(value.at(i), named=named) for i in range(value.size))
            return f"[{inner}]"
        case "map":
            pairs = (f"{key}:{printed(value.get(key), named=named)}" for key in value.keys)
            return f"map[{' '.join(pairs)}]"
        case "struct" if isinstance(value.data, Row):
            return f"{{{' '.join(value.data.fields.values())}}}"
        case "struct":
            return f"{{{' '.join(_members(value, named))}}}"
        case "pointer":
            if value.is_nil:
                return "<nil>"
            text = printed(value.target, named=named)
            target = value.target
            composed = target is not None and target.kind in ("struct", "map", "slice")
            return (
                f"&{text}" if composed and value.type.name.lstrip("*") not in _STRINGERS else text
            )
        case "any":
            return printed(value.target, named=named)
    return str(value.data)


def _members(value: Value, named: bool) -> Iterator[str]:
    for each in value.type.members:
        inner = value.data if each.embedded else value.data.get(each.key)
        text = printed(within(each.type, inner), named=named)
        yield f"{each.name}:{text}" if named else text


def float_text(number: float) -> str:
    """Return a number as %v prints it: the shortest text, from a million on with an exponent."""
    if number != number:
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "+Inf" if number > 0 else "-Inf"
    digits, _, exponent = f"{Decimal(repr(number)).normalize():e}".partition("e")
    power = int(exponent)
    if -5 < power < _EXPONENT_FROM:
        return f"{Decimal(repr(number)).normalize():f}"
    return f"{digits}e{'-' if power < 0 else '+'}{abs(power):02d}"


def _complex_text(number: complex) -> str:
    imaginary = float_text(number.imag)
    sign = "" if imaginary.startswith(("-", "+")) else "+"
    return f"({float_text(number.real)}{sign}{imaginary}i)"


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _device(data: Mapping[str, Any]) -> str:
    return f"{data.get('Path', '')}:{data.get('Rate', data.get('Weight', 0))}"


def _ulimit(data: Mapping[str, Any]) -> str:
    return f"{data.get('Name', '')}={data.get('Soft', 0)}:{data.get('Hard', 0)}"


# Types that say themselves how they are printed.
_STRINGERS: dict[str, Callable[[Any], str]] = {
    "time.Duration": go_duration,
    "time.Location": str,
    "time.Month": lambda number: MONTHS[number - 1],
    "time.Time": lambda text: formatted(read(text), "2006-01-02 15:04:05.999999999 -0700 MST"),
    "time.Weekday": DAYS.__getitem__,
    "units.Ulimit": _ulimit,
    "blkiodev.WeightDevice": _device,
    "blkiodev.ThrottleDevice": _device,
}
