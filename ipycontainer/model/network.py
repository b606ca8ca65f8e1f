"""Networks, what a container wants of them, and what it has while it runs.

Addresses are texts here, as they are typed, stored and shown. Frozen records, kept as JSON in the
store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = [
    "BRIDGE",
    "NO_SWARM",
    "PROTOCOLS",
    "WITHOUT_ADDRESSES",
    "Attachment",
    "EndpointConfig",
    "NetworkConfig",
    "NetworkRecord",
    "Pool",
    "PortBinding",
    "PublishedPort",
    "is_user_defined",
]

BRIDGE = "bridge"  # docker's name of the default network, and of its driver
# docker's refusal of what only a swarm's manager can do
NO_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect '
    "this node to swarm and try again."
)
PROTOCOLS = ("tcp", "udp", "sctp")  # of ports
WITHOUT_ADDRESSES = ("none", "host")
_PREDEFINED = ("", "default", BRIDGE, *WITHOUT_ADDRESSES)


def is_user_defined(mode: str) -> bool:
    """Tell whether a network's name, or a container's mode, is none of those that docker brings."""
    return mode not in _PREDEFINED and not mode.startswith("container:")


@dataclass(frozen=True, slots=True)
class Pool:
    """The addresses of one family: `subnet` with its prefix, the bridge's `gateway`.

    Containers get theirs out of `ip_range`, where one is given. `aux` names addresses that are
    somebody else's. docker shows a gateway that it chose only where it chose the subnet, too.
    """

    subnet: str
    gateway: str = ""
    ip_range: str = ""
    aux: Mapping[str, str] = field(default_factory=dict)
    gateway_typed: bool = True


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """What `network create` was told, its pools chosen where it left them open.

    `options` are the driver's as they were typed; those that mean something are fields here.
    `configured`: its pools were typed, so that containers may choose addresses. `mtu` 0 is the
    kernel's own. One that is `config_only` is no network: others take their settings from it
    (`config_from`).
    """

    driver: str = BRIDGE
    pools: tuple[Pool, ...] = ()
    configured: bool = False
    internal: bool = False
    ipv6: bool = False
    attachable: bool = False
    icc: bool = True
    masquerade: bool = True
    mtu: int = 0
    bridge: str = ""
    host_binding: str = ""
    interface_prefix: str = "eth"
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    ipam_options: Mapping[str, str] = field(default_factory=dict)
    config_only: bool = False
    config_from: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object for the store."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> NetworkConfig:
        """Return the record that `to_json` wrote; unknown keys of a newer version are dropped."""
        known = {name: raw[name] for name in cls.__dataclass_fields__ if name in raw}
        known["pools"] = tuple(Pool(**pool) for pool in known.get("pools", ()))
        return cls(**known)


@dataclass(frozen=True, slots=True)
class NetworkRecord:
    """A network as the store knows it."""

    id: str
    name: str
    created_ns: int
    config: NetworkConfig

    @property
    def is_default(self) -> bool:
        """Tell whether it is the one that containers get when they name none."""
        return self.name == BRIDGE


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """What a container wants of one network, which is named as it was typed.

    `later`: it came by `network connect`, whose client says of nothing that it is empty, where that
    of `run` says nothing. `gone` is the id of a network that the container has been on and that was
    removed since: docker knows those by their ids, and takes no other of the same name.
    `link_local` are further addresses, which are no network's to give.
    """

    network: str
    aliases: tuple[str, ...] = ()
    ipv4: str = ""
    ipv6: str = ""
    mac: str = ""
    links: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    later: bool = False
    gone: str = ""
    link_local: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> EndpointConfig:
        """Return the record that `asdict` made."""
        known = {name: raw[name] for name in cls.__dataclass_fields__ if name in raw}
        for name in ("aliases", "links", "link_local"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)


@dataclass(frozen=True, slots=True)
class PortBinding:
    """`-p`: a port of the container, and where on the machine it shall be reached.

    `address` "" is the default one; `first` 0 lets the machine choose, and of `first` to `last` the
    lowest free port is taken.
    """

    port: int
    protocol: str = "tcp"
    address: str = ""
    first: int = 0
    last: int = 0

    @property
    def key(self) -> str:
        """Return docker's name of the container's port."""
        return f"{self.port}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """A port of the machine that leads to one of a container while that runs."""

    protocol: str
    address: str
    host_port: int
    port: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """A container on a network: what it wants, and while it runs what it has (else empty).

    `port` is the interface on the bridge, `interface` the one inside.
    """

    container_id: str
    network_id: str
    position: int
    wanted: EndpointConfig
    endpoint_id: str = ""
    ipv4: str = ""
    ipv6: str = ""
    mac: str = ""
    interface: str = ""
    port: str = ""
