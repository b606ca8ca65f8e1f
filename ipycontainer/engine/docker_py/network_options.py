"""docker-py's keyword arguments about networks, turned into the fields of a ContainerConfig."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ipycontainer.errors import InvalidArgument, Unsupported
from ipycontainer.model.network import EndpointConfig, PortBinding, is_user_defined

__all__ = ["take_network_fields"]


def take_network_fields(given: dict[str, Any]) -> dict[str, Any]:
    """Take the options about networks out of `given`, and return the fields that they mean."""
    mode = str(given.pop("network", None) or given.pop("network_mode", None) or "bridge")
    mode = "bridge" if mode == "default" else mode
    if given.pop("network_disabled", False):
        mode = "none"  # lo alone, whatever else is wished for
    links = _links(given.pop("links", ()))
    mac = str(given.pop("mac_address", ""))
    ports = given.pop("ports", {})
    shares = mode in ("none", "host") or mode.startswith("container:")
    own = links if is_user_defined(mode) else ()
    endpoint = _endpoint(mode, mac, own, given.pop("networking_config", None) or {})
    return {
        "network": mode,
        "endpoints": () if shares else (endpoint,),
        "ports": tuple(_bindings(ports)) if isinstance(ports, Mapping) else (),
        "exposed": tuple(_key(port) for port in ports),
        "publish_all": bool(given.pop("publish_all_ports", False)),
        "mac_address": mac,
        "links": links,
        "dns": tuple(given.pop("dns", ())),
        "dns_search": tuple(given.pop("dns_search", ())),
        "dns_options": tuple(given.pop("dns_opt", ())),
    }


def _endpoint(
    mode: str, mac: str, links: tuple[str, ...], wanted: Mapping[str, Mapping[str, Any]]
) -> EndpointConfig:
    """Return what is wanted of the one network: docker-py's EndpointConfig stands by its name."""
    if others := set(wanted) - {mode}:
        raise InvalidArgument(f"networking_config: {sorted(others)[0]} is not the network")
    raw = wanted.get(mode, {})
    addresses = raw.get("IPAMConfig") or {}
    unknown = set(raw) - {"Aliases", "Links", "IPAMConfig", "MacAddress"}
    if unknown or set(addresses) - {"IPv4Address", "IPv6Address", "LinkLocalIPs"}:
        raise Unsupported("networking_config: only aliases, links and addresses are supported yet")
    return EndpointConfig(
        mode,
        tuple(raw.get("Aliases") or ()),
        str(addresses.get("IPv4Address") or ""),
        str(addresses.get("IPv6Address") or ""),
        str(raw.get("MacAddress") or mac),
        tuple(raw.get("Links") or links),
        link_local=tuple(addresses.get("LinkLocalIPs") or ()),
    )


def _links(value: Mapping[str, str | None] | Sequence[tuple[str, str | None]]) -> tuple[str, ...]:
    pairs = value.items() if isinstance(value, Mapping) else value
    return tuple(f"{name}:{alias or name}" for name, alias in pairs)


def _key(port: object) -> str:
    """Return `80/tcp` for a port of docker-py: 80, "80", "80/udp" or (80, "udp")."""
    if isinstance(port, (tuple, list)):
        return f"{port[0]}/{port[1]}"
    text = str(port)
    return text if "/" in text else f"{text}/tcp"


def _bindings(ports: Mapping[Any, Any]) -> Iterator[PortBinding]:
    """Yield the bindings of `{"80/tcp": 8080, "53/udp": ("127.0.0.1", 53), 443: None}`."""
    for port, where in ports.items():
        number, _, protocol = _key(port).partition("/")
        if not number.isdecimal():
            raise InvalidArgument(f"invalid port specification: {port!r}")
        for each in where if isinstance(where, list) else [where]:
            address, host_port = each if isinstance(each, tuple) else ("", each)
            first = int(host_port) if host_port else 0
            yield PortBinding(int(number), protocol, str(address), first, first)
