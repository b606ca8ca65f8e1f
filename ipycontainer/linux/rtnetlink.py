"""Links, addresses and routes: the messages of rtnetlink(7) that a container's network takes.

Each function returns a `Packet`; the caller sends several at once. Numbers: linux/rtnetlink.h,
linux/if_link.h, linux/if_addr.h.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from ipycontainer.linux.netlink import (
    ACK,
    CREATE,
    EXCL,
    Netlink,
    Packet,
    attribute,
    attributes,
    nest,
    number,
    text,
)

__all__ = [
    "Address",
    "IPNetwork",
    "Interface",
    "Link",
    "PermanentAddress",
    "add_address",
    "add_bridge",
    "add_route",
    "add_veth",
    "address",
    "change_link",
    "delete_link",
    "find_link",
    "leads_out",
    "leads_to",
    "links",
    "move_link",
    "open_route",
    "permanent_addresses",
    "routes",
    "set_port",
]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

NETLINK_ROUTE = 0
_NEWLINK, _DELLINK, _GETLINK, _NEWADDR, _GETADDR, _NEWROUTE, _GETROUTE = 16, 17, 18, 20, 22, 24, 26
IFF_UP = 1
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER, _IFLA_LINKINFO = 1, 3, 4, 10, 18
_IFLA_TXQLEN, _IFLA_NET_NS_PID, _IFLA_IFALIAS, _IFLA_NET_NS_FD = 13, 19, 20, 28
_REMARK_BYTES = 255  # linux/if.h: IFALIASZ less one
_INFO_KIND, _INFO_DATA, _INFO_SLAVE_KIND, _INFO_SLAVE_DATA = 1, 2, 4, 5
_VETH_INFO_PEER = 1
_BRPORT_MODE, _BRPORT_ISOLATED = 4, 33  # hairpin mode, and no way to other isolated ports
_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST, _IFA_FLAGS = 1, 2, 4, 8
_IFA_F_NODAD, _IFA_F_PERMANENT = 0x02, 0x80
_ADDRESS = struct.Struct("=BBBBi")  # struct ifaddrmsg: family, prefix, flags, scope, index
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_TABLE = 1, 4, 5, 15
_TABLE_MAIN, _PROTO_BOOT, _SCOPE_UNIVERSE, _SCOPE_LINK, _UNICAST = 254, 3, 0, 253, 1
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, index, flags, change
_ROUTE = struct.Struct("=BBBBBBBBI")  # struct rtmsg


@dataclass(frozen=True, slots=True)
class Link:
    """An interface as the kernel lists it: `master` is the index of its bridge, 0 for none."""

    index: int
    name: str
    kind: str
    up: bool
    master: int = 0
    address: str = ""
    alias: str = ""
    mtu: int = 0


@dataclass(frozen=True, slots=True)
class PermanentAddress:
    """An address that somebody gave an interface, as the kernel's own attributes."""

    family: int
    prefix: int
    attributes: tuple[tuple[int, bytes], ...]

    def again(self, index: int) -> Packet:
        """Give it to another interface; IPv6 without duplicate detection, since it was in use."""
        body = _ADDRESS.pack(self.family, self.prefix, 0, 0, index)
        body += b"".join(attribute(kind, value) for kind, value in self.attributes)
        if self.family == socket.AF_INET6:
            body += number(_IFA_FLAGS, _IFA_F_NODAD)
        return Packet(_NEWADDR, ACK | CREATE | EXCL, body, "give an address again")


def open_route(fd: int | None = None) -> Netlink:
    """Return a socket of rtnetlink in this namespace, or the one that `fd` is."""
    return Netlink(NETLINK_ROUTE, fd)


def add_bridge(name: str, *, mtu: int = 0, mac: str = "") -> Packet:
    """Make a bridge; it is down, and changes its address with its ports unless it has its own."""
    body = _LINK.pack(0, 0, 0, 0, 0) + text(_IFLA_IFNAME, name)
    body += _common(mtu, mac) + nest(_IFLA_LINKINFO, text(_INFO_KIND, "bridge"))
    return Packet(_NEWLINK, ACK | CREATE | EXCL, body, f"make bridge {name}")


