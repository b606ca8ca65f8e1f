"""Types of the values that limit a container: sizes, processors, devices, ulimits.

`convert` fails with the words that docker prints after `invalid argument "x" for "--flag" flag: `.
Sources: docker/cli `opts/{opts,throttledevice,weightdevice,ulimit}.go`, docker/go-units.
"""

from __future__ import annotations

from fractions import Fraction

import click

from ipycontainer.commands.go_quoting import go_quote
from ipycontainer.commands.types import Bytes, _Type
from ipycontainer.errors import InvalidArgument
from ipycontainer.model.limits import ULIMITS, DeviceLimit, Ulimit
from ipycontainer.model.units import parse_size

__all__ = ["Cpus", "IoRate", "IoWeight", "SwapBytes", "UlimitType", "Unsigned16"]

_Context = click.Context | None
_Parameter = click.Parameter | None


class SwapBytes(Bytes):
    """A size, or -1 for unlimited swap."""

    def convert(self, value: str | int, param: _Parameter, ctx: _Context) -> int:
        """Return bytes or -1."""
        return -1 if value == "-1" else super().convert(value, param, ctx)


class Cpus(_Type):
    """A number of processors, as an exact fraction; the result is in billionths."""

    name = "decimal"

    def convert(self, value: str | int, param: _Parameter, ctx: _Context) -> int:
        """Return nano-cpus."""
        if isinstance(value, int):
            return value
        try:
            nano = Fraction(value) * 1_000_000_000
        except (ValueError, ZeroDivisionError):
            self.fail(f"failed to parse {value} as a rational number", param, ctx)
        if nano.denominator != 1:
            self.fail("value is too precise", param, ctx)
        return int(nano)


class Unsigned16(_Type):
    """A whole number below 65536."""

    name = "uint16"

    def convert(self, value: str | int, param: _Parameter, ctx: _Context) -> int:
        """Return the number."""
        if isinstance(value, int):
            return value
        number = _unsigned(value, 16)
        if isinstance(number, str):
            self.fail(number, param, ctx)
        return number


def _unsigned(text: str, bits: int) -> int | str:
    """Return a number, or what Go's parser says instead."""
    if not (text.isascii() and text.isdecimal()):
        return f"strconv.ParseUint: parsing {go_quote(text)}: invalid syntax"
    if int(text) >= 1 << bits:
        return f"strconv.ParseUint: parsing {go_quote(text)}: value out of range"
    return int(text)


class _OfDevice(_Type):
    """Something for one block device: `/dev/sda:VALUE`."""

    name = "list"

    def convert(self, value: str | DeviceLimit, param: _Parameter, ctx: _Context) -> DeviceLimit:
        """Return path and number."""
        if isinstance(value, DeviceLimit):
            return value
        path, colon, text = value.partition(":")
        if not colon or not path:
            self.fail(f"bad format: {value}", param, ctx)
        if not path.startswith("/dev/"):
            self.fail(f"bad format for device path: {value}", param, ctx)
        number = self.number(text)
        if number is None:
            self.fail(self.wrong(value), param, ctx)
        return DeviceLimit(path, number)

    def number(self, text: str) -> int | None:
        """Return the number of a device, None for what is none."""
        raise NotImplementedError

    def wrong(self, value: str) -> str:
        """Return docker's words for a number that is none."""
        raise NotImplementedError


class IoWeight(_OfDevice):
    """A device's weight."""

    def number(self, text: str) -> int | None:
        """Return 0, or 10 to 1000."""
        weight = _unsigned(text, 16)
        if isinstance(weight, str) or (weight and not 10 <= weight <= 1000):
            return None
        return weight

    def wrong(self, value: str) -> str:
        """Return docker's words."""
        return f"invalid weight for device: {value}"


class IoRate(_OfDevice):
    """Bytes or requests a second for a device."""

    def __init__(self, *, of_bytes: bool = True) -> None:
        self._of_bytes = of_bytes

    def number(self, text: str) -> int | None:
        """Return the rate."""
        if not self._of_bytes:
            rate = _unsigned(text, 64)
            return None if isinstance(rate, str) else rate
        try:
            return parse_size(text)
        except InvalidArgument:
            return None

    def wrong(self, value: str) -> str:
        """Return docker's words."""
        start = f"invalid rate for device: {value}. The correct format is <device-path>:<number>"
        if not self._of_bytes:
            return f"{start}. Number must be a positive integer"
        return (
            f"{start}[<unit>]. Number must be a positive integer. "
            "Unit is optional and can be kb, mb, or gb"
        )


class UlimitType(_Type):
    """A resource limit: `nofile=1024[:2048]`."""

    name = "ulimit"

    def convert(self, value: str | Ulimit, param: _Parameter, ctx: _Context) -> Ulimit:
        """Return the limit; hard is soft where it is not given."""
        if isinstance(value, Ulimit):
            return value
        name, equals, text = value.partition("=")
        if not equals:
            self.fail(f"invalid ulimit argument: {value}", param, ctx)
        if name not in ULIMITS:
            self.fail(f"invalid ulimit type: {name}", param, ctx)
        parts = text.split(":")
        if len(parts) > 2:
            self.fail(
                f"too many limit value arguments - {text}, can only have up to two, `soft[:hard]`",
                param,
                ctx,
            )
        numbers = []
        for part in reversed(parts):  # docker reads the hard limit first
            try:
                numbers.append(int(part) if part.strip() == part and "_" not in part else int(""))
            except ValueError:
                self.fail(f"strconv.ParseInt: parsing {go_quote(part)}: invalid syntax", param, ctx)
        hard, soft = numbers[0], numbers[-1]
        less = "ulimit soft limit must be less than or equal to hard limit"
        if hard != -1 and soft == -1:
            self.fail(f"{less}: soft: -1 (unlimited), hard: {hard}", param, ctx)
        if hard != -1 and soft > hard:
            self.fail(f"{less}: {soft} > {hard}", param, ctx)
        return Ulimit(name, soft, hard)
