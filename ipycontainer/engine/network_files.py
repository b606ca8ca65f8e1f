"""What of a container's bundle depends on its network: namespaces, names, and the files in /etc."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ipycontainer.engine.links import Link, hosts_lines
from ipycontainer.errors import Conflict, InvalidArgument
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.network import BRIDGE, PROTOCOLS, PortBinding, is_user_defined
from ipycontainer.model.state import ContainerRecord
from ipycontainer.network import hosts, outside
from ipycontainer.network.published import PUBLISH_VARIABLE
from ipycontainer.network.resolv_conf import PUBLIC_RESOLVERS, resolv_conf
from ipycontainer.runtime import defaults
from ipycontainer.store import networks
from ipycontainer.store.database import Transaction
from ipycontainer.store.home import Home

__all__ = [
    "ALONE",
    "Neighbours",
    "files",
    "has_resolver",
    "host_gateway",
    "hostname",
    "joined",
    "mounted_files",
    "namespace",
    "resolver_files",
    "sysctls",
    "warnings_of",
    "wishes",
]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What a container's bundle must know of others.

    `shared` is the container whose network it has; `gateway` the address by which it reaches this
    machine, where it asks for it (`--add-host NAME:host-gateway`); `links` are those of the default
    bridge.
    """

    shared: ContainerRecord | None = None
    gateway: str = ""
    links: tuple[Link, ...] = ()


ALONE = Neighbours()


def warnings_of(config: ContainerConfig) -> tuple[str, ...]:
    """Return docker's WARNING lines about what of the options has no effect."""
    if config.network == "host" and config.ports:
        return ("Published ports are discarded when using host network mode",)
    return ()


def has_resolver(config: ContainerConfig) -> bool:
    """Tell whether a container asks the engine's own resolver: on networks of users'."""
    wanted = () if config.is_guest else config.endpoints
    return any(is_user_defined(endpoint.network) for endpoint in wanted)


def joined(config: ContainerConfig) -> str:
    """Return the id of the container whose network this one shares, "" for none."""
    kind, _, container_id = config.network.partition(":")
    return container_id if kind == "container" else ""


def namespace(config: ContainerConfig, other: ContainerRecord | None) -> Mapping[str, str]:
    """Return the network namespace of a container: the host's (none here), another's, or new."""
    if config.network == "host":
        return {}
    if other is None:
        return {"network": ""}
    if not other.state.status.alive:
        raise Conflict(f"cannot join network of a non running container: {other.id}")
    return {"network": f"/proc/{other.state.pid}/ns/net"}


def sysctls(config: ContainerConfig, *, userns: bool) -> Mapping[str, str]:
    """Return the kernel parameters that only a network namespace of its own has."""
    shares = config.network == "host" or joined(config)
    return {} if shares else defaults.sysctls(userns=userns)


def wishes(home: Home, record: ContainerRecord) -> str:
    """Return, as JSON, what the monitor does for the container's networks."""
    config = record.config
    ports = [asdict(port) for port in config.ports]
    if config.publish_all:
        published = {port.key for port in config.ports}
        for text in config.exposed:
            number, _, protocol = text.lower().partition("/")
            if protocol not in PROTOCOLS:
                raise InvalidArgument(
                    "driver failed programming external connectivity on endpoint "
                    f"{record.name}: invalid transport protocol: 0"
                )
            if text.lower() not in published:
                ports.append(asdict(PortBinding(int(number), protocol)))
    asked: dict[str, Any] = {
        "name": record.name,
        "ports": ports,
        "publish": os.environ.get(PUBLISH_VARIABLE, ""),
    }
    if has_resolver(config):
        asked["servers"] = _resolv_conf(home, config)[1]
    return json.dumps(asked, separators=(",", ":"))


def hostname(record: ContainerRecord, other: ContainerRecord | None = None) -> str:
    """Return a container's host name: its own, the machine's, or that of whose network it has."""
    config = record.config
    if other is not None:
        return hostname(other)
    if config.hostname:
        return config.hostname
    return socket.gethostname() if config.network == "host" else record.short_id


def files(
    home: Home, record: ContainerRecord, neighbours: Neighbours = ALONE
) -> Iterator[tuple[str, str]]:
    """Yield name and text of a container's files, the addresses that it will take left out."""
    config = record.config
    yield "resolv.conf", _resolv_conf(home, config)[0]
    yield "hostname", f"{hostname(record)}\n"
    if config.network == "host" and not config.extra_hosts:
        yield "hosts", _read("/etc/hosts", hosts.BASE)
    else:
        extra = hosts.base(config.extra_hosts, neighbours.gateway)
        yield "hosts", extra + hosts_lines(neighbours.links)


def host_gateway(tx: Transaction, home: Home, config: ContainerConfig) -> str:
    """Return the address by which a container reaches this machine.

    As in docker that of the default bridge; an ordinary user's is not on this machine. Raises
    docker's refusal where there is none.
    """
    if not home.rootless:
        return networks.find(tx, BRIDGE).config.pools[0].gateway
    address = "127.0.0.1" if config.network == "host" else outside.machine()
    if not address:
        raise InvalidArgument(
            "unable to derive the IP value for host-gateway",
            hint="install a newer pasta (apt-get install passt), or use --network host",
        )
    return address


def resolver_files(home: Home, record: ContainerRecord) -> tuple[str, tuple[str, ...]]:
    """Return a container's /etc/resolv.conf, and whom its resolver asks."""
    return _resolv_conf(home, record.config)


def _resolv_conf(home: Home, config: ContainerConfig) -> tuple[str, tuple[str, ...]]:
    return resolv_conf(
        _read("/etc/resolv.conf", ""),
        servers=config.dns,
        search=config.dns_search,
        options=config.dns_options,
        embedded=has_resolver(config),
        # on no network at all docker takes the machine's as it is, too
        shares_host=config.network == "host" or not (config.stands_on or config.endpoints),
        stand_in=(outside.DNS,) if home.rootless else PUBLIC_RESOLVERS,
    )


def mounted_files(
    home: Home, record: ContainerRecord, other: ContainerRecord | None
) -> Iterator[tuple[Path, str]]:
    """Yield each file with the place where it is mounted; of a shared network the other's."""
    directory = home.container((other or record).id)
    for name in defaults.ETC_FILES:
        yield directory / name, f"/etc/{name}"


def _read(path: str, otherwise: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return otherwise
