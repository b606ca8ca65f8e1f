"""Published ports: taken on the machine, told to the kernel, given back.

A row in the store comes before an element of the table, and goes after it: who is killed in between
leaves a row that tells what to take back. The bound socket is what makes a port ours: nobody else
can take it, whoever carries its bytes.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress

from ipycontainer.errors import Conflict, ResourceError
from ipycontainer.linux import nftables
from ipycontainer.model.network import PortBinding, PublishedPort
from ipycontainer.network import rules, sctp
from ipycontainer.network.place import Place

__all__ = ["PUBLISH_VARIABLE", "Taken", "close", "default_addresses", "open_", "take", "targets_in"]

# The one setting for where `-p` binds when it names no address; docker's answer is everywhere.
PUBLISH_VARIABLE = "IPYCONTAINER_PUBLISH_ADDRESS"
_EVERYWHERE = ("0.0.0.0", "::")
_LAST_PORT = 65535
_QUEUE = 128
_STREAMS = ("tcp", "sctp")
_NO_SCTP_HINT = (
    "modprobe sctp, as root; where that is not found, install the modules of this kernel"
)

Taken = tuple[PublishedPort, socket.socket]


def default_addresses(configured: str) -> tuple[str, ...]:
    """Return where a port is bound that names no address: `configured`, else everywhere."""
    return (configured,) if configured and configured != "0.0.0.0" else _EVERYWHERE


def take(
    binding: PortBinding, defaults: Sequence[str], ours: Collection[tuple[str, int]]
) -> list[Taken]:
    """Bind a port of the machine for one of a container's, on each address the same.

    Of a range, or of all where none is given, the lowest that is free. Raises Conflict for a taken
    one, ResourceError for one that may not be had, or a protocol that this kernel does not speak.
    `ours` are the ports that containers have, by protocol and number: of another program's docker
    says what the kernel says.
    """
    addresses = [binding.address] if binding.address else list(defaults)
    last_error: OSError | None = None
    for number in _candidates(binding):
        try:
            return [
                (PublishedPort(binding.protocol, address, number, binding.port), sock)
                for address, sock in _bind_all(binding.protocol, addresses, number)
            ]
        except OSError as error:
            last_error = error
            if error.errno == errno.EPROTONOSUPPORT:
                raise _unspoken(error) from None
            if error.errno != errno.EADDRINUSE:
                break
    raise _refusal(binding, addresses[0], last_error, ours)


def _unspoken(error: OSError) -> ResourceError:
    """Return docker's refusal where the kernel has no SCTP."""
    text = os.strerror(error.errno or 0).lower()
    return ResourceError(f"Error starting userland proxy: {text}", hint=_NO_SCTP_HINT)


def _candidates(binding: PortBinding) -> Iterable[int]:
    if binding.first:
        return range(binding.first, (binding.last or binding.first) + 1)
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        first = int(file.read().split()[0])
    return range(first, _LAST_PORT + 1)


def _bind_all(
    protocol: str, addresses: Sequence[str], port: int
) -> list[tuple[str, socket.socket]]:
    bound: list[tuple[str, socket.socket]] = []
    try:
        for address in addresses:
            try:
                bound.append((address, _bind(protocol, address, port)))
            except OSError as error:
                no_ipv6 = error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
                if not (address == "::" and no_ipv6):
                    raise
    except OSError:
        for _, sock in bound:
            sock.close()
        raise
    return bound


def _bind(protocol: str, address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol in _STREAMS else socket.SOCK_DGRAM
    sock = socket.socket(family, kind | socket.SOCK_CLOEXEC, rules.PROTOCOLS[protocol])
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if protocol == "tcp":  # what is left of ended connections is in nobody's way
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if protocol == "sctp":
            sctp.offer_streams(sock)
        sock.bind((address, port))
        if protocol in _STREAMS:
            sock.listen(_QUEUE)
    except OSError:
        sock.close()
        raise
    return sock


def _refusal(
    binding: PortBinding,
    address: str,
    error: OSError | None,
    ours: Collection[tuple[str, int]],
) -> Exception:
    host = f"[{address}]" if ":" in address else address
    where = f"{host}:{binding.first}"
    if error is None or (binding.last or binding.first) != binding.first:
        return Conflict(f"Bind for {where} failed: all ports are allocated")
    if error.errno == errno.EADDRINUSE and (binding.protocol, binding.first) in ours:
        return Conflict(f"Bind for {where} failed: port is already allocated")
    hint = ""
    if error.errno == errno.EACCES:
        hint = f"sysctl -w net.ipv4.ip_unprivileged_port_start={binding.first}, or a higher port"
    text = os.strerror(error.errno or 0).lower()
    version = 6 if ":" in address else 4
    told = f"listen {binding.protocol}{version} {where}: bind: {text}"
    kind = Conflict if error.errno == errno.EADDRINUSE else ResourceError
    return kind(f"Error starting userland proxy: {told}", hint=hint)


# ── the kernel's part ────────────────────────────────────────────────────────────────────────────


def open_(place: Place, ports: Sequence[tuple[PublishedPort, str]]) -> None:
    """Have the kernel send ports of this machine on to the addresses that go with them."""
    targets = list(targets_in(place, ports))
    if not targets:
        return
    # All of a batch or nothing. What is refused costs a grace period of RCU, 10 ms and more
    # (measured), so nothing is tried on suspicion.
    try:
        nftables.commit(place.netfilter, [rules.add_target(place.table, each) for each in targets])
    except FileExistsError:  # of a container that was killed
        close(place, ports)
        nftables.commit(place.netfilter, [rules.add_target(place.table, each) for each in targets])


def close(place: Place, ports: Sequence[tuple[PublishedPort, str]]) -> None:
    """Take ports back; what is not there is fine."""
    targets = list(targets_in(place, ports))
    if not targets:
        return
    try:
        nftables.commit(place.netfilter, [rules.remove_target(place.table, e) for e in targets])
    except FileNotFoundError:  # some, then: one by one
        for target in targets:
            with suppress(FileNotFoundError):
                nftables.commit(place.netfilter, [rules.remove_target(place.table, target)])


def targets_in(place: Place, ports: Iterable[tuple[PublishedPort, str]]) -> Iterator[rules.Target]:
    """Yield what the kernel can do: not what comes from the machine's own loopback addresses.

    Nor what leads from one version of IP to the other; the proxy does the rest.
    """
    if not place.is_machines:
        return
    for port, target in ports:
        address, to = ipaddress.ip_address(port.address), ipaddress.ip_address(target)
        if address.version != to.version or address.is_loopback:
            continue
        where = None if address.is_unspecified else address
        yield rules.Target(port.protocol, where, port.host_port, to, port.port)