def add_veth(
    name: str,
    *,
    bridge: int,
    peer: str,
    peer_pid: int = 0,
    peer_fd: int = -1,
    peer_mac: str = "",
    mtu: int = 0,
) -> Packet:
    """Make a pair of interfaces: this end up and on a bridge, the peer in another namespace.

    One message does it all; the peer's namespace is that of a process or of a descriptor.
    """
    there = text(_IFLA_IFNAME, peer) + _common(mtu, peer_mac) + number(_IFLA_TXQLEN, 0)
    there += number(_IFLA_NET_NS_PID, peer_pid) if peer_pid else number(_IFLA_NET_NS_FD, peer_fd)
    inner = nest(_VETH_INFO_PEER, _LINK.pack(0, 0, 0, 0, 0), there)
    body = _LINK.pack(0, 0, 0, IFF_UP, IFF_UP) + text(_IFLA_IFNAME, name)
    body += number(_IFLA_MASTER, bridge) + _common(mtu, "") + number(_IFLA_TXQLEN, 0)
    body += nest(_IFLA_LINKINFO, text(_INFO_KIND, "veth"), nest(_INFO_DATA, inner))
    return Packet(_NEWLINK, ACK | CREATE | EXCL, body, f"make veth {name}")


def set_port(name: str, *, hairpin: bool, isolated: bool, alias: str = "") -> Packet:
    """Say what a bridge's port may: send back to where it came from; reach isolated ports.

    By name and as the slave's data: RTM_NEWLINK ignores the attributes of AF_BRIDGE in silence.
    `alias` is a remark, which `ip link` shows; the kernel takes it for a link that stands only.
    """
    data = attribute(_BRPORT_MODE, bytes([hairpin])) + attribute(
        _BRPORT_ISOLATED, bytes([isolated])
    )
    body = _LINK.pack(0, 0, 0, 0, 0) + text(_IFLA_IFNAME, name) + _remark(alias)
    body += nest(_IFLA_LINKINFO, text(_INFO_SLAVE_KIND, "bridge"), nest(_INFO_SLAVE_DATA, data))
    return Packet(_NEWLINK, ACK, body, f"set port {name}")


def change_link(name: str, *, up: bool, alias: str = "") -> Packet:
    """Bring an interface up or down, and say what it is there for."""
    body = _LINK.pack(0, 0, 0, IFF_UP if up else 0, IFF_UP) + text(_IFLA_IFNAME, name)
    return Packet(_NEWLINK, ACK, body + _remark(alias), f"bring {name} {'up' if up else 'down'}")


def move_link(index: int, namespace: int, name: str) -> Packet:
    """Move an interface into the network namespace of a descriptor, where it has this name."""
    body = _LINK.pack(0, 0, index, 0, 0) + text(_IFLA_IFNAME, name)
    body += number(_IFLA_NET_NS_FD, namespace)
    return Packet(_NEWLINK, ACK, body, f"move link to {name}")


def delete_link(name: str) -> Packet:
    """Remove an interface; of a veth its peer goes too. Takes the kernel 13 to 20 ms (measured)."""
    body = _LINK.pack(0, 0, 0, 0, 0) + text(_IFLA_IFNAME, name)
    return Packet(_DELLINK, ACK, body, f"remove link {name}")


def add_address(index: int, address: Interface) -> Packet:
    """Give an interface an address with its network, which makes the route into it.

    IPv6 goes without duplicate detection: the address is leased, and would else be unusable for a
    second. No broadcast address with IPv6 (ipv6(7)); docker sets one with IPv4, so do we.
    """
    family = _family(address.ip)
    body = _ADDRESS.pack(family, address.network.prefixlen, 0, 0, index)
    body += attribute(_IFA_LOCAL, address.ip.packed) + attribute(_IFA_ADDRESS, address.ip.packed)
    if address.version == 4:
        body += attribute(_IFA_BROADCAST, address.network.broadcast_address.packed)
    else:
        body += number(_IFA_FLAGS, _IFA_F_NODAD)
    return Packet(_NEWADDR, ACK | CREATE | EXCL, body, f"add address {address}")


def add_route(index: int, gateway: Address | None, to: IPNetwork | None = None) -> Packet:
    """Make a route through an interface: the default one unless it says `to` where."""
    version = to.version if to is not None else gateway.version if gateway is not None else 4
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    prefix = 0 if to is None else to.prefixlen
    scope = _SCOPE_LINK if gateway is None and version == 4 else _SCOPE_UNIVERSE
    body = _ROUTE.pack(family, prefix, 0, 0, _TABLE_MAIN, _PROTO_BOOT, scope, _UNICAST, 0)
    if to is not None:
        body += attribute(_RTA_DST, to.network_address.packed)
    if gateway is not None:
        body += attribute(_RTA_GATEWAY, gateway.packed)
    body += number(_RTA_OIF, index)
    what = f"add route to {to or 'default'}" + (f" by {gateway}" if gateway else "")
    return Packet(_NEWROUTE, ACK | CREATE, body, what)


