"""What a container may ask of networks, by docker's rules; and what its creation writes of it.

Pure but for the transaction that the questions are asked in.
"""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from ipycontainer.errors import Conflict, EngineError, InvalidArgument, NoSuchContainer
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.network import (
    BRIDGE,
    EndpointConfig,
    NetworkRecord,
    is_user_defined,
)
from ipycontainer.network import catalogue
from ipycontainer.store import containers, endpoints, networks
from ipycontainer.store.database import Transaction

__all__ = ["add_endpoints", "checked", "checked_endpoint", "settled"]

_ALIAS_ON_DEFAULT = "network-scoped alias is supported only for containers in user defined networks"
_ADDRESS_ON_DEFAULT = "user specified IP address is supported on user defined networks only"
_ADDRESS_ON_CHOSEN = (
    "user specified IP address is supported only when connecting to networks with user "
    "configured subnets"
)
_SHARED = "conflicting options: {} and the network mode"


def settled(config: ContainerConfig) -> ContainerConfig:
    """Return the config with its endpoints written out, and its mode in docker's word."""
    mode = config.network
    if config.endpoints or mode in ("none", "host") or mode.startswith("container:"):
        return config
    mode = BRIDGE if mode == "default" else mode
    endpoint = EndpointConfig(mode, mac=config.mac_address)
    return replace(config, endpoints=(endpoint,))


def checked(tx: Transaction, config: ContainerConfig) -> ContainerConfig:
    """Return the config of a container that shares another's network, with what comes with it.

    Raises docker's refusals of options beside a network that is not the container's own, and of
    links to what is not there.
    """
    mode = config.network
    if mode != "host" and not mode.startswith("container:"):
        for link in config.links:
            name = link.partition(":")[0]
            try:
                containers.find(tx, name)
            except EngineError as error:
                raise InvalidArgument(f"could not get container for {name}: {error}") from None
    if mode == "host":
        if config.links:
            raise InvalidArgument(
                "conflicting options: host type networking can't be used with links. "
                "This would result in undefined behavior"
            )
        return config
    if not mode.startswith("container:"):
        return config
    refused = {
        "hostname": config.hostname,
        "links": config.links,
        "dns": config.dns or config.dns_search or config.dns_options,
        "custom host-to-IP mapping": config.extra_hosts,
        "mac-address": config.mac_address,
    }
    for name, given in refused.items():
        if given:
            raise InvalidArgument(_SHARED.format(name))
    if config.ports or config.publish_all:
        raise InvalidArgument(
            "conflicting options: port publishing and the container type network mode"
        )
    if config.exposed:
        raise InvalidArgument(
            "conflicting options: port exposing and the container type network mode"
        )
    try:
        other = containers.find(tx, mode.partition(":")[2])
    except NoSuchContainer:  # docker says so at the start
        return config
    return replace(
        config,
        network=f"container:{other.id}",
        hostname=other.config.hostname or other.short_id,
    )


def add_endpoints(tx: Transaction, container_id: str, config: ContainerConfig) -> None:
    """Write which networks a new container shall be on. Raises docker's refusals."""
    if not config.endpoints:
        return
    catalogue.ensure_predefined(tx)
    for endpoint in config.endpoints:
        record = networks.find(tx, endpoint.network)
        checked_endpoint(record, endpoint)
        endpoints.add(tx, container_id, record.id, endpoint)


def checked_endpoint(record: NetworkRecord, wanted: EndpointConfig) -> None:
    """Raise docker's refusal of what cannot be had of a network."""
    errors: list[str] = []
    addresses = list(filter(None, (wanted.ipv4, wanted.ipv6)))
    if not is_user_defined(record.name):
        if record.name != BRIDGE:
            raise Conflict(f"container cannot be connected to {record.name} network beside others")
        if addresses:
            errors.append(_ADDRESS_ON_DEFAULT)
        if wanted.aliases:
            errors.append(_ALIAS_ON_DEFAULT)
    pools = [ipaddress.ip_network(pool.subnet) for pool in record.config.pools]
    for text in addresses:
        address = ipaddress.ip_address(text)
        if not record.config.configured:
            errors.append(_ADDRESS_ON_CHOSEN)
        elif not any(pool.version == address.version and address in pool for pool in pools):
            errors.append(f"no configured subnet contains IP address {text}")
    if errors:
        told = "\n".join(f"* {error}" for error in errors) if len(errors) > 1 else errors[0]
        raise InvalidArgument(
            f"invalid config for network {wanted.network}: invalid endpoint settings:\n{told}"
        )
