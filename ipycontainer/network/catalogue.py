"""The networks of a home: docker's own three, and those that users make.

Runs in the engine, within its transactions: pools are chosen where nobody else can choose.
"""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ipycontainer.errors import Conflict, InvalidArgument, NotFound, ResourceError, Unsupported
from ipycontainer.linux import rtnetlink
from ipycontainer.linux.rtnetlink import IPNetwork
from ipycontainer.model.network import BRIDGE, NO_SWARM, NetworkConfig, NetworkRecord, Pool
from ipycontainer.network import addresses
from ipycontainer.store import networks
from ipycontainer.store.database import Transaction

__all__ = [
    "NO_OWN_SETTINGS",
    "PREDEFINED",
    "check_kind",
    "create",
    "ensure_predefined",
    "is_taken_from",
    "with_options",
]

PREDEFINED = (BRIDGE, "host", "none")
_PREFIX = "com.docker.network."
_NO_OPERATION = (
    "configuration network can only contain network specific fields. Network operator fields like "
    "[ ingress | internal | attachable | scope ] are not supported."
)
NO_OWN_SETTINGS = (
    "user specified configurations are not supported if the network depends on a configuration "
    "network"
)
# Docker's own that we do not have; any other word has no meaning, there as here.
_NOT_YET = ("bridge.inhibit_ipv4", "host_ipv4", "host_ipv6", "enable_ipv6")
_INTERFACE_BYTES = 15  # IFNAMSIZ less its zero


def ensure_predefined(tx: Transaction) -> None:
    """Make docker's own networks, if this home has none yet."""
    if tx.one("SELECT 1 FROM networks WHERE name = ?", (BRIDGE,)) is not None:
        return
    now = time.time_ns()
    pool = _chosen_pool(tx)
    options = {
        f"{_PREFIX}bridge.default_bridge": "true",
        f"{_PREFIX}bridge.enable_icc": "true",
        f"{_PREFIX}bridge.enable_ip_masquerade": "true",
        f"{_PREFIX}bridge.host_binding_ipv4": "0.0.0.0",
        f"{_PREFIX}driver.mtu": "1500",
    }
    configs = {
        BRIDGE: NetworkConfig(pools=(pool,), options=options),
        "host": NetworkConfig(driver="host"),
        "none": NetworkConfig(driver="null"),
    }
    for name, config in configs.items():
        networks.add(tx, NetworkRecord(os.urandom(32).hex(), name, now, config))


def create(
    tx: Transaction,
    name: str,
    config: NetworkConfig,
    *,
    subnets: Sequence[str] = (),
    gateways: Sequence[str] = (),
    ranges: Sequence[str] = (),
    aux: Mapping[str, str] | None = None,
) -> NetworkRecord:
    """Add a network whose pools are typed or chosen. Raises docker's refusals."""
    ensure_predefined(tx)
    if not name.strip():
        raise InvalidArgument("invalid name:")
    if name in (*PREDEFINED, "default"):
        raise Conflict(f"operation is not permitted on predefined {name} network")
    if config.driver not in (BRIDGE, "default", ""):
        if config.driver in ("host", "null"):
            raise Conflict(f'only one instance of "{config.driver}" network is allowed')
        if config.driver == "overlay":
            raise InvalidArgument(NO_SWARM)
        if config.driver in ("macvlan", "ipvlan"):
            raise Unsupported(f"the network driver {config.driver} is not supported yet")
        raise NotFound(f'plugin "{config.driver}" not found')
    if config.config_only:
        pools = _typed(tx, subnets, gateways, ranges, aux or {}, ipv6=True)
        config = replace(config, driver="null", pools=tuple(pools), configured=bool(pools))
        return _added(tx, os.urandom(32).hex(), name, config)
    network_id = os.urandom(32).hex()
    if config.config_from:
        source = _settings_of(tx, config.config_from)
        subnets = [pool.subnet for pool in source.pools]
        gateways = [pool.gateway for pool in source.pools if pool.gateway_typed]
        ranges = [pool.ip_range for pool in source.pools if pool.ip_range]
        aux = {name: text for pool in source.pools for name, text in pool.aux.items()}
        config = replace(
            config, labels=source.labels, ipv6=source.ipv6, ipam_options=source.ipam_options
        )
        config = with_options(config, source.options)
    if config.bridge:
        _check_bridge(tx, config.bridge, network_id)
    pools = _typed(tx, subnets, gateways, ranges, aux or {}, ipv6=config.ipv6)
    configured = bool(pools)
    pools.sort(key=lambda pool: ":" in pool.subnet)  # docker shows its own choice behind those
    if not any(":" not in pool.subnet for pool in pools):
        pools.append(_chosen_pool(tx))
    if config.ipv6 and not any(":" in pool.subnet for pool in pools):
        raise ResourceError(  # docker's defaults have none
            "could not find an available, non-overlapping IPv6 address pool among the defaults "
            "to assign to the network",
            hint=f"ipycontainer network create --ipv6 --subnet fd00:1::/64 {name}",
        )
    if not config.ipv6:
        pools = [pool for pool in pools if ":" not in pool.subnet]
    whole = replace(config, driver=BRIDGE, pools=tuple(pools), configured=configured)
    return _added(tx, network_id, name, whole)