def address(text_: str) -> Address:
    """Return an address of either family."""
    return ipaddress.ip_address(text_)


def find_link(route: Netlink, name: str) -> Link | None:
    """Return an interface by its name, None when there is none."""
    body = _LINK.pack(0, 0, 0, 0, 0) + text(_IFLA_IFNAME, name)
    try:
        return _link(route.ask(Packet(_GETLINK, 0, body, f"find link {name}")))
    except OSError as error:
        if error.errno == 19:  # ENODEV
            return None
        raise


def links(route: Netlink) -> list[Link]:
    """Return all interfaces of the socket's namespace."""
    answers = route.dump(Packet(_GETLINK, 0, _LINK.pack(0, 0, 0, 0, 0), "list links"))
    return [_link(body) for kind, body in answers if kind == _NEWLINK]


def permanent_addresses(route: Netlink, index: int) -> list[PermanentAddress]:
    """Return what an interface was given for good: no lease, and nothing of its own link alone."""
    kept = (_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST)
    addresses = []
    body = _ADDRESS.pack(0, 0, 0, 0, 0)
    for _, answer in route.dump(Packet(_GETADDR, 0, body, "list addresses")):
        family, prefix, flags, scope, owner = _ADDRESS.unpack_from(answer)
        found = attributes(answer[_ADDRESS.size :])
        flags |= int.from_bytes(found.get(_IFA_FLAGS, b""), sys.byteorder)
        if owner == index and flags & _IFA_F_PERMANENT and scope == _SCOPE_UNIVERSE:
            parts = tuple((kind, found[kind]) for kind in kept if kind in found)
            addresses.append(PermanentAddress(family, prefix, parts))
    return addresses


def routes(route: Netlink) -> Iterator[IPNetwork]:
    """Yield the networks that the namespace's main tables lead to, the default route left out."""
    return (found for found in _main_routes(route) if found.prefixlen)


def leads_to(route: Netlink, wanted: Address) -> bool:
    """Tell whether the namespace's main tables lead to an address, the default route included."""
    return any(wanted in found for found in _main_routes(route))


def leads_out(route: Netlink) -> bool:
    """Tell whether the namespace has a default route, of either family."""
    return any(not found.prefixlen for found in _main_routes(route))


def _main_routes(route: Netlink) -> Iterator[IPNetwork]:
    body = _ROUTE.pack(0, 0, 0, 0, 0, 0, 0, 0, 0)
    for _, answer in route.dump(Packet(_GETROUTE, 0, body, "list routes")):
        family, prefix, _, _, table, _, _, kind, _ = _ROUTE.unpack_from(answer)
        found = attributes(answer[_ROUTE.size :])
        if table != _TABLE_MAIN or kind != _UNICAST:
            continue
        if family == socket.AF_INET:
            packed = found.get(_RTA_DST, bytes(4))
            yield ipaddress.IPv4Network((packed, prefix), strict=False)
        elif family == socket.AF_INET6:
            packed = found.get(_RTA_DST, bytes(16))
            yield ipaddress.IPv6Network((packed, prefix), strict=False)


def _common(mtu: int, mac: str) -> bytes:
    body = number(_IFLA_MTU, mtu) if mtu else b""
    return body + (attribute(_IFLA_ADDRESS, bytes.fromhex(mac.replace(":", ""))) if mac else b"")


def _remark(alias: str) -> bytes:
    return attribute(_IFLA_IFALIAS, alias.encode()[:_REMARK_BYTES]) if alias else b""


def _family(address: Address) -> int:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def _link(body: bytes) -> Link:
    _, _, index, flags, _ = _LINK.unpack_from(body)
    found = attributes(body[_LINK.size :])
    info = attributes(found.get(_IFLA_LINKINFO, b""))
    return Link(
        index,
        _string(found.get(_IFLA_IFNAME, b"")),
        _string(info.get(_INFO_KIND, b"")),
        bool(flags & IFF_UP),
        int.from_bytes(found.get(_IFLA_MASTER, b""), sys.byteorder),
        found.get(_IFLA_ADDRESS, b"").hex(":"),
        _string(found.get(_IFLA_IFALIAS, b"")),
        int.from_bytes(found.get(_IFLA_MTU, b""), sys.byteorder),
    )


def _string(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")
