"""The engine's table of nf_tables: translation, isolation, published ports.

One table a home, made once and never removed for a container: what changes are elements of its
sets and maps, a batch of 0.1 ms, where removing a table takes 15 (measured). Its comment tells the
version of what is in it; another's is replaced at the next connect. Rules of others are never
touched. `table` puts it together and the others say what a network or a port adds.

    bridges       our bridges, by name
    same          each bridge beside itself: who comes from where it goes
    internal      bridges that nothing leaves
    isolated      bridges whose containers do not reach each other
    nets4, nets6  the networks of all bridges, behind which an own published port may lie
    masq4, masq6  the networks that speak to others with the machine's address
    any4, any6    protocol and port of this machine -> address and port of a container
    one4, one6    the same for one address of this machine
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from ipycontainer.linux import nftables as nft
from ipycontainer.linux.netlink import Packet
from ipycontainer.linux.nftables import Element, Set
from ipycontainer.linux.rtnetlink import Address, IPNetwork

__all__ = [
    "PROTOCOLS",
    "Bridge",
    "Target",
    "add_bridge",
    "add_target",
    "layout",
    "remove_bridge",
    "remove_target",
    "table",
    "table_name",
]

_PORT = ("inet_proto", "inet_service")
_SETS = (
    Set("bridges", ("ifname",)),
    Set("same", ("ifname", "ifname")),
    Set("internal", ("ifname",)),
    Set("isolated", ("ifname",)),
    Set("nets4", ("ipv4_addr",), interval=True),
    Set("nets6", ("ipv6_addr",), interval=True),
    Set("masq4", ("ipv4_addr",), interval=True),
    Set("masq6", ("ipv6_addr",), interval=True),
    Set("any4", _PORT, ("ipv4_addr", "inet_service")),
    Set("any6", _PORT, ("ipv6_addr", "inet_service")),
    Set("one4", ("ipv4_addr", *_PORT), ("ipv4_addr", "inet_service")),
    Set("one6", ("ipv6_addr", *_PORT), ("ipv6_addr", "inet_service")),
)
PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "sctp": socket.IPPROTO_SCTP}


@dataclass(frozen=True, slots=True)
class Bridge:
    """What the table knows of a network."""

    name: str
    networks: tuple[IPNetwork, ...]
    internal: bool = False
    isolated: bool = False
    masquerade: bool = True


@dataclass(frozen=True, slots=True)
class Target:
    """A published port: who asks `address` (any of this machine's when None) gets to `to`.

    Both are of one version.
    """

    protocol: str
    address: Address | None
    port: int
    to: Address
    to_port: int


def table_name(hash8: str) -> str:
    """Return the name of a home's table."""
    return f"ipyc-{hash8}"


def table(name: str) -> Iterator[Packet]:
    """Make the whole table; in a batch, where it fails (EEXIST) when somebody was faster."""
    yield nft.add_table(name, exclusive=True, comment=layout())
    yield from _inside(name)


@cache
def layout() -> str:
    """Return what tells this version's sets, chains and rules from those of others."""
    inside = b"".join(packet.body for packet in _inside("table"))
    return f"layout {zlib.crc32(inside):08x}"


def _inside(name: str) -> Iterator[Packet]:
    """Make all that is in the table but elements."""
    for made in _SETS:
        yield nft.add_set(name, made)
    for chain, hook in (("prerouting", "prerouting"), ("output", "output")):
        yield nft.add_chain(name, chain, "nat", hook, nft.DSTNAT)
        if chain == "prerouting":
            # Sent on within their bridge, packets would meet the walls between its ports.
            isolated = nft.meta("iifname") + nft.lookup("isolated")
            yield nft.add_rule(name, chain, isolated, nft.RETURN)
        else:
            # This machine's own associations are the proxy's: they count on the size of loopback's
            # packets, and stand still where those are sent on to a bridge (measured).
            sctp = nft.meta("l4proto") + nft.compare(bytes([PROTOCOLS["sctp"]]))
            yield nft.add_rule(name, chain, sctp, nft.RETURN)
        yield from _send_on(name, chain)
    yield nft.add_chain(name, "postrouting", "nat", "postrouting", nft.SRCNAT)
    yield from _masquerade(name)
    yield nft.add_chain(name, "isolation", "filter", "forward", nft.FILTER)
    yield from _isolate(name)


def _send_on(name: str, chain: str) -> Iterator[Packet]:
    """Send published ports on to their containers: first those of one address, then of any.

    127.0.0.1 and ::1 are left to the proxy: the kernel drops such packets on any other interface.
    """
    for family, version, offset, loopback in (
        (nft.IPV4, "4", 16, b"\x7f"),
        (nft.IPV6, "6", 24, ipaddress.IPv6Address("::1").packed),
    ):
        words = 1 if family == nft.IPV4 else 4
        yield nft.add_rule(
            name,
            chain,
            nft.family_is(family),
            nft.payload("network", offset, 4 * words),
            nft.meta("l4proto", words) + nft.payload("transport", 2, 2, words + 1),
            nft.lookup(f"one{version}", mapped=True),
            nft.DNAT(family),
        )
        yield nft.add_rule(
            name,
            chain,
            nft.family_is(family),
            nft.payload("network", offset, len(loopback)),
            nft.compare(loopback, equal=False),
            nft.destination_is_local(),
            nft.meta("l4proto"),
            nft.payload("transport", 2, 2, 1),
            nft.lookup(f"any{version}", mapped=True),
            nft.DNAT(family),
        )


def _masquerade(name: str) -> Iterator[Packet]:
    for family, version, offset, length in ((nft.IPV4, "4", 12, 4), (nft.IPV6, "6", 8, 16)):
        source = nft.family_is(family) + nft.payload("network", offset, length)
        yield nft.add_rule(
            name,
            "postrouting",
            source,
            nft.lookup(f"masq{version}"),
            nft.meta("oifname"),
            nft.lookup("bridges", inverted=True),
            nft.MASQUERADE,
        )
        # The answer must come back by way of this machine, not straight from a neighbour.
        yield nft.add_rule(
            name,
            "postrouting",
            source,
            nft.lookup(f"nets{version}"),
            nft.meta("oifname"),
            nft.lookup("bridges"),
            nft.ct_has("dnat"),
            nft.MASQUERADE,
        )


def _isolate(name: str) -> Iterator[Packet]:
    """Let nobody through to a bridge but answers, published ports and its own containers."""
    chain = "isolation"
    yield nft.add_rule(name, chain, nft.ct_has("established"), nft.ACCEPT)
    pair = nft.meta("iifname") + nft.meta("oifname", 4)
    yield nft.add_rule(name, chain, pair, nft.lookup("same"), nft.ACCEPT)
    for side in ("iifname", "oifname"):
        yield nft.add_rule(name, chain, nft.meta(side), nft.lookup("internal"), nft.DROP)
    yield nft.add_rule(name, chain, nft.ct_has("dnat"), nft.ACCEPT)
    yield nft.add_rule(name, chain, nft.meta("oifname"), nft.lookup("bridges"), nft.DROP)


def add_bridge(name: str, bridge: Bridge) -> Iterator[Packet]:
    """Take a network into the table; one that is there is fine."""
    for made, elements in _of_bridge(bridge):
        yield nft.add_elements(name, made, elements, new=False)


def remove_bridge(name: str, bridge: Bridge) -> Iterator[Packet]:
    """Take a network out of the table."""
    for made, elements in _of_bridge(bridge):
        yield nft.delete_elements(name, made, elements)


def _of_bridge(bridge: Bridge) -> Iterator[tuple[str, Sequence[Element]]]:
    key = bridge.name.encode().ljust(nft.NAME_BYTES, b"\0")
    yield "bridges", [Element(key)]
    yield "same", [Element(key + key)]
    if bridge.internal:
        yield "internal", [Element(key)]
    if bridge.isolated:
        yield "isolated", [Element(key)]
    for network in bridge.networks:
        span = Element(network.network_address.packed, end=_beyond(network))
        yield f"nets{network.version}", [span]
        if bridge.masquerade and not bridge.internal:
            yield f"masq{network.version}", [span]


def _beyond(network: IPNetwork) -> bytes:
    """Return the first address behind a network, as the kernel marks the end of an interval."""
    end = int(network.broadcast_address) + 1
    return (end & ((1 << network.max_prefixlen) - 1)).to_bytes(network.max_prefixlen // 8, "big")


def add_target(name: str, target: Target) -> Packet:
    """Send a port on; one that is sent on already is refused (EEXIST)."""
    return nft.add_elements(name, *_of_target(target))


def remove_target(name: str, target: Target) -> Packet:
    """Send a port on no longer; one that was not is refused (ENOENT)."""
    return nft.delete_elements(name, *_of_target(target))


def _of_target(target: Target) -> tuple[str, Sequence[Element]]:
    port = _word(bytes([PROTOCOLS[target.protocol]])) + _word(struct.pack(">H", target.port))
    data = target.to.packed + _word(struct.pack(">H", target.to_port))
    if target.address is None:
        return f"any{target.to.version}", [Element(port, data)]
    return f"one{target.to.version}", [Element(target.address.packed + port, data)]


def _word(value: bytes) -> bytes:
    """Return a part of a key that has several: each takes whole registers of four bytes."""
    return value.ljust(4, b"\0")
