"""The network's options of `run` and `create`, and what they make of a ContainerConfig.

Sources: docker/cli `opts/network.go`, `cli/command/container/opts.go`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import click

from ipycontainer.commands import go_csv
from ipycontainer.commands.ports import parse_exposed, parse_published
from ipycontainer.commands.types import List, String
from ipycontainer.errors import Unsupported, UsageError
from ipycontainer.model.network import EndpointConfig, is_user_defined

if TYPE_CHECKING:
    _Type = click.ParamType[Any]
else:
    _Type = click.ParamType

__all__ = ["NETWORK_OPTIONS", "DnsAddress", "Link", "dns_warnings", "networking"]

_LONG = re.compile(r"\w+=\w+(,\w+=\w+)*")
_DOMAIN = re.compile(
    r"(?:(?:[a-zA-Z0-9]|(?:[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))"
    r"(?:\.(?:[a-zA-Z0-9]|(?:[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])))*)\.?"
)
_MAC = re.compile(r"[0-9a-fA-F]{2}([:-])(?:[0-9a-fA-F]{2}\1){4}[0-9a-fA-F]{2}")
_LOCALHOST = re.compile(r"127\.([0-9]{1,3}\.){2}[0-9]{1,3}|::1$")
_BOTH = "conflicting options: cannot specify both --{} and per-network {}"


@dataclass(frozen=True, slots=True)
class Wish:
    """One `--network`, in its short or long form."""

    name: str
    aliases: tuple[str, ...] = ()
    ipv4: str = ""
    ipv6: str = ""
    mac: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    link_local: tuple[str, ...] = ()


class Network(_Type):
    """A network's name, or `name=...,alias=...,ip=...`."""

    name = "network"

    def convert(
        self, value: str | Wish, param: click.Parameter | None, ctx: click.Context | None
    ) -> Wish:
        """Return what is asked of the network."""
        if isinstance(value, Wish):
            return value
        if not _LONG.search(value):
            return Wish(value)
        given: dict[str, list[str]] = {}
        try:
            words = go_csv.fields(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        for word in words:
            key, equals, text = word.partition("=")
            key = key.strip().lower()
            if not equals:
                self.fail(f"invalid field {word}", param, ctx)
            if key not in ("name", "alias", "ip", "ip6", "mac-address", *_SEVERAL, *_LATER):
                self.fail(f"invalid field key {key}", param, ctx)
            if key == "driver-opt" and "=" not in text:
                self.fail("invalid key value pair format in driver options", param, ctx)
            if key in _LATER:
                raise Unsupported(f"{key} of --network is not supported yet")
            given.setdefault(key, []).append(text.strip())
        if not given.get("name"):
            self.fail("network name/id is not specified", param, ctx)
        last = {key: values[-1] for key, values in given.items()}
        return Wish(
            last["name"],
            tuple(given.get("alias", ())),
            last.get("ip", ""),
            last.get("ip6", ""),
            last.get("mac-address", ""),
            dict(_driver_option(text) for text in given.get("driver-opt", ())),
            tuple(given.get("link-local-ip", ())),
        )


_SEVERAL = ("driver-opt", "link-local-ip")
_LATER = ("gw-priority",)


def _driver_option(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key.strip().lower(), value.strip()


class DnsAddress(_Type):
    """The address of a resolver."""

    name = "list"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the address."""
        try:
            return str(ipaddress.ip_address(value.strip()))
        except ValueError:
            self.fail(f"IP address is not correctly formatted: {value.strip()}", param, ctx)


class DnsSearch(_Type):
    """A domain to search, or `.` for none."""

    name = "list"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the domain."""
        text = value.strip()
        if text != "." and not (_DOMAIN.fullmatch(text) and len(text) < 255):
            self.fail(f"{value} is not a valid domain", param, ctx)
        return text


class Link(_Type):
    """Another container and the name that it gets here: `NAME[:ALIAS]`."""

    name = "list"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return `NAME:ALIAS`."""
        if not value:
            self.fail("empty string specified for links", param, ctx)
        parts = value.split(":")
        if len(parts) > 2:
            self.fail(f"bad format for links: {value}", param, ctx)
        return f"{parts[0]}:{parts[-1]}"


NETWORK_OPTIONS = (
    click.option("--dns", type=DnsAddress(), multiple=True, help="Set custom DNS servers"),
    click.option("--dns-option", "--dns-opt", type=List(), multiple=True, help="Set DNS options"),
    click.option(
        "--dns-search", type=DnsSearch(), multiple=True, help="Set custom DNS search domains"
    ),
    click.option("--expose", type=List(), multiple=True, help="Expose a port or a range of ports"),
    click.option("--ip", type=String(), default="", help="IPv4 address (e.g., 172.30.100.104)"),
    click.option("--ip6", type=String(), default="", help="IPv6 address (e.g., 2001:db8::33)"),
    click.option("--link", type=Link(), multiple=True, help="Add link to another container"),
    click.option(
        "--link-local-ip", type=List(), multiple=True, help="Further, link-local addresses"
    ),
    click.option("--mac-address", type=String(), default="", help="MAC address"),
    click.option(
        "--network",
        "--net",
        "network",
        type=Network(),
        multiple=True,
        help="Network: a name, none, host, container:NAME, or name=...,alias=...,ip=...",
    ),
    click.option(
        "--network-alias", "--net-alias", type=List(), multiple=True, help="Name on the network"
    ),
    click.option(
        "-p",
        "--publish",
        type=List(),
        multiple=True,
        help="Publish a port: [[IP:]HOST:]CONTAINER[/PROTOCOL]",
    ),
    click.option("-P", "--publish-all", is_flag=True, help="Publish all exposed ports"),
)


_CONFLICT = (
    "conflicting options: cannot attach both user-defined and non-user-defined network-modes"
)


def dns_warnings(servers: Sequence[str]) -> Iterator[str]:
    """Yield what docker's client warns of: resolvers at loopback addresses, by its own pattern."""
    for server in servers:
        if _LOCALHOST.search(server):
            yield f"Localhost DNS setting (--dns={server}) may fail in containers."


def networking(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a ContainerConfig that the options ask for. Raises UsageError."""
    ports = parse_published(given["publish"])
    exposed = parse_exposed(given["expose"])
    wishes = list(given["network"]) or [Wish("default")]
    wishes[0] = _first(wishes[0], given)
    links = tuple(given["link"])
    _check(wishes)
    wishes = _in_effect(wishes)
    mode = wishes[0].name
    # those of the bridge are for a line that does not name it: docker's client goes by that
    if links and mode != "default" and not is_user_defined(mode):
        raise UsageError("links are only supported for user-defined networks")
    shares = mode in ("none", "host") or mode.startswith("container:")
    return {
        "network": "bridge" if mode == "default" else mode,
        # An address beside a network that is not the container's own is for the engine to refuse.
        "endpoints": _shared(wishes) if shares else _endpoints(wishes, links),
        "links": links,
        "ports": ports,
        "exposed": exposed,
        "publish_all": given["publish_all"],
        "mac_address": _mac(wishes[0].mac),
        "dns": given["dns"],
        "dns_search": given["dns_search"],
        "dns_options": given["dns_option"],
    }


def _shared(wishes: Sequence[Wish]) -> tuple[EndpointConfig, ...]:
    """Return what is wanted beside a network that is not the container's own: for the engine."""
    first, *rest = wishes
    own = (first,) if first.ipv4 or first.ipv6 else ()
    return tuple(_endpoint(wish) for wish in (*own, *rest))


def _first(wish: Wish, given: Mapping[str, Any]) -> Wish:
    """Return the first network with what stands outside `--network`, which means it alone."""
    found: dict[str, Any] = {}
    for name, option, what in (
        ("aliases", "network-alias", "alias"),
        ("ipv4", "ip", "IPv4 address"),
        ("ipv6", "ip6", "IPv6 address"),
        ("mac", "mac-address", "MAC address"),
        ("link_local", "link-local-ip", "link-local IP addresses"),
    ):
        outside, own = given[option.replace("-", "_")], getattr(wish, name)
        if outside and own:
            raise UsageError(_BOTH.format(option, what))
        found[name] = own or outside
    return replace(wish, **found)


def _check(wishes: Sequence[Wish]) -> None:
    if any(not wish.name for wish in wishes):
        raise UsageError("no name set for network")
    seen: set[str] = set()
    for wish in wishes:
        if wish.name in seen:
            raise UsageError(f'network "{wish.name}" is specified multiple times')
        seen.add(wish.name)
        if wish.aliases and not is_user_defined(wish.name):
            raise UsageError("network-scoped aliases are only supported for user-defined networks")
    if len({is_user_defined(wish.name) for wish in wishes}) > 1:
        raise UsageError(_CONFLICT)


def _in_effect(wishes: list[Wish]) -> list[Wish]:
    """Return the wish that holds where docker takes several of its own networks.

    The first one says whose namespace it is: `none` beside another one changes nothing, and `host`
    behind another one neither. A bridge behind `host` stays, and is refused at the start. Raises
    UsageError for what docker takes and cannot start either.
    """
    if len(wishes) < 2 or is_user_defined(wishes[0].name):
        return wishes
    first = wishes[0]
    bridges = [wish for wish in wishes if wish.name in ("bridge", "default")]
    if len(bridges) > 1 or any(wish.name.startswith("container:") for wish in wishes):
        raise UsageError(_CONFLICT)
    if first.name == "host":
        return [first, *bridges]
    return bridges or [first]


def _endpoints(wishes: Sequence[Wish], links: tuple[str, ...]) -> tuple[EndpointConfig, ...]:
    """Return what is wanted of each network; links are names on the first one of a user's."""
    first, *rest = (_endpoint(wish) for wish in wishes)
    if is_user_defined(first.network):
        first = replace(first, links=links)
    return (first, *rest)


def _endpoint(wish: Wish) -> EndpointConfig:
    name = "bridge" if wish.name == "default" else wish.name
    return EndpointConfig(
        name,
        wish.aliases,
        wish.ipv4,
        wish.ipv6,
        _mac(wish.mac),
        options=wish.options,
        link_local=wish.link_local,
    )


def _mac(text: str) -> str:
    if text and not _MAC.fullmatch(text):
        raise UsageError(f"{text} is not a valid mac address")
    return text.replace("-", ":").lower()
