"""What a container may ask of networks, by docker's rules; and what its creation writes of it.

Pure but for the transaction that the questions are asked in.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import replace

from ipycontainer.errors import (
    AmbiguousId,
    Conflict,
    EngineError,
    InvalidArgument,
    NoSuchContainer,
    NoSuchNetwork,
    ResourceError,
)
from ipycontainer.linux.rtnetlink import IPNetwork
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.network import (
    BRIDGE,
    EndpointConfig,
    NetworkRecord,
    is_user_defined,
)
from ipycontainer.network import catalogue
from ipycontainer.store import containers, endpoints, networks
from ipycontainer.store.database import Store, Transaction

__all__ = [
    "add_endpoints",
    "any_of",
    "check_endpoints",
    "checked",
    "checked_endpoint",
    "linked",
    "settle_endpoints",
    "settled",
    "shares",
]

_ALIAS_ON_DEFAULT = "network-scoped alias is supported only for containers in user defined networks"
_ADDRESS_ON_DEFAULT = "user specified IP address is supported on user defined networks only"
_ADDRESS_ON_CHOSEN = (
    "user specified IP address is supported only when connecting to networks with user "
    "configured subnets"
)
_SHARED = "conflicting options: {} and the network mode"


def shares(mode: str) -> bool:
    """Tell whether a container has no endpoint of its own: none at all, or those of others."""
    return mode in ("none", "host") or mode.startswith("container:")


def settled(config: ContainerConfig) -> ContainerConfig:
    """Return the config with its endpoints written out, and its mode in docker's word."""
    mode = config.network
    if config.endpoints or shares(mode):
        return config
    mode = BRIDGE if mode == "default" else mode
    endpoint = EndpointConfig(mode, mac=config.mac_address)
    return replace(config, endpoints=(endpoint,))


