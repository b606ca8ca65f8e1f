"""The ports of `run` and `create`: `-p`, `--expose`, as docker's client reads them.

Sources: docker/go-connections `nat/{nat,parse}.go`, docker/cli `cli/command/container/opts.go`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from ipycontainer.errors import UsageError
from ipycontainer.model.network import PROTOCOLS, PortBinding

__all__ = ["LAST_PORT", "parse_exposed", "parse_published"]

_LONG = re.compile(r"\w+=\w+(,\w+=\w+)*")
LAST_PORT = 65535


def parse_published(specs: Sequence[str]) -> tuple[PortBinding, ...]:
    """Return the bindings of `-p` words, a range as its single ports.

    What is said twice is two, as with docker. Raises UsageError.
    """
    return tuple(binding for spec in specs for binding in _published(_short_form(spec)))


def parse_exposed(specs: Sequence[str]) -> tuple[str, ...]:
    """Return the ports of `--expose` words as `80/tcp`. Raises UsageError.

    Docker takes any word for a protocol here, as it is typed: it only says what the program does.
    """
    ports: list[str] = []
    for spec in specs:
        if ":" in spec:
            raise UsageError(f"invalid port format for --expose: {spec}")
        port, _, protocol = spec.partition("/")
        try:
            first, last = _range(port)
        except ValueError as error:
            raise UsageError(f"invalid range format for --expose: {spec}, error: {error}") from None
        ports += (f"{number}/{protocol or 'tcp'}" for number in range(first, last + 1))
    return tuple(dict.fromkeys(ports))


def _short_form(spec: str) -> str:
    """Return a long form (`published=80,target=90`) as the short one."""
    if "=" not in spec:
        return spec
    given = {}
    for word in spec.split(","):
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError(f"invalid publish opts format (should be name=value but got '{word}')")
        given[name] = value
    # docker's client passes over other names, as `mode=host`
    return f"{given.get('published', '')}:{given.get('target', '')}/{given.get('protocol', 'tcp')}"


def _published(spec: str) -> Sequence[PortBinding]:
    protocol, port = _protocol_and_port(spec)
    *before, inner = port.split(":")
    outer = before.pop() if before else ""
    address = _address(":".join(before))
    if not inner:
        raise UsageError(f"No port specified: {spec}<empty>")
    try:
        first, last = _range(inner)
    except ValueError:
        raise UsageError(f"Invalid containerPort: {inner}") from None
    host_first = host_last = 0
    if outer:
        try:
            host_first, host_last = _range(outer)
        except ValueError:
            raise UsageError(f"Invalid hostPort: {outer}") from None
    if outer and last - first != host_last - host_first and first != last:
        raise UsageError(
            f"Invalid ranges specified for container and host Ports: {inner} and {outer}"
        )
    if protocol not in PROTOCOLS:
        raise UsageError(f"Invalid proto: {protocol}")
    if first == last:
        return (PortBinding(first, protocol, address, host_first, host_last),)
    return tuple(
        PortBinding(
            first + step,
            protocol,
            address,
            host_first + step if outer else 0,
            host_first + step if outer else 0,
        )
        for step in range(last - first + 1)
    )


def _protocol_and_port(spec: str) -> tuple[str, str]:
    port, protocol, *_ = (*spec.split("/"), "")  # what comes after is not looked at
    return (protocol or "tcp").lower(), port


def _address(text: str) -> str:
    """Return an address without its brackets; the words of an error are Go's net package's."""
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    elif text.startswith("["):
        raise UsageError(f"Invalid ip address {text}: address {text}:: missing ']' in address")
    elif ":" in text:
        raise UsageError(f"Invalid ip address {text}: address {text}:: too many colons in address")
    try:
        return str(ipaddress.ip_address(text)) if text else ""
    except ValueError:
        raise UsageError(f"Invalid ip address: {text}") from None


def _range(text: str) -> tuple[int, int]:
    """Return first and last port; raises ValueError in Go's words."""
    if not text:
        raise ValueError("Empty string specified for ports.")
    first, dash, last = text.partition("-")
    numbers = [_number(word) for word in ((first, last) if dash else (first, first))]
    if numbers[1] < numbers[0]:
        raise ValueError(f"Invalid range specified for the Port: {text}")
    return numbers[0], numbers[1]


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]+", text):
        raise ValueError(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    if int(text) > LAST_PORT:
        raise ValueError(f'strconv.ParseUint: parsing "{text}": value out of range')
    return int(text)
