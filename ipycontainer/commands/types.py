"""Types of flag values, with docker's names for its help and the errors of Go's parsers.

Each is a click type: `convert` fails with the words that docker prints after
`invalid argument "x" for "--flag" flag: `.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import click

from ipycontainer.commands import go_csv
from ipycontainer.commands.go_quoting import go_quote
from ipycontainer.errors import InvalidArgument
from ipycontainer.model.privileges import check_device_rule
from ipycontainer.model.units import parse_duration, parse_size

__all__ = [
    "Assignment",
    "Bytes",
    "DeviceRule",
    "Duration",
    "Filter",
    "HostAddress",
    "Integer",
    "Label",
    "List",
    "Map",
    "Stream",
    "String",
    "Strings",
    "Sysctl",
    "split",
]

# What docker's client lets through (opts.ValidateSysctl).
SYSCTLS = frozenset(
    f"kernel.{name}"
    for name in (
        *("msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"),
    )
)
SYSCTL_PREFIXES = ("net.", "fs.mqueue.")

if TYPE_CHECKING:
    _Type = click.ParamType[Any]
else:
    _Type = click.ParamType  # takes no parameter before click 8.5


class String(_Type):
    """One text."""

    name = "string"


class List(_Type):
    """One text of several; the name is what docker's help shows."""

    name = "list"


class Strings(_Type):
    """Texts between commas, by CSV's rules: pflag's StringSlice. `split` takes them apart."""

    name = "strings"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text as it stands, which can be taken apart."""
        try:
            go_csv.fields(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return value


def split(words: Sequence[str]) -> tuple[str, ...]:
    """Return the single texts of a flag that may hold several each time it is given."""
    return tuple(text for word in words for text in go_csv.fields(word))


class Integer(_Type):
    """A whole number in Go's spelling: decimal, 0x, 0o, 0b, with underscores between digits."""

    name = "int"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number."""
        if isinstance(value, int):
            return value
        try:
            # Go's base 0 reads a leading zero as octal, which Python refuses.
            number = int(re.sub(r"^([+-]?)0([0-7_]+)$", r"\g<1>0o\2", value), 0)
        except ValueError:
            self.fail(f"strconv.ParseInt: parsing {go_quote(value)}: invalid syntax", param, ctx)
        if not -(2**63) <= number < 2**63:
            text = f"strconv.ParseInt: parsing {go_quote(value)}: value out of range"
            self.fail(text, param, ctx)
        return number


class Assignment(_Type):
    """An environment variable: `K=V`, or `K` alone for the caller's own."""

    name = "list"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text as it stands: the caller's environment is looked up by the verb."""
        if not value.partition("=")[0]:
            self.fail(f"invalid environment variable: {value}", param, ctx)
        return value


class Stream(_Type):
    """One of the three standard streams, in any case."""

    name = "list"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return its name in lower case."""
        if value.lower() not in ("stdin", "stdout", "stderr"):
            self.fail("valid streams are STDIN, STDOUT and STDERR", param, ctx)
        return value.lower()


_BLANKS = " \t"


class Label(_Type):
    """A label: `K=V`, or `K` alone for an empty value."""

    name = "list"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text as it stands."""
        name = value.partition("=")[0].lstrip(_BLANKS)
        if not name:
            self.fail(f"invalid label '{value}': empty name", param, ctx)
        if any(blank in name for blank in _BLANKS):
            self.fail(f"label '{name}' contains whitespaces", param, ctx)
        return value


class Map(_Type):
    """`K=V`, or `K` alone for an empty value."""

    name = "map"


class _Measure(_Type):
    """A whole number that is written with units; what `read` refuses fails in its words."""

    read: Callable[[str], int]

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number in the smallest unit."""
        if isinstance(value, int):
            return value
        try:
            return self.read(value)
        except InvalidArgument as error:
            self.fail(error.message, param, ctx)


class Bytes(_Measure):
    """A size with docker's binary units, in bytes: `64m`."""

    name = "bytes"
    read = staticmethod(parse_size)


class Duration(_Measure):
    """A duration in Go's spelling, in nanoseconds: `1m30s`."""

    name = "duration"
    read = staticmethod(parse_duration)


class DeviceRule(_Type):
    """A line of a device cgroup: `c 7:* rwm`."""

    name = "list"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text as it stands."""
        try:
            check_device_rule(value)
        except InvalidArgument as error:
            self.fail(error.message, param, ctx)
        return value


class Sysctl(_Type):
    """A kernel parameter of a namespace of the container's own: `K=V`."""

    name = "map"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text as it stands."""
        name, equals, _ = value.partition("=")
        if not equals or not (name in SYSCTLS or name.startswith(SYSCTL_PREFIXES)):
            self.fail(f"sysctl '{value}' is not allowed", param, ctx)
        return value


class HostAddress(_Type):
    """A line of /etc/hosts: `NAME:ADDRESS` or `NAME=ADDRESS`."""

    name = "list"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return `NAME:ADDRESS`, without brackets around an address of version 6."""
        at = min((value.find(mark) for mark in "=:" if mark in value), default=0)
        name, address = value[:at], value[at + 1 :]
        if not name:
            self.fail(f"bad format for add-host: {go_quote(value)}", param, ctx)
        if address.startswith("[") and address.endswith("]"):
            address = address[1:-1]
        if address != "host-gateway":
            try:
                if "%" in address:  # a zone: Go's net.ParseIP has none
                    raise ValueError(address)
                ip_address(address)
            except ValueError:
                self.fail(f"invalid IP address in add-host: {go_quote(address)}", param, ctx)
        return f"{name}:{address}"


class Filter(_Type):
    """A filter: `key=value`, the key in any case."""

    name = "filter"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return key and value."""
        if isinstance(value, tuple):
            return value
        key, equals, text = value.partition("=")
        if not equals and value:
            self.fail("bad format of filter (expected name=value)", param, ctx)
        return key.strip().lower(), text.strip()
