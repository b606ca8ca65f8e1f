"""Bridges: made when the first container needs them, removed with their network.

A bridge that is up has its addresses, its rules and forwarding: it is brought up last, so that a
maker who was killed midway leaves one that the next finishes. What a start asks is only whether it
is up.
"""

from __future__ import annotations

import errno
import ipaddress
import os
from collections.abc import Callable, Iterable
from contextlib import suppress

from ipycontainer import faults
from ipycontainer.errors import ResourceError
from ipycontainer.linux import nftables, rtnetlink
from ipycontainer.linux.rtnetlink import Link
from ipycontainer.model.network import BRIDGE, NetworkRecord
from ipycontainer.network import rules
from ipycontainer.network.place import Place, standing
from ipycontainer.store.home import Home

__all__ = [
    "ensure",
    "interface_name",
    "is_ours",
    "need_renewal",
    "remove",
    "remove_table",
    "renew_table",
    "sweep",
]

_FORWARD_HOOK = 2
_POLICY_DROP = 0
FORWARDING = {4: "/proc/sys/net/ipv4/ip_forward", 6: "/proc/sys/net/ipv6/conf/all/forwarding"}


def interface_name(hash8: str, record: NetworkRecord) -> str:
    """Return the name of a network's bridge: the home's hash tells whose it is."""
    if record.config.bridge:
        return record.config.bridge
    return f"ipyc-{hash8}" if record.is_default else f"b{hash8}{record.id[:6]}"


def is_ours(hash8: str, name: str) -> bool:
    """Tell whether an interface has a name that only this home gives."""
    return name == f"ipyc-{hash8}" or (name[:1] in "bv" and name[1:9] == hash8 and len(name) == 15)


def ensure(place: Place, record: NetworkRecord, warnings: list[str]) -> Link:
    """Return the bridge of a network, and make it where it does not stand.

    Adds a line to `warnings` for what it changed of the machine, and for what of others will be in
    the way.
    """
    name = interface_name(place.home.hash8, record)
    found = rtnetlink.find_link(place.route, name)
    if found is not None and found.up:
        return found
    with place.changing():
        _make(place, record, name, warnings)
    found = rtnetlink.find_link(place.route, name)
    if found is None:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), f"find bridge {name}")
    return found


def _make(place: Place, record: NetworkRecord, name: str, warnings: list[str]) -> None:
    config = record.config
    with suppress(FileExistsError):  # another network's maker was first
        nftables.commit(place.netfilter, rules.table(place.table))
    nftables.commit(place.netfilter, rules.add_bridge(place.table, _in_table(name, record)))
    faults.point("bridge: in the table")
    gateways = [
        ipaddress.ip_interface(f"{pool.gateway}/{pool.subnet.partition('/')[2]}")
        for pool in config.pools
        if pool.gateway
    ]
    mac = (b"\x02\x42" + gateways[0].ip.packed[-4:]).hex(":") if gateways else ""
    with suppress(FileExistsError):
        place.route.send([rtnetlink.add_bridge(name, mtu=config.mtu, mac=mac)])
    link = rtnetlink.find_link(place.route, name)
    if link is None:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), f"find bridge {name}")
    faults.point("bridge: made")
    for gateway in gateways:
        with suppress(FileExistsError):
            place.route.send([rtnetlink.add_address(link.index, gateway)])
    if place.is_machines:
        for version in sorted({gateway.version for gateway in gateways}):
            _forward(version, warnings)
        warnings += _obstacles(place)
    faults.point("bridge: before it is up")
    alias = f"{record.name}, network of ipycontainer"
    place.route.send([rtnetlink.change_link(name, up=True, alias=alias)])


def remove(place: Place, record: NetworkRecord) -> None:
    """Remove the bridge of a network, and what the table knows of it; what is gone is fine."""
    name = interface_name(place.home.hash8, record)
    with place.changing():
        with suppress(OSError):
            place.route.send([rtnetlink.delete_link(name)])
        faults.point("bridge: removed")
        for packet in rules.remove_bridge(place.table, _in_table(name, record)):
            with suppress(OSError):
                nftables.commit(place.netfilter, [packet])


def need_renewal(home: Home) -> bool:
    """Tell whether the home's table is of another version than this."""
    try:
        place = standing(home)
        if place is None:
            return False
        with place:
            said = nftables.table_comment(place.netfilter, place.table)
    except (OSError, ResourceError):  # no rights, or no holder any more: a start will tell
        return False
    return said is not None and said != rules.layout()


def renew_table(
    place: Place, records: Iterable[NetworkRecord], targets: Iterable[rules.Target]
) -> None:
    """Make the home's table anew with what stands, in one transaction: no packet meets a gap."""
    packets = [nftables.delete_table(place.table), *rules.table(place.table)]
    for record in records:
        name = interface_name(place.home.hash8, record)
        if rtnetlink.find_link(place.route, name) is not None:
            packets += rules.add_bridge(place.table, _in_table(name, record))
    packets += [rules.add_target(place.table, target) for target in targets]
    nftables.commit(place.netfilter, packets)


def remove_table(place: Place) -> None:
    """Remove the home's table; where there is none, that is fine."""
    with suppress(FileNotFoundError):
        nftables.commit(place.netfilter, [nftables.delete_table(place.table)])


def sweep(place: Place, kept: Callable[[], set[str]]) -> list[str]:
    """Remove the interfaces with this home's name that nobody has, and return their names.

    `kept` is asked after they were looked for: a row is written before its interface is made, so
    one that is there and has none by then is nobody's.
    """
    there = [link.name for link in rtnetlink.links(place.route)]
    ours = [name for name in there if is_ours(place.home.hash8, name)]
    removed = []
    for name in set(ours) - kept() if ours else ():
        with suppress(OSError):
            place.route.send([rtnetlink.delete_link(name)])
            removed.append(name)
    return removed


def _in_table(name: str, record: NetworkRecord) -> rules.Bridge:
    config = record.config
    networks = tuple(ipaddress.ip_network(pool.subnet) for pool in config.pools)
    return rules.Bridge(name, networks, config.internal, not config.icc, config.masquerade)


def _forward(version: int, warnings: list[str]) -> None:
    """Have the machine pass packets on between its interfaces, and say so where it did not."""
    path = FORWARDING[version]
    try:
        with open(path, encoding="ascii") as file:
            if file.read().strip() != "0":
                return
        with open(path, "w", encoding="ascii") as file:
            file.write("1")
    except FileNotFoundError:  # a machine without IPv6
        return
    except OSError as error:
        warnings.append(f"{path} is 0 and cannot be set ({error.strerror}): containers stay alone")
        return
    name = path.removeprefix("/proc/sys/").replace("/", ".")
    warnings.append(f"{name} was 0 and is 1 now: this machine passes packets on for its containers")


def _obstacles(place: Place) -> list[str]:
    """Name the chains of others that drop what they do not know: they win over our accepting."""
    found = []
    for chain in nftables.base_chains(place.netfilter):
        if (chain.hook, chain.policy) != (_FORWARD_HOOK, _POLICY_DROP):
            continue
        # Docker's own words for what to do: its chain DOCKER-USER is there for the rules of others.
        found.append(
            f"the chain {chain.name} of the table {chain.family} {chain.table} drops what it does "
            f"not know: containers may reach nothing beyond their own {BRIDGE}"
        )
    return found
