"""Published ports, as the table of nf_tables has them.

A row in the store comes before an element of the table, and goes after it: who is killed in between
leaves a row that tells what to take back.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from contextlib import suppress

from ipycontainer.linux import nftables
from ipycontainer.model.network import PublishedPort
from ipycontainer.network import rules
from ipycontainer.network.place import Place

__all__ = ["close", "open_"]


def open_(place: Place, ports: Sequence[tuple[PublishedPort, str]]) -> None:
    """Have the kernel send ports of this machine on to the addresses that go with them."""
    for target in _targets(ports):
        with suppress(FileNotFoundError):  # one of a container that was killed
            nftables.commit(place.netfilter, [rules.remove_target(place.table, target)])
        nftables.commit(place.netfilter, [rules.add_target(place.table, target)])


def close(place: Place, ports: Sequence[tuple[PublishedPort, str]]) -> None:
    """Take ports back; what is not there is fine."""
    for target in _targets(ports):
        with suppress(FileNotFoundError):
            nftables.commit(place.netfilter, [rules.remove_target(place.table, target)])


def _targets(ports: Iterable[tuple[PublishedPort, str]]) -> Iterable[rules.Target]:
    """Yield what the kernel can do: IPv4 that comes from outside; the proxy does the rest."""
    for port, target in ports:
        if ":" in port.address or ":" in target:
            continue
        address = ipaddress.IPv4Address(port.address)
        if address.is_loopback:
            continue
        where = None if address.is_unspecified else address
        to = ipaddress.IPv4Address(target)
        yield rules.Target(port.protocol, where, port.host_port, to, port.port)
