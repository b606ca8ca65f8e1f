"""Which addresses a network gets, and which of them a container.

Pure: what is taken comes in, what was chosen goes out. Docker's pools (its
`ipamutils/utils.go`): /16s out of 172.17 to 172.31, then /20s of 192.168.0.0/16.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping

from ipycontainer.errors import InvalidArgument, ResourceError
from ipycontainer.linux.rtnetlink import Address, IPNetwork
from ipycontainer.model.network import Pool

__all__ = [
    "POOLS",
    "checked_pool",
    "choose",
    "faults_of",
    "free_pool",
    "mac_of",
]

_IN_USE = "Address already in use"

POOLS = (
    *(ipaddress.IPv4Network(f"172.{number}.0.0/16") for number in range(17, 32)),
    *ipaddress.IPv4Network("192.168.0.0/16").subnets(new_prefix=20),
)


def free_pool(taken: Collection[IPNetwork], last: str = "") -> Pool:
    """Return the first of docker's pools that overlaps nothing taken, from behind the `last` on.

    What a network that is gone has had is given again when all others were, as docker does:
    whoever remembers its addresses finds nobody there for long.
    """
    begin = next((place + 1 for place, pool in enumerate(POOLS) if str(pool) == last), 0)
    for network in (*POOLS[begin:], *POOLS[:begin]):
        if not any(network.version == other.version and network.overlaps(other) for other in taken):
            return Pool(str(network), str(next(network.hosts())))
    raise ResourceError(
        "could not find an available, non-overlapping IPv4 address pool among the defaults "
        "to assign to the network",
        hint="ipycontainer network create --subnet 10.123.0.0/24 NAME",
    )


def checked_pool(
    subnet: str, gateway: str, ip_range: str, aux: dict[str, str], taken: Iterable[IPNetwork]
) -> Pool:
    """Return the pool that a user typed, its gateway chosen where none is given.

    Raises InvalidArgument in docker's words for what does not fit together or is taken.
    """
    try:
        network = ipaddress.ip_network(subnet, strict=False)
    except ValueError:
        raise InvalidArgument(f"invalid subnet {subnet} : invalid CIDR address: {subnet}") from None
    for other in taken:
        if other.version == network.version and network.overlaps(other):
            raise InvalidArgument("Pool overlaps with other one on this address space")
    typed = bool(gateway)
    if gateway:
        if _address(gateway) not in network:
            raise InvalidArgument(f"no matching subnet for gateway {gateway}")
    else:
        start = ipaddress.ip_network(ip_range, strict=False) if ip_range else network
        inside = start if start.network_address != network.network_address else network
        gateway = str(inside[1] if inside.num_addresses > 2 else inside[0])
        if ip_range and inside is start:
            gateway = str(start[0])
    if ip_range:
        try:
            within = ipaddress.ip_network(ip_range, strict=False)
        except ValueError:
            raise InvalidArgument(f"invalid ip-range {ip_range}") from None
        if within.version != network.version or not within.subnet_of(network):  # type: ignore[arg-type]
            raise InvalidArgument(f"no matching subnet for range {ip_range}")
    held = _reserved(network)
    if _address(gateway) in held:
        raise InvalidArgument(f"failed to allocate gateway ({gateway}): {_IN_USE}")
    held.add(_address(gateway))
    for name, value in aux.items():
        if _address(value) not in network:
            raise InvalidArgument(f"no matching subnet for aux-address {value}")
        if _address(value) in held:
            told = f"failed to allocate secondary ip address ({name}:{value}): {_IN_USE}"
            raise InvalidArgument(told)
        held.add(_address(value))
    return Pool(str(network), gateway, ip_range, aux, gateway_typed=typed)


def faults_of(subnet: str, gateway: str, ip_range: str, aux: Mapping[str, str]) -> list[str]:
    """Return what docker's daemon says of a pool as it was typed (moby `types/network/ipam.go`)."""
    try:
        network = ipaddress.ip_interface(subnet if "/" in subnet else "").network
    except ValueError:
        return [f"invalid subnet {subnet}: invalid CIDR block notation"]
    faults = [*_unmasked("subnet", subnet)]
    if ip_range:
        faults += _range_faults(ip_range, network)
    texts = [("gateway", gateway, gateway)] if gateway else []
    texts += [("auxiliary address", name, text) for name, text in aux.items()]
    for kind, name, text in texts:
        try:
            inside = ipaddress.ip_address(text) in network
        except ValueError:
            faults.append(f"invalid {kind} {name}: invalid address")
            continue
        if not inside:
            why = f"parent subnet {network} doesn't contain this address"
            faults.append(f"invalid {kind} {name}: {why}")
    return faults


