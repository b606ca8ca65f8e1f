"""What a template may call on times and durations: the methods of Go's time.Time and its kin.

Docker's client knows four values as times: a network's Created, an image's Metadata.LastTagTime,
Start and End of a health check. Data is the text of JSON, as everywhere; a method that gives two
results cannot be called from a template. Source: Go 1.24, time/time.go.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from ipycontainer.commands.templates.functions import Function
from ipycontainer.commands.templates.layouts import (
    MONTHS,
    SECOND,
    YEAR_ONE,
    Moment,
    formatted,
    read,
)
from ipycontainer.commands.templates.values import (
    BOOL,
    FLOAT,
    INT,
    STRING,
    GoType,
    Value,
    printed,
)

__all__ = ["METHODS"]

TIME = GoType("struct", "time.Time")
DURATION = GoType("int", "time.Duration")
MONTH, WEEKDAY = GoType("int", "time.Month"), GoType("int", "time.Weekday")
LOCATION = GoType("pointer", "*time.Location", GoType("struct", "time.Location"))
INT64 = GoType("int", "int64")
_BYTES = GoType("slice", "[]uint8", GoType("uint", "uint8"))


def _time(moment: Moment) -> Value:
    return Value(TIME, moment.text)


def _go_string(moment: Moment) -> str:
    at = moment.clock
    parts = (at.year, f"time.{MONTHS[at.month - 1]}", at.day, at.hour, at.minute, at.second)
    where = "time.Local" if moment.offset else "time.UTC"
    return f"time.Date({', '.join(map(str, parts))}, {moment.nanosecond}, {where})"


def _is_summer(moment: Moment) -> bool:
    return bool(moment.offset and time.localtime(moment.ns // SECOND).tm_isdst)


def _local(moment: Moment) -> Value:
    return _time(Moment(moment.ns, time.localtime(moment.ns // SECOND).tm_gmtoff))


def _add_date(moment: Moment, years: int, months: int, days: int) -> Value:
    at = moment.clock
    year, month = divmod(at.year * 12 + at.month - 1 + years * 12 + months, 12)
    try:
        new = at.replace(year=year, month=month + 1, day=1) + timedelta(days=at.day - 1 + days)
    except OverflowError as error:
        raise ValueError(str(error)) from None
    return _time(Moment(moment.ns + (new - at) // timedelta(seconds=1) * SECOND, moment.offset))


def _stepped(ns: int, step: int, zero: int, *, up: bool) -> int:
    """Cut a number to a multiple of a step, counted from a zero; half of it goes `up`."""
    if step <= 0:
        return ns
    rest = (ns - zero) % step
    return ns - rest + (step if up and rest * 2 >= step else 0)


def _moment_stepped(moment: Moment, step: int, *, up: bool) -> Value:
    return _time(Moment(_stepped(moment.ns, step, YEAR_ONE * SECOND, up=up), moment.offset))


def _binary(moment: Moment) -> bytes:
    offset = moment.offset // 60 if moment.offset else -1
    seconds = moment.ns // SECOND - YEAR_ONE
    return (
        b"\x01"
        + seconds.to_bytes(8, "big", signed=True)
        + moment.nanosecond.to_bytes(4, "big")
        + offset.to_bytes(2, "big", signed=True)
    )


def _raw(data: bytes) -> Value:
    return Value(_BYTES, list(data))


_Method = tuple[tuple[GoType, ...], Callable[..., Value]]
_Finder = Callable[[Value, str], Function | None]

_OF_TIME: dict[str, _Method] = {
    "Add": ((DURATION,), lambda t, d: _time(Moment(t.ns + d, t.offset))),
    "AddDate": ((INT, INT, INT), _add_date),
    "After": ((TIME,), lambda t, u: Value(BOOL, t.ns > read(u).ns)),
    "Before": ((TIME,), lambda t, u: Value(BOOL, t.ns < read(u).ns)),
    "Equal": ((TIME,), lambda t, u: Value(BOOL, t.ns == read(u).ns)),
    "Compare": ((TIME,), lambda t, u: Value(INT, (t.ns > read(u).ns) - (t.ns < read(u).ns))),
    "Day": ((), lambda t: Value(INT, t.clock.day)),
    "Format": ((STRING,), lambda t, layout: Value(STRING, formatted(t, layout))),
    "GoString": ((), lambda t: Value(STRING, _go_string(t))),
    "Hour": ((), lambda t: Value(INT, t.clock.hour)),
    "IsDST": (
        (),
        lambda t: Value(BOOL, bool(t.offset and time.localtime(t.ns // SECOND).tm_isdst)),
    ),
    "IsZero": ((), lambda t: Value(BOOL, t.ns == YEAR_ONE * SECOND)),
    "Local": ((), _local),
    "Location": ((), lambda t: Value(LOCATION, "Local" if t.offset else "UTC")),
    "MarshalBinary": ((), lambda t: _raw(_binary(t))),
    "MarshalJSON": ((), lambda t: _raw(f'"{t.text}"'.encode())),
    "MarshalText": ((), lambda t: _raw(t.text.encode())),
    "Minute": ((), lambda t: Value(INT, t.clock.minute)),
    "Month": ((), lambda t: Value(MONTH, t.clock.month)),
    "Nanosecond": ((), lambda t: Value(INT, t.nanosecond)),
    "Round": ((DURATION,), lambda t, d: _moment_stepped(t, d, up=True)),
    "Second": ((), lambda t: Value(INT, t.clock.second)),
    "String": ((), lambda t: Value(STRING, printed(_time(t)))),
    "Sub": ((TIME,), lambda t, u: Value(DURATION, t.ns - read(u).ns)),
    "Truncate": ((DURATION,), lambda t, d: _moment_stepped(t, d, up=False)),
    "UTC": ((), lambda t: _time(Moment(t.ns))),
    "Unix": ((), lambda t: Value(INT64, t.ns // SECOND)),
    "UnixMicro": ((), lambda t: Value(INT64, t.ns // 1000)),
    "UnixMilli": ((), lambda t: Value(INT64, t.ns // 1_000_000)),
    "UnixNano": ((), lambda t: Value(INT64, t.ns)),
    "Weekday": ((), lambda t: Value(WEEKDAY, t.clock.isoweekday() % 7)),
    "Year": ((), lambda t: Value(INT, t.clock.year)),
    "YearDay": ((), lambda t: Value(INT, t.clock.timetuple().tm_yday)),
}
_OF_DURATION: dict[str, _Method] = {
    "Abs": ((), lambda d: Value(DURATION, abs(d))),
    "Hours": ((), lambda d: Value(FLOAT, d / (3600 * SECOND))),
    "Microseconds": ((), lambda d: Value(INT64, int(d / 1000))),
    "Milliseconds": ((), lambda d: Value(INT64, int(d / 1_000_000))),
    "Minutes": ((), lambda d: Value(FLOAT, d / (60 * SECOND))),
    "Nanoseconds": ((), lambda d: Value(INT64, d)),
    "Round": ((DURATION,), lambda d, step: Value(DURATION, _stepped(d, step, 0, up=True))),
    "Seconds": ((), lambda d: Value(FLOAT, d / SECOND)),
    "String": ((), lambda d: Value(STRING, printed(Value(DURATION, d)))),
    "Truncate": ((DURATION,), lambda d, step: Value(DURATION, _stepped(d, step, 0, up=False))),
}


def _bound(methods: Mapping[str, _Method], read: Callable[[Any], Any]) -> _Finder:
    def find(value: Value, name: str) -> Function | None:
        if name not in methods:
            return None
        takes, run = methods[name]
        return Function(takes, lambda *given: run(read(value.data), *given))

    return find


def _named(kind: GoType) -> _Finder:
    methods: dict[str, _Method] = {
        "String": ((), lambda data: Value(STRING, printed(Value(kind, data))))
    }
    return _bound(methods, lambda data: data)


# By the name of a type: what finds a method of one of its values.
METHODS: Mapping[str, _Finder] = {
    "time.Time": _bound(_OF_TIME, read),
    "time.Duration": _bound(_OF_DURATION, lambda data: data),
    "time.Month": _named(MONTH),
    "time.Weekday": _named(WEEKDAY),
    "time.Location": _named(LOCATION),
}
