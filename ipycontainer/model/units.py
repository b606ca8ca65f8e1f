"""Sizes, durations and times as docker writes and reads them.

Sources: github.com/docker/go-units (size.go, duration.go), Go's time package,
docker/cli `opts/`. Times are nanoseconds
since the epoch; 0 stands for never and prints as Go's zero time.
"""

from __future__ import annotations

import re
import time
from datetime import datetime
from fractions import Fraction

from ipycontainer.errors import InvalidArgument

__all__ = [
    "ZERO_TIME",
    "go_time",
    "human_duration",
    "human_size",
    "human_size_binary",
    "parse_decimal_size",
    "parse_duration",
    "parse_size",
    "rfc3339",
    "rfc3339nano",
    "rfc3339nano_fixed",
]

ZERO_TIME = "0001-01-01T00:00:00Z"
_SECOND = 1_000_000_000

_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")

_RAM = re.compile(r"(\d+(?:\.\d+)*) ?([kmgtp])?i?b?", re.ASCII | re.IGNORECASE)

_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, micro sign
    "μs": 1_000,  # U+03BC, Greek mu: Go takes both
    "ms": 1_000_000,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
}


def human_size(size: float, precision: int = 4) -> str:
    """Return a size in bytes in decimal units with `precision` digits: `2.028MB`.

    Docker gives 3 digits in `images` and 4 elsewhere.
    """
    return _scaled(size, 1000, _DECIMAL, precision)


def human_size_binary(size: float, space: str = "") -> str:
    """Return a size in bytes in binary units with four digits: `23.54GiB`."""
    return _scaled(size, 1024, _BINARY, 4, space)


def _scaled(size: float, base: int, names: tuple[str, ...], precision: int, space: str = "") -> str:
    step = 0
    while size >= base and step < len(names) - 1:
        size /= base
        step += 1
    return f"{size:.{precision}g}{space}{names[step]}"


def parse_size(text: str) -> int:
    """Return the bytes of a size with binary units: `64m`, `1.5g`, `10 kib`, `100`.

    What 64 bits cannot hold becomes their smallest number, as in Go: the daemon then finds it
    negative. Raises InvalidArgument in the words of go-units' RAMInBytes.
    """
    return _size(text, 1024)


def parse_decimal_size(text: str) -> int:
    """Return the bytes of a size with decimal units (go-units' FromHumanSize): `10k` is 10,000."""
    return _size(text, 1000)


def _size(text: str, base: int) -> int:
    found = _RAM.fullmatch(text)
    if found is None:
        raise InvalidArgument(f"invalid size: '{text}'")
    try:
        size = float(found[1])
    except ValueError:
        wrong = f'strconv.ParseFloat: parsing "{found[1]}": invalid syntax'
        raise InvalidArgument(wrong) from None
    size *= base ** " kmgtp".index((found[2] or " ").lower())
    return int(size) if size < 2.0**63 else -(2**63)


def human_duration(seconds: float) -> str:
    """Return a duration as `ps` words it: `About a minute`, `47 hours`, `3 weeks`."""
    whole, hours = int(seconds), int(seconds / 3600 + 0.5)
    minutes = int(seconds / 60)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    if whole < 60:
        return f"{whole} seconds"
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{int(seconds / 3600) // 24 // 365} years"


def parse_duration(text: str) -> int:
    """Return the nanoseconds of a Go duration: `1h30m`, `1.5s`, `-2ms`, `0`.

    Raises InvalidArgument in Go's words.
    """
    wrong = InvalidArgument(f'time: invalid duration "{text}"')
    sign, rest = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    if not rest:
        raise wrong
    total = Fraction(0)
    while rest:
        number = re.match(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([^0-9.]*)", rest)
        if number is None:
            raise wrong
        if not number[2]:
            raise InvalidArgument(f'time: missing unit in duration "{text}"')
        if number[2] not in _UNITS_NS:
            raise InvalidArgument(f'time: unknown unit "{number[2]}" in duration "{text}"')
        total += Fraction(number[1].removesuffix(".")) * _UNITS_NS[number[2]]
        rest = rest[number.end() :]
    return sign * int(total)


def rfc3339nano(ns: int) -> str:
    """Return a time in UTC as Go's RFC3339Nano: no zeros at the end of the fraction."""
    if ns == 0:
        return ZERO_TIME
    fraction = f"{ns % _SECOND:09d}".rstrip("0")
    return _whole_seconds(ns) + (f".{fraction}Z" if fraction else "Z")


def rfc3339(ns: int) -> str:
    """Return a time in the local timezone as Go's RFC3339, whole seconds."""
    text = datetime.fromtimestamp(ns // _SECOND).astimezone().isoformat(timespec="seconds")
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def rfc3339nano_fixed(ns: int) -> str:
    """Return a time in UTC with nine digits of fraction, as `logs -t` aligns them."""
    return f"{_whole_seconds(ns)}.{ns % _SECOND:09d}Z"


def _whole_seconds(ns: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // _SECOND))


def go_time(ns: int, *, with_fraction: bool = False) -> str:
    """Return a time in the local timezone as Go prints it: `2026-11-24 09:01:11 +0000 UTC`.

    With a fraction, as times that come from the daemon whole: `09:01:11.5`.
    """
    fraction = f".{ns % _SECOND:09}".rstrip("0") if with_fraction and ns % _SECOND else ""
    return time.strftime(f"%Y-%m-%d %H:%M:%S{fraction} %z %Z", time.localtime(ns // _SECOND))