def _range_faults(ip_range: str, network: IPNetwork) -> list[str]:
    try:
        within = ipaddress.ip_interface(ip_range if "/" in ip_range else "").network
    except ValueError:
        return [f"invalid ip-range {ip_range}: invalid CIDR block notation"]
    start = f"invalid ip-range {ip_range}:"
    if within.version != network.version:
        return [f"{start} parent subnet is an IPv{network.version} block"]
    faults = []
    if within.prefixlen < network.prefixlen:
        faults.append(f"{start} CIDR block is bigger than its parent subnet {network}")
    faults += _unmasked("ip-range", ip_range)
    if not within.overlaps(network):
        faults.append(f"{start} parent subnet {network} doesn't contain ip-range")
    return faults


def _unmasked(kind: str, text: str) -> list[str]:
    """Return the fault of a block whose address has bits beyond its prefix."""
    found = ipaddress.ip_interface(text)
    if found.ip == found.network.network_address:
        return []
    return [f"invalid {kind} {text}: it should be {found.network}"]


def choose(
    pool: Pool,
    taken: Collection[str],
    cooling: Collection[str],
    wanted: str = "",
    network_name: str = "",
) -> str:
    """Return the address of a container: the one it wants, else the lowest free one.

    Of the free ones those that are cooling come last; `network_name` is for the error. Raises
    InvalidArgument for an address outside the subnet, ResourceError where none is free.
    """
    network = ipaddress.ip_network(pool.subnet)
    others = {pool.gateway, *pool.aux.values()}
    if wanted:
        if _address(wanted) not in network:
            raise InvalidArgument(
                f"Invalid address {wanted}: It does not belong to any of this network's subnets"
            )
        if wanted in taken or wanted in others or _address(wanted) in _reserved(network):
            raise ResourceError(_IN_USE)
        return wanted
    spare = ""
    for address in _candidates(pool, network):
        text = str(address)
        if text in taken or text in others:
            continue
        if text not in cooling:
            return text
        spare = spare or text
    if not spare:
        raise ResourceError(
            f"no available IPv{network.version} addresses on this network's address pools: "
            f"{network_name}"
        )
    return spare


def _candidates(pool: Pool, network: IPNetwork) -> Iterator[Address]:
    """Yield the addresses of a pool that a container may have, lowest first."""
    space = ipaddress.ip_network(pool.ip_range, strict=False) if pool.ip_range else network
    reserved = _reserved(network)
    for number in range(int(space.network_address), int(space.broadcast_address) + 1):
        address = ipaddress.ip_address(number.to_bytes(network.max_prefixlen // 8, "big"))
        if address not in reserved:
            yield address


def _reserved(network: IPNetwork) -> set[Address]:
    """Return the addresses of a network that nobody can have: its own and that of all."""
    if network.num_addresses <= 2:
        return set()
    last = {network.broadcast_address} if network.version == 4 else set()
    return {network.network_address, *last}


def mac_of(ipv4: str, endpoint_id: str) -> str:
    """Return the hardware address of a container: docker's 02:42 and the four bytes of its IPv4."""
    packed = ipaddress.IPv4Address(ipv4).packed if ipv4 else bytes.fromhex(endpoint_id[:8])
    return (b"\x02\x42" + packed).hex(":")


def _address(text: str) -> Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise InvalidArgument(f"invalid IP address: {text}") from None