def _chosen_pool(tx: Transaction) -> Pool:
    pool = addresses.free_pool(_taken(tx), networks.last_chosen(tx))
    networks.keep_chosen(tx, pool.subnet)
    return pool


def _added(tx: Transaction, network_id: str, name: str, config: NetworkConfig) -> NetworkRecord:
    record = NetworkRecord(network_id, name, time.time_ns(), config)
    networks.add(tx, record)
    networks.tell(tx, record, "create", record.created_ns)
    return record


def _settings_of(tx: Transaction, name: str) -> NetworkConfig:
    """Return the settings that a network of this name holds for others."""
    for record in networks.list_all(tx):
        if record.config.config_only and name in (record.name, record.id):
            return record.config
    raise NotFound(f'configuration network "{name}" does not exist')


def is_taken_from(tx: Transaction, name: str) -> bool:
    """Tell whether a network has its settings from the one of this name."""
    return any(record.config.config_from == name for record in networks.list_all(tx))


def check_kind(config: NetworkConfig, *, ingress: bool, scope: str, ipam_driver: str) -> None:
    """Raise docker's refusals of a swarm's networks, and of other drivers of addresses."""
    if config.config_only and (ingress or config.internal or config.attachable or scope):
        raise InvalidArgument(_NO_OPERATION)
    if config.config_from:
        if config.config_only:
            raise InvalidArgument(
                "a configuration network cannot depend on another configuration network"
            )
        own = config.ipv6 or config.labels or config.ipam_options
        if own or ipam_driver not in ("", "default"):
            raise InvalidArgument(NO_OWN_SETTINGS)
        if config.options:
            raise InvalidArgument(
                "network driver options are not supported if the network depends on a "
                "configuration network"
            )
    if ingress:
        raise InvalidArgument("Ingress network can only be global scope network")
    if scope == "swarm":
        raise InvalidArgument("cannot create a swarm scoped network when swarm is not active")
    if ipam_driver == "null":
        raise InvalidArgument("ipv4 pool is empty")
    if ipam_driver not in ("", "default"):
        raise NotFound(f'plugin "{ipam_driver}" not found')


def with_options(config: NetworkConfig, options: Mapping[str, str]) -> NetworkConfig:
    """Return the config with what the driver's options say.

    Docker's that we do not have are refused by name; what is none of its own is kept and shown.
    """
    changed: dict[str, object] = {}
    for key, value in options.items():
        name = key.removeprefix(_PREFIX)
        if name == "bridge.name":
            changed["bridge"] = value
        elif name in ("bridge.enable_icc", "bridge.enable_ip_masquerade"):
            field = "icc" if name.endswith("icc") else "masquerade"
            changed[field] = _boolean(key, value)
        elif name in ("driver.mtu", "mtu"):
            if not value.removeprefix("-").isdecimal():
                raise _unparsed(key, value, f'strconv.Atoi: parsing "{value}": invalid syntax')
            if int(value) < 0:
                raise InvalidArgument(f"invalid MTU number: {value}")
            if int(value) and not 68 <= int(value) <= 65535:  # the kernel's EINVAL
                hint = f"an MTU is between 68 and 65535, and not {value}"
                raise InvalidArgument("invalid argument", hint=hint)
            if int(value):  # 0 is the usual one
                changed["mtu"] = int(value)
        elif name in ("bridge.host_binding_ipv4", "host_binding_ipv4"):
            try:
                changed["host_binding"] = str(ipaddress.IPv4Address(value))
            except ValueError:
                raise _unparsed(key, value, "nil ip") from None
        elif name == "container_iface_prefix":
            changed["interface_prefix"] = value
        elif name in _NOT_YET:
            raise Unsupported(f"the network option {key} is not supported yet")
    return replace(config, options=dict(options), **changed)  # type: ignore[arg-type]


