"""What docker's daemon says of the values given to log drivers that we have not.

Sources: moby 26.1 `daemon/logger/{syslog,gelf,fluentd}`; addresses are read as Go's net/url reads
them, whose words are told.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ipycontainer.errors import InvalidArgument
from ipycontainer.model.booleans import go_bool
from ipycontainer.model.units import parse_duration, parse_size

__all__ = ["check"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_PORT = re.compile(r":[0-9]*")
_FACILITIES = frozenset(
    "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp".split()
) | {f"local{number}" for number in range(8)}
_MOST_FACILITY = 23
_FORMATS = ("", "rfc3164", "rfc5424", "rfc5424micro")
_COMPRESSIONS = ("gzip", "none", "zlib")
_COMPRESSION_LEVELS = range(-1, 10)


def check(driver: str, options: Mapping[str, str]) -> None:
    """Raise InvalidArgument for a value that docker refuses."""
    if driver in _CHECKS:
        _CHECKS[driver](options)


@dataclass(frozen=True, slots=True)
class _Address:
    scheme: str
    host: str
    path: str


def _address(text: str) -> _Address:
    """Return an address as Go's url.Parse takes it apart. Raises InvalidArgument in its words."""
    rest = text.partition("#")[0]
    if rest.startswith(":"):
        raise InvalidArgument(f'parse "{text}": missing protocol scheme')
    found = _SCHEME.match(rest)
    scheme = found[1].lower() if found is not None else ""
    rest = rest[found.end() :] if found is not None else rest
    rest = rest.partition("?")[0]
    if not rest.startswith("/"):
        if not scheme and ":" in rest.partition("/")[0]:
            wrong = "first path segment in URL cannot contain colon"
            raise InvalidArgument(f'parse "{text}": {wrong}')
        return _Address(scheme, "", "" if scheme else rest)
    if not rest.startswith("//") or (not scheme and rest.startswith("///")):
        return _Address(scheme, "", rest)
    authority, slash, below = rest[2:].partition("/")
    host = authority.rpartition("@")[2]
    _, bracket, after = host.rpartition("]")
    port = after if bracket else host[host.rfind(":") :] if ":" in host else ""
    if port and not _PORT.fullmatch(port):
        raise InvalidArgument(f'parse "{text}": invalid port "{port}" after host')
    return _Address(scheme, host, slash + below)


def _syslog(options: Mapping[str, str]) -> None:
    if text := options.get("syslog-address", ""):
        address = _address(text)
        if address.scheme in ("unix", "unixgram"):
            if not os.path.exists(address.path):
                raise InvalidArgument(f"stat {address.path}: no such file or directory")
        elif address.scheme not in ("udp", "tcp", "tcp+tls"):
            raise InvalidArgument(f"unsupported scheme: '{address.scheme}'")
    facility = options.get("syslog-facility", "")
    number = int(facility) if re.fullmatch(r"[0-9]+", facility) else _MOST_FACILITY + 1
    if facility and facility not in _FACILITIES and number > _MOST_FACILITY:
        raise InvalidArgument("invalid syslog facility")
    if options.get("syslog-format", "") not in _FORMATS:
        raise InvalidArgument("Invalid syslog format")


def _gelf(options: Mapping[str, str]) -> None:
    address = _address(options["gelf-address"])
    if address.scheme not in ("udp", "tcp"):
        raise InvalidArgument("gelf: endpoint needs to be TCP or UDP")
    if ":" not in address.host.rpartition("]")[2]:
        raise InvalidArgument("gelf: please provide gelf-address as proto://host:port")
    for name, value in options.items():
        if name in ("gelf-compression-level", "gelf-compression-type"):
            if address.scheme != "udp":
                raise InvalidArgument("compression is only supported on UDP")
            fits = (
                value in _COMPRESSIONS
                if name == "gelf-compression-type"
                else re.fullmatch(r"[+-]?[0-9]+", value) and int(value) in _COMPRESSION_LEVELS
            )
            if not fits:
                wrong = f'unknown value "{value}" for log opt "{name}" for gelf log driver'
                raise InvalidArgument(wrong)
        elif name in ("gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"):
            if address.scheme != "tcp":
                raise InvalidArgument(f'"{name}" is only valid for TCP')
            if not re.fullmatch(r"\+?[0-9]+", value):
                raise InvalidArgument(f'"{name}" must be a positive integer')


def _fluentd(options: Mapping[str, str]) -> None:
    if text := options.get("fluentd-address", ""):
        try:
            address = _address(text if "://" in text else f"tcp://{text}")
            if address.scheme == "unix":
                if not address.path.strip("/"):
                    raise InvalidArgument("path is empty")
            elif address.scheme not in ("tcp", "tls"):
                raise InvalidArgument(f"unsupported scheme: '{address.scheme}'")
            elif address.path:
                raise InvalidArgument("should not contain a path element")
        except InvalidArgument as error:
            told = f"invalid fluentd-address ({text}): {error.message}"
            raise InvalidArgument(told) from None
    for name, read in _FLUENTD_VALUES.items():
        if value := options.get(f"fluentd-{name}", ""):
            read(value)


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]+", text):
        raise InvalidArgument(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text)


def _truth(text: str) -> bool:
    said = go_bool(text)
    if said is None:
        raise InvalidArgument(f'strconv.ParseBool: parsing "{text}": invalid syntax')
    return said


_CHECKS: Mapping[str, Callable[[Mapping[str, str]], None]] = {
    "fluentd": _fluentd,
    "gelf": _gelf,
    "syslog": _syslog,
}
_FLUENTD_VALUES: Mapping[str, Callable[[str], object]] = {
    "buffer-limit": parse_size,
    "retry-wait": parse_duration,
    "max-retries": _number,
    "async": _truth,
    "async-reconnect-interval": parse_duration,
    "sub-second-precision": _truth,
    "request-ack": _truth,
}
