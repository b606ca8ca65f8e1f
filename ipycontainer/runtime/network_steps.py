"""Steps that configure a container's interfaces from inside its network namespace.

The parent has put them there. Before the container's own /proc is all there is: IPv6 is switched
off through the host's. Imports linux, steps and errors.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

from ipycontainer.errors import InvalidArgument
from ipycontainer.linux import nftables as nft
from ipycontainer.linux import rtnetlink
from ipycontainer.linux.netlink import Netlink
from ipycontainer.model.oci import ANNOTATION_INTERFACES, Spec
from ipycontainer.runtime.steps import Context

__all__ = [
    "RESOLVER",
    "ConfigureInterface",
    "OpenResolver",
    "expected_resolver",
    "network_steps",
    "open_resolver",
]

RESOLVER = b"resolver"  # the message that brings the two sockets
RESOLVER_ADDRESS = "127.0.0.11"  # docker's
RESOLVER_TABLE = "ipyc-resolver"
DNS_PORT = 53
RAW, DSTNAT = -300, -100  # nftables' priorities of these names (man nft)
BIND_TRIES, QUEUE = 16, 16


@dataclass(frozen=True, slots=True)
class ConfigureInterface:
    """Give an interface its addresses, bring it up, and lead what is for others to its gateways.

    One without an address of IPv6 gets none at all, as in docker: not even a link-local one.
    """

    name: str
    addresses: tuple[str, ...]
    gateways: tuple[str, ...] = ()

    def execute(self, ctx: Context) -> None:
        """Do it in this network namespace."""
        self.prepare()
        with rtnetlink.open_route() as route:
            self.configure(route)

    def prepare(self) -> None:
        """Say, before it is up, whether the interface shall have IPv6."""
        if not any(":" in address for address in self.addresses):
            with suppress(OSError):  # a kernel without IPv6
                _write(f"/proc/sys/net/ipv6/conf/{self.name}/disable_ipv6", b"1")

    def configure(self, route: Netlink) -> None:
        """Do it by a socket of the network namespace."""
        link = rtnetlink.find_link(route, self.name)
        if link is None:
            raise InvalidArgument(f"there is no interface {self.name} to configure")
        packets = [
            rtnetlink.add_address(link.index, ipaddress.ip_interface(address))
            for address in self.addresses
        ]
        packets.append(rtnetlink.change_link(self.name, up=True))
        packets += [
            rtnetlink.add_route(link.index, ipaddress.ip_address(gateway))
            for gateway in self.gateways
        ]
        route.send(packets)

    def describe(self) -> str:
        """Say what it gets."""
        way = f", default route by {' and '.join(self.gateways)}" if self.gateways else ""
        return f"configure {self.name}: {' and '.join(self.addresses)}{way}"


@dataclass(frozen=True, slots=True)
class OpenResolver:
    """Open the sockets of the engine's resolver in this namespace, and hand them to the parent.

    They are bound to a port that the kernel chooses, and a rule here leads 127.0.0.11:53 to it and
    answers back: bound to 53 itself they would keep the program from binding that port on all
    addresses (EADDRINUSE). A kernel without nf_tables leaves only that.

    The rule writes ports anew, packet by packet. A kernel that allows this to the machine's root
    alone (Linux 6.18.44 answers EPERM in a user namespace) gets a translation of addresses.
    """

    def execute(self, ctx: Context) -> None:
        """Open them, make the rule, send them."""
        fds = open_resolver()
        with socket.socket(fileno=os.dup(ctx.sync)) as sync:
            socket.send_fds(sync, [RESOLVER], fds)
        for fd in fds:
            os.close(fd)

    def describe(self) -> str:
        """Say it."""
        return f"open the resolver at {RESOLVER_ADDRESS}"


def open_resolver() -> list[int]:
    """Return the sockets of a resolver in this namespace: datagrams, and streams."""
    datagrams, streams = _bind_pair(0)
    port = datagrams.getsockname()[1]
    try:
        try:
            _lead_to(port)
        except PermissionError:
            _translate_to(port)
    except OSError:
        datagrams.close()
        streams.close()
        datagrams, streams = _bind_pair(DNS_PORT)
    return [datagrams.detach(), streams.detach()]


def _bind_pair(port: int) -> tuple[socket.socket, socket.socket]:
    """Return a bound socket of UDP and a listening one of TCP with the same port."""
    for _ in range(BIND_TRIES):
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        streams = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            datagrams.bind((RESOLVER_ADDRESS, port))
            streams.bind((RESOLVER_ADDRESS, datagrams.getsockname()[1]))
            streams.listen(QUEUE)
            return datagrams, streams
        except OSError as error:
            datagrams.close()
            streams.close()
            if error.errno != errno.EADDRINUSE or port:
                raise
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _lead_to(port: int) -> None:
    """Have this namespace lead questions for port 53 of the resolver's address to its own port.

    Both ways by writing ports anew, packet by packet, not by NAT: that would have the kernel track
    every connection of the container, a tenth of what can flow between two of them (measured).
    """
    address = nft.compare(ipaddress.IPv4Address(RESOLVER_ADDRESS).packed)
    packets = [
        nft.add_table(RESOLVER_TABLE, family=nft.IPV4),
        nft.add_chain(RESOLVER_TABLE, "output", "filter", "output", RAW, family=nft.IPV4),
    ]
    packets += (
        nft.add_rule(
            RESOLVER_TABLE,
            "output",
            nft.payload("network", offset, 4) + address,
            nft.meta("l4proto") + nft.compare(bytes([protocol])),
            nft.payload("transport", nft.PORTS[side], 2) + nft.compare(struct.pack(">H", before)),
            nft.set_port(side, after, protocol),
            family=nft.IPV4,
        )
        for offset, side, before, after in (
            (16, "destination", DNS_PORT, port),
            (12, "source", port, DNS_PORT),
        )
        for protocol in (socket.IPPROTO_UDP, socket.IPPROTO_TCP)
    )
    with nft.open_netfilter() as netfilter:
        nft.commit(netfilter, packets)


def _translate_to(port: int) -> None:
    """Do as `_lead_to` by NAT, with nothing tracked but the questions to the resolver."""
    resolver = ipaddress.IPv4Address(RESOLVER_ADDRESS)
    own, others = nft.compare(resolver.packed), nft.compare(resolver.packed, equal=False)
    destination, source = nft.payload("network", 16, 4), nft.payload("network", 12, 4)
    packets = [nft.add_table(RESOLVER_TABLE, family=nft.IPV4)]
    for hook in ("output", "prerouting"):
        chain = f"raw-{hook}"
        packets += (
            nft.add_chain(RESOLVER_TABLE, chain, "filter", hook, RAW, family=nft.IPV4),
            nft.add_rule(
                RESOLVER_TABLE,
                chain,
                destination + others + source + others + nft.NOTRACK,
                family=nft.IPV4,
            ),
        )
    packets.append(
        nft.add_chain(RESOLVER_TABLE, "output", "nat", "output", DSTNAT, family=nft.IPV4)
    )
    packets += (
        nft.add_rule(
            RESOLVER_TABLE,
            "output",
            destination + own,
            nft.meta("l4proto") + nft.compare(bytes([protocol])),
            nft.payload("transport", nft.PORTS["destination"], 2)
            + nft.compare(struct.pack(">H", DNS_PORT)),
            nft.dnat_to(resolver, port),
            family=nft.IPV4,
        )
        for protocol in (socket.IPPROTO_UDP, socket.IPPROTO_TCP)
    )
    with nft.open_netfilter() as netfilter:
        nft.commit(netfilter, packets)


def expected_resolver(spec: Spec) -> list[int] | None:
    """Return a list for the sockets that init will send; None where it opens no resolver."""
    return [] if '"resolver":true' in spec.annotations.get(ANNOTATION_INTERFACES, "") else None


def network_steps(text: str) -> tuple[ConfigureInterface | OpenResolver, ...]:
    """Return the steps that an annotation asks for (model.oci.ANNOTATION_INTERFACES)."""
    try:
        asked = json.loads(text)
        interfaces = tuple(
            ConfigureInterface(
                str(each["name"]), tuple(each["addresses"]), tuple(each.get("gateways", ()))
            )
            for each in asked["interfaces"]
        )
        return (*interfaces, *((OpenResolver(),) if asked.get("resolver") else ()))
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidArgument(f"the annotation of interfaces is broken: {error!r}") from error


def _write(path: str, value: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value)
    finally:
        os.close(fd)
