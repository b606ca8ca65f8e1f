"""What `docker network inspect` shows, and the network part of `docker inspect`.

Shape and order are docker 26.1.5's (API 1.45).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.network import (
    WITHOUT_ADDRESSES,
    Attachment,
    EndpointConfig,
    NetworkRecord,
    Pool,
    PortBinding,
    PublishedPort,
    is_user_defined,
)
from ipycontainer.model.state import ContainerRecord
from ipycontainer.model.units import rfc3339nano
from ipycontainer.network.bridges import interface_name
from ipycontainer.store import containers, endpoints, networks
from ipycontainer.store.database import Store, Transaction

__all__ = ["bindings", "network", "published", "reachable", "settings"]


def network(tx: Transaction, record: NetworkRecord, hash8: str) -> dict[str, Any]:
    """Return a network's object of docker's API, in the home whose names have `hash8`."""
    config, options = record.config, record.config.options
    if record.is_default:  # docker tells the bridge's name of this one alone
        options = {**options, "com.docker.network.bridge.name": interface_name(hash8, record)}
    return {
        "Name": record.name,
        "Id": record.id,
        "Created": rfc3339nano(record.created_ns),
        "Scope": "local",
        "Driver": config.driver,
        "EnableIPv6": config.ipv6,
        "IPAM": {
            "Driver": "default",
            "Options": dict(config.ipam_options) if is_user_defined(record.name) else None,
            "Config": [_pool(pool) for pool in config.pools] or None,
        },
        "Internal": config.internal,
        "Attachable": config.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": config.config_from},
        "ConfigOnly": config.config_only,
        "Containers": {
            **{
                each.container_id: {
                    "Name": containers.get(tx, each.container_id).name,
                    "EndpointID": each.endpoint_id,
                    "MacAddress": each.mac,
                    "IPv4Address": _with_prefix(each.ipv4, config.pools),
                    "IPv6Address": _with_prefix(each.ipv6, config.pools),
                }
                for each in endpoints.of_network(tx, record.id)
            },
            **_standing_on(tx, record.name),
        },
        "Options": dict(sorted(options.items())),  # as Go writes a map
        "Labels": dict(sorted(config.labels.items())),
    }


def _standing_on(tx: Transaction, name: str) -> dict[str, Any]:
    """Return the running containers on `none` or on `host`."""
    if name not in WITHOUT_ADDRESSES:
        return {}
    return {
        each.id: {
            "Name": each.name,
            "EndpointID": _endpoint_id(each),
            "MacAddress": "",
            "IPv4Address": "",
            "IPv6Address": "",
        }
        for each in containers.list_all(tx)
        if each.state.status.alive and each.config.stands_on == name
    }


def _pool(pool: Pool) -> dict[str, Any]:
    shown: dict[str, Any] = {"Subnet": pool.subnet}
    if pool.ip_range:
        shown["IPRange"] = pool.ip_range
    if pool.gateway_typed:
        shown["Gateway"] = pool.gateway
    if pool.aux:
        shown["AuxiliaryAddresses"] = dict(pool.aux)
    return shown


def _with_prefix(address: str, pools: Sequence[Pool]) -> str:
    for pool in pools:
        if address and (":" in pool.subnet) == (":" in address):
            return f"{address}/{pool.subnet.partition('/')[2]}"
    return ""


def bindings(config: ContainerConfig) -> dict[str, Any]:
    """Return docker's HostConfig.PortBindings: what was asked for."""
    found: dict[str, Any] = {}
    for binding in sorted(config.ports, key=lambda port: port.key):  # as Go writes a map
        found.setdefault(binding.key, []).append(
            {"HostIp": binding.address, "HostPort": _asked_port(binding)}
        )
    return found


def _asked_port(binding: PortBinding) -> str:
    if not binding.first:
        return ""
    return (
        str(binding.first)
        if binding.last in (0, binding.first)
        else f"{binding.first}-{binding.last}"
    )


def published(store: Store, container_id: str) -> list[PublishedPort]:
    """Return the ports of this machine that lead to a container now."""
    with store.read() as tx:
        return [port for port, _ in endpoints.targets_of(tx, container_id)]


def reachable(store: Store, record: ContainerRecord) -> list[str]:
    """Return the ports that docker shows of a container now: none where no network leads out."""
    with store.read() as tx:
        return _reachable(tx, record.config, endpoints.of_container(tx, record.id))


def _reachable(
    tx: Transaction, config: ContainerConfig, attached: Sequence[Attachment]
) -> list[str]:
    ports = list(config.exposed_ports)
    there = (each.network_id for each in attached if each.endpoint_id)
    leads_out = ports and any(not networks.get(tx, each).config.internal for each in there)
    return ports if leads_out else []


def settings(store: Store, record: ContainerRecord) -> dict[str, Any]:
    """Return docker's NetworkSettings: what a container has while it runs."""
    with store.read() as tx:
        return _settings(tx, record)


def _settings(tx: Transaction, record: ContainerRecord) -> dict[str, Any]:
    config, alive = record.config, record.state.status.alive
    attached = endpoints.of_container(tx, record.id)
    found = {each.network_id: networks.get(tx, each.network_id) for each in attached}
    default = next((each for each in attached if found[each.network_id].is_default), None)
    own = _addresses(default, None if default is None else found[default.network_id])
    if default is not None and not record.state.started_ns:
        own["MacAddress"] = default.wanted.mac
    ports = [port for port, _ in endpoints.targets_of(tx, record.id)]
    return {
        "Bridge": "",
        "SandboxID": record.id if record.state.started_ns and not config.is_guest else "",
        "SandboxKey": f"/proc/{record.state.pid}/ns/net" if alive and not config.is_guest else "",
        "Ports": _ports(_reachable(tx, config, attached), ports) if alive else {},
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        **{
            name: own[name]
            for name in (
                *("EndpointID", "Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen"),
                *("IPAddress", "IPPrefixLen", "IPv6Gateway", "MacAddress"),
            )
        },
        "Networks": {
            **_without_addresses(tx, record),
            **_unattached(tx, record, {each.wanted.network for each in attached}),
            **{
                found[each.network_id].name: _endpoint(record, each, found[each.network_id])
                for each in attached
            },
        },
    }


