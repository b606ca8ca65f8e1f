"""A container's way onto its networks: addresses taken, interfaces made.

`take` runs in a transaction of the container's monitor, `wire` beside init, which configures what
lies inside from what `inside` tells it.
"""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ipycontainer.linux import rtnetlink
from ipycontainer.model.network import Attachment, NetworkRecord
from ipycontainer.network import addresses, bridges
from ipycontainer.network.place import Place
from ipycontainer.store import endpoints, networks
from ipycontainer.store.database import Transaction

__all__ = ["Plug", "held", "inside", "leading", "take", "take_one", "unplug", "wire"]


@dataclass(frozen=True, slots=True)
class Plug:
    """A container's place on a network, with the network.

    `former` is the interface that it had at the same address, which may be there still.
    """

    network: NetworkRecord
    attachment: Attachment
    former: str = ""


def take(
    tx: Transaction, container_id: str, hash8: str, now_ns: int, is_there: Callable[[str], bool]
) -> list[Plug]:
    """Take an address on each network that a container wants to be on, in docker's order.

    What it had from a start that died is let go first. Raises Conflict, ResourceError and
    InvalidArgument in docker's words.
    """
    endpoints.release(tx, container_id, now_ns)
    plugs: list[Plug] = []
    wanted = endpoints.of_container(tx, container_id)
    if len(wanted) > 1:
        wanted.sort(key=lambda each: _rank(networks.get(tx, each.network_id)))
    for attachment in wanted:
        if attachment.position == endpoints.UNSETTLED:  # who was about it died
            endpoints.remove(tx, container_id, attachment.network_id, now_ns)
            continue
        used = {plug.attachment.interface for plug in plugs}
        plugs.append(take_one(tx, attachment, hash8, used, now_ns, is_there))
    return plugs


def _rank(network: NetworkRecord) -> tuple[bool, int, str]:
    """Return what docker orders a container's networks by (moby `libnetwork/sandbox.go`, Less).

    Those that lead out come first, with both families before IPv6 before IPv4 alone, then by name.
    """
    families = {ipaddress.ip_network(pool.subnet).version for pool in network.config.pools}
    return network.config.internal, -(4 in families) - 2 * (6 in families), network.name


def take_one(
    tx: Transaction,
    attachment: Attachment,
    hash8: str,
    used: Collection[str],
    now_ns: int,
    is_there: Callable[[str], bool],
) -> Plug:
    """Take an address on one network; `used` are the names of interfaces inside.

    `is_there` tells whether an interface is on a bridge still: an address that was just given back
    is as good as any once its interface is gone.
    """
    record, container_id = networks.get(tx, attachment.network_id), attachment.container_id
    taken, given_back = endpoints.busy_addresses(tx, record.id, now_ns)
    own = {at: each.port for at, each in given_back.items() if each.container_id == container_id}
    cooling = {
        address
        for address, each in given_back.items()
        if address not in own and (not each.port or is_there(each.port))
    }
    wanted, found = attachment.wanted, {4: "", 6: ""}
    for pool in record.config.pools:
        version = ipaddress.ip_network(pool.subnet).version
        asked = wanted.ipv4 if version == 4 else wanted.ipv6
        shown = f"{record.name} ({record.id})"
        found[version] = addresses.choose(pool, taken, cooling, asked, shown)
    endpoint_id = os.urandom(32).hex()
    prefix = record.config.interface_prefix
    free = (f"{prefix}{number}" for number in range(len(used) + 1))
    made = replace(
        attachment,
        endpoint_id=endpoint_id,
        ipv4=found[4],
        ipv6=found[6],
        mac=wanted.mac or addresses.mac_of(found[4], endpoint_id),
        interface=next(name for name in free if name not in used),
        port=f"v{hash8}{endpoint_id[:6]}",
    )
    endpoints.take(tx, made)
    return Plug(record, made, own.get(made.ipv4, ""))


def wire(place: Place, plug: Plug, pid: int, warnings: list[str]) -> None:
    """Make the pair of interfaces between a network's bridge and the namespace of a process."""
    made, config = plug.attachment, plug.network.config
    bridge = bridges.ensure(place, plug.network, warnings)
    if plug.former:  # that goes with the namespace of the last run, some time
        _delete(place, plug.former)
    place.route.send(
        [
            rtnetlink.add_veth(
                made.port,
                bridge=bridge.index,
                peer=made.interface,
                peer_pid=pid,
                peer_mac=made.mac,
                mtu=config.mtu,
            ),
            rtnetlink.set_port(
                made.port,
                hairpin=True,
                isolated=not config.icc,
                alias=f"{made.interface} of container {made.container_id[:12]}",
            ),
        ]
    )


def unplug(place: Place, plug: Plug) -> None:
    """Remove the pair of interfaces at once; without this it goes with its namespace."""
    _delete(place, plug.attachment.port)


def _delete(place: Place, port: str) -> None:
    with suppress(OSError):  # it went already
        place.route.send([rtnetlink.delete_link(port)])


def held(tx: Transaction, container_id: str) -> list[Plug]:
    """Return the places that a running container has on its networks, not those it is leaving."""
    return [
        Plug(networks.get(tx, each.network_id), each)
        for each in endpoints.of_container(tx, container_id)
        if each.endpoint_id and each.position != endpoints.UNSETTLED
    ]


def leading(plugs: Sequence[Plug]) -> Plug | None:
    """Return the place by which a container leads out, and its ports lead in: None for no such.

    That on the network that can reach others and that docker puts first.
    """
    able = [plug for plug in plugs if not plug.network.config.internal]
    return min(able, key=lambda plug: _rank(plug.network), default=None)


def _link_local(address: str) -> str:
    """Return a link-local address with the length of its prefix, by RFC 3927 and RFC 4291."""
    return f"{address}/{64 if ':' in address else 16}"


def inside(plugs: Sequence[Plug], *, resolver: bool) -> str:
    """Return, as JSON, what init has to configure: names, addresses, and where the rest goes."""
    way_out = leading(plugs)
    described: list[dict[str, Any]] = []
    for plug in plugs:
        made = plug.attachment
        own, gateways = [], []
        for pool in plug.network.config.pools:
            six = ":" in pool.subnet
            address = made.ipv6 if six else made.ipv4
            own.append(f"{address}/{pool.subnet.partition('/')[2]}")
            if plug is way_out and pool.gateway:
                gateways.append(pool.gateway)
        own += [_link_local(address) for address in made.wanted.link_local]
        described.append({"name": made.interface, "addresses": own, "gateways": gateways})
    return json.dumps({"interfaces": described, "resolver": resolver}, separators=(",", ":"))