def checked(tx: Transaction, config: ContainerConfig) -> ContainerConfig:
    """Return the config of a container that shares another's network, with what comes with it.

    Raises docker's refusals of options beside a network that is not the container's own.
    """
    mode = config.network
    if mode == "host":
        if config.links:
            raise InvalidArgument(
                "conflicting options: host type networking can't be used with links. "
                "This would result in undefined behavior"
            )
        return config
    if not mode.startswith("container:"):
        return config
    if mode == "container:":
        raise InvalidArgument("Invalid network mode: invalid container format container:<name|id>")
    refused = {
        "hostname": config.hostname,
        "links": config.links,
        "dns": config.dns or config.dns_search or config.dns_options,
        "custom host-to-IP mapping": config.extra_hosts,
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
    except (NoSuchContainer, AmbiguousId):  # docker says so at the start
        return config
    return replace(
        config,
        network=f"container:{other.id}",
        hostname=other.config.hostname or other.short_id,
    )


def any_of(config: ContainerConfig) -> bool:
    """Tell whether more is wished of a network than to be on it."""
    return any(replace(each, mac="") != EndpointConfig(each.network) for each in config.endpoints)


def check_endpoints(tx: Transaction, config: ContainerConfig) -> None:
    """Raise docker's refusals of what is wished of the networks, as far as these are there."""
    mode = config.network
    if shares(mode):
        for endpoint in config.endpoints:
            of_machine = not mode.startswith("container:")
            chosen = [_ADDRESS_ON_CHOSEN] if of_machine and (endpoint.ipv4 or endpoint.ipv6) else []
            _refuse(endpoint, [*_errors("none", endpoint), *chosen])
        return
    catalogue.ensure_predefined(tx)
    for endpoint in config.endpoints:
        _there(tx, endpoint)


def linked(tx: Transaction, config: ContainerConfig) -> ContainerConfig:
    """Return the config with its links by names. Raises InvalidArgument for one that leads nowhere.

    On a network of a user's a link is a name, looked up when it is asked for.
    """
    if is_user_defined(config.network):
        return config
    return replace(config, links=tuple(_settled_link(tx, link) for link in config.links))


def _there(tx: Transaction, endpoint: EndpointConfig) -> NetworkRecord | None:
    """Return the network of an endpoint, None where it cannot be had yet; docker's refusals."""
    try:
        record = networks.find(tx, endpoint.network)
    except NoSuchNetwork:
        _refuse(endpoint, _errors(endpoint.network, endpoint))
        return None
    if record.config.config_only:  # which docker finds out at the start
        return None
    checked_endpoint(record, endpoint)
    return record


def _settled_link(tx: Transaction, link: str) -> str:
    """Return a link with its container's name, whichever way that was said: an id may be typed."""
    said, _, alias = link.partition(":")
    try:
        return f"{containers.find(tx, said).name}:{alias or said}"
    except EngineError as error:
        raise InvalidArgument(f"could not get container for {said}: {error}") from None


def add_endpoints(tx: Transaction, container_id: str, config: ContainerConfig) -> None:
    """Write which networks a new container shall be on. Raises docker's refusals.

    One that is not there is looked for again at the start (`settle_endpoints`), as docker does.
    """
    catalogue.ensure_predefined(tx)
    for endpoint in config.endpoints:
        if (record := _there(tx, endpoint)) is not None:
            endpoints.add(tx, container_id, record.id, endpoint)


def settle_endpoints(store: Store, container_id: str, config: ContainerConfig) -> None:
    """Have a container be on all networks that it wants. Raises NoSuchNetwork for one that is gone.

    Those that docker brings are always there; a look is taken where one is a user's. A bridge
    beside the machine's own network cannot be had: the address that it would give is the machine's
    to route already, and docker finds that here.
    """
    if config.is_guest:  # it goes by another's
        return
    if config.network == "host":
        for endpoint in config.endpoints:
            with store.read() as tx:
                pools = networks.find(tx, endpoint.network).config.pools
            subnet = pools[0].subnet if pools else endpoint.network
            raise ResourceError(
                f"failed to add interface to sandbox: error setting interface IP of {subnet}: "
                f"cannot program address of {subnet} in sandbox interface because it conflicts "
                f"with existing route {{Dst: {subnet}}}"
            )
    if not any(is_user_defined(endpoint.network) for endpoint in config.endpoints):
        return
    with store.read() as tx:
        there = [each.wanted for each in endpoints.of_container(tx, container_id)]
    missing = [endpoint for endpoint in config.endpoints if endpoint not in there]
    for endpoint in missing:
        if endpoint.gone:
            raise NoSuchNetwork(f"network {endpoint.gone} not found")
    if missing:
        with store.write() as tx:
            for endpoint in missing:
                record = networks.find(tx, endpoint.network)
                checked_endpoint(record, endpoint)
                endpoints.add(tx, container_id, record.id, endpoint)


def checked_endpoint(
    record: NetworkRecord, wanted: EndpointConfig, *, created: bool = True
) -> None:
    """Raise docker's refusal of what cannot be had of a network.

    `created`: with a container, where the words name the network.
    """
    if record.name in ("host", "none") and created:
        raise Conflict(f"container cannot be connected to {record.name} network beside others")
    if record.config.config_only:
        raise InvalidArgument("cannot create endpoint on configuration-only network")
    errors = _errors(record.name, wanted)
    pools = [ipaddress.ip_network(pool.subnet) for pool in record.config.pools]
    for text, version in ((wanted.ipv4, 4), (wanted.ipv6, 6)):
        typed = [pool for pool in pools if pool.version == version and record.config.configured]
        if text and not typed:
            errors.append(_ADDRESS_ON_CHOSEN)
        elif text and not any(_holds(pool, text) for pool in typed):
            errors.append(f"no configured subnet or ip-range contain the IP address {text}")
    _refuse(wanted if created else None, errors)


def _holds(pool: IPNetwork, text: str) -> bool:
    try:
        return ipaddress.ip_address(text) in pool
    except ValueError:
        return False


def _errors(name: str, wanted: EndpointConfig) -> list[str]:
    """Return what docker says of an endpoint on this network, in its order."""
    errors = []
    addresses = list(filter(None, (wanted.ipv4, wanted.ipv6)))
    if not is_user_defined(name):
        errors += [_ADDRESS_ON_DEFAULT] if addresses else []
        errors += [_ALIAS_ON_DEFAULT] if wanted.aliases else []
    for text, version in ((wanted.ipv4, 4), (wanted.ipv6, 6)):
        try:
            given = ipaddress.ip_address(text) if text else None
            is_wrong = given is not None and (given.version != version or given.is_unspecified)
        except ValueError:
            is_wrong = True
        if is_wrong:
            errors.append(f"invalid IPv{version} address: {text}")
    for text in wanted.link_local:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            errors.append(f"invalid link-local IP address: {text}".rstrip())
    return errors


def _refuse(wanted: EndpointConfig | None, errors: Sequence[str]) -> None:
    if not errors:
        return
    told = "\n".join(f"* {error}" for error in errors) if len(errors) > 1 else errors[0]
    where = f"invalid config for network {wanted.network}: " if wanted is not None else ""
    raise InvalidArgument(f"{where}invalid endpoint settings:\n{told}")