def _without_addresses(tx: Transaction, record: ContainerRecord) -> dict[str, Any]:
    """Return what docker shows for `none` and `host`, which have no addresses."""
    name = record.config.stands_on
    if not name:
        return {}
    row = tx.scalar("SELECT id FROM networks WHERE name = ?", (name,))
    addresses, later = _addresses(None, None), record.config.apart is not None
    addresses.pop("MacAddress")
    shown = {
        **_wishes(EndpointConfig(name, later=later)),
        "MacAddress": _mac_without_address(record),
        "NetworkID": row if row and record.state.started_ns else "",
        **addresses,
        "EndpointID": _endpoint_id(record) if record.state.status.alive else "",
    }
    return {name: {**shown, "DriverOpts": {} if later else None, "DNSNames": None}}


def _mac_without_address(record: ContainerRecord) -> str:
    """Return the address that was asked for on `none`, until docker forgets it at the first end."""
    ended = record.state.started_ns and not record.state.status.alive
    return "" if ended or record.config.apart is not None else record.config.mac_address


def _endpoint_id(record: ContainerRecord) -> str:
    """Return the id of a place on a network without addresses: another one for each start."""
    return sha256(f"{record.id} {record.state.started_ns}".encode()).hexdigest()


def _ports(shown_alone: Sequence[str], ports: Sequence[PublishedPort]) -> dict[str, Any]:
    shown: dict[str, Any] = dict.fromkeys(shown_alone)
    for port in ports:
        key = f"{port.port}/{port.protocol}"
        shown[key] = shown.get(key) or []
        shown[key].append({"HostIp": port.address, "HostPort": str(port.host_port)})
    return shown


def _wishes(wanted: EndpointConfig) -> dict[str, Any]:
    asked = {"IPv4Address": wanted.ipv4, "IPv6Address": wanted.ipv6}
    ipam: dict[str, Any] = {name: address for name, address in asked.items() if address}
    if wanted.link_local:
        ipam["LinkLocalIPs"] = list(wanted.link_local)
    return {
        "IPAMConfig": ipam or ({} if wanted.later else None),
        "Links": list(wanted.links) or None,
        "Aliases": list(wanted.aliases) or ([] if wanted.later else None),
    }


def _unattached(tx: Transaction, record: ContainerRecord, attached: set[str]) -> dict[str, Any]:
    """Return the wishes for networks that are not there, as docker shows them."""
    addresses = _addresses(None, None)

    def named(wanted: EndpointConfig) -> bool:  # of a guest's, those that are there
        if wanted.gone or not record.config.is_guest or not is_user_defined(wanted.network):
            return bool(wanted.gone)
        return networks.is_named(tx, wanted.network)

    return {
        wanted.network: {
            **_wishes(wanted),
            "MacAddress": wanted.mac,
            "NetworkID": wanted.gone,
            **{key: value for key, value in addresses.items() if key != "MacAddress"},
            "DriverOpts": dict(wanted.options) or ({} if wanted.later else None),
            "DNSNames": _names(record, wanted) if named(wanted) else None,
        }
        for wanted in record.config.endpoints
        if wanted.network not in (*attached, record.config.stands_on)
    }


def _names(record: ContainerRecord, wanted: EndpointConfig) -> list[str]:
    names = [record.name, *wanted.aliases, record.short_id]
    own = "" if record.config.is_guest else record.config.hostname
    return list(dict.fromkeys([*names, *filter(None, (own,))]))


def _endpoint(
    record: ContainerRecord, attached: Attachment, found: NetworkRecord
) -> dict[str, Any]:
    """Return docker's object of an endpoint: before its first start a container only has wishes."""
    wanted, has_run = attached.wanted, record.state.started_ns > 0
    named = is_user_defined(found.name) and (has_run or wanted.later)
    names = _names(record, wanted) if named else None
    addresses = _addresses(attached, found)
    return {
        **_wishes(wanted),
        "MacAddress": addresses["MacAddress"] if has_run else wanted.mac,
        "NetworkID": found.id if has_run else "",
        **{key: value for key, value in addresses.items() if key != "MacAddress"},
        "DriverOpts": dict(wanted.options) or ({} if wanted.later else None),
        "DNSNames": names,
    }


def _addresses(attached: Attachment | None, found: NetworkRecord | None) -> dict[str, Any]:
    """Return the facts of an endpoint; empty ones where the container does not run."""
    empty: dict[str, Any] = {
        "MacAddress": "",
        "EndpointID": "",
        "Gateway": "",
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
    }
    if attached is None or found is None or not attached.endpoint_id:
        return empty
    shown = {**empty, "MacAddress": attached.mac, "EndpointID": attached.endpoint_id}
    for pool in found.config.pools:
        prefix = int(pool.subnet.partition("/")[2])
        gateway = "" if found.config.internal else pool.gateway
        if ":" in pool.subnet:
            shown |= {"IPv6Gateway": gateway, "GlobalIPv6Address": attached.ipv6}
            shown["GlobalIPv6PrefixLen"] = prefix
        else:
            shown |= {"Gateway": gateway, "IPAddress": attached.ipv4, "IPPrefixLen": prefix}
    return shown