def _boolean(key: str, value: str) -> bool:
    if value.lower() in ("1", "t", "true"):
        return True
    if value.lower() in ("0", "f", "false"):
        return False
    raise _unparsed(key, value, f'strconv.ParseBool: parsing "{value}": invalid syntax')


def _unparsed(key: str, value: str, why: str) -> InvalidArgument:
    return InvalidArgument(f"failed to parse {key} value: {value} ({why})")


def _check_bridge(tx: Transaction, name: str, network_id: str) -> None:
    if len(name.encode()) > _INTERFACE_BYTES:  # the kernel's ERANGE, which docker passes on
        hint = f"the name of an interface has at most {_INTERFACE_BYTES} bytes"
        raise InvalidArgument("numerical result out of range", hint=hint)
    if "/" in name or not name.strip():
        raise InvalidArgument("invalid argument", hint=f"{name!r} is no name of an interface")
    for other in networks.list_all(tx):
        if other.config.bridge == name:
            raise Conflict(
                f"cannot create network {network_id} ({name}): conflicts with network {other.id} "
                f"({name}): networks have same bridge name"
            )
    with rtnetlink.open_route() as route:
        found = rtnetlink.find_link(route, name)
        if found is not None and found.kind != "bridge":
            raise Conflict(f"existing interface {name} is not a bridge")
        if found is not None:
            raise Conflict(f"cannot create network: there is an interface {name} already")


def _typed(
    tx: Transaction,
    subnets: Sequence[str],
    gateways: Sequence[str],
    ranges: Sequence[str],
    aux: Mapping[str, str],
    *,
    ipv6: bool,
) -> list[Pool]:
    """Return the pools that were typed, each with the gateway, range and addresses that fit it."""
    if not subnets and (gateways or ranges or aux):
        raise InvalidArgument("no matching subnet for " + next(iter((*gateways, *ranges, *aux))))
    taken = [
        pool
        for record in networks.list_all(tx)
        if not record.config.config_only
        for pool in _networks(record)
    ]
    pools: list[Pool] = []
    left = [*gateways, *ranges, *aux.values()]
    typed = []
    for subnet in subnets:
        mine = [text for text in left if _within(text, subnet)]
        typed.append(
            (
                subnet,
                next((text for text in gateways if text in mine), ""),
                next((text for text in ranges if text in mine), ""),
                {name: text for name, text in aux.items() if text in mine},
            )
        )
        left = [text for text in left if text not in mine]
    faults = [
        fault
        for pool in typed
        if ipv6 or ":" not in pool[0]
        for fault in addresses.faults_of(*pool)
    ]
    if faults:
        told = faults if len(faults) == 1 else [f"* {fault}" for fault in faults]
        raise InvalidArgument("\n".join(("invalid network config:", *told)))
    for each in typed:
        pool = addresses.checked_pool(
            *each, [*taken, *(ipaddress.ip_network(other.subnet) for other in pools)]
        )
        if any((":" in other.subnet) == (":" in pool.subnet) for other in pools):
            raise InvalidArgument("bridge driver doesn't support multiple subnets")
        pools.append(pool)
    if left:
        kind = "gateway" if left[0] in gateways else "range" if left[0] in ranges else "aux-address"
        raise InvalidArgument(f"no matching subnet for {kind} {left[0]}")
    return pools


def _within(text: str, subnet: str) -> bool:
    try:
        network = ipaddress.ip_network(subnet, strict=False)
        found = ipaddress.ip_interface(text)
    except ValueError:
        return False
    return found.version == network.version and found.ip in network


def _networks(record: NetworkRecord) -> list[IPNetwork]:
    return [ipaddress.ip_network(pool.subnet) for pool in record.config.pools]


def _taken(tx: Transaction) -> list[IPNetwork]:
    """Return what a new pool must not overlap: our networks, and what this machine's routes use."""
    there = [record for record in networks.list_all(tx) if not record.config.config_only]
    own = [network for record in there for network in _networks(record)]
    with rtnetlink.open_route() as route:
        return [*own, *rtnetlink.routes(route)]
