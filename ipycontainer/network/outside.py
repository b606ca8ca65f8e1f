"""An ordinary user's way out: pasta(1) between the namespace of the bridges and the machine.

It speaks for the containers with the machine's own sockets, so that no right is needed. Without it
they reach each other and nothing else.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from functools import cache

from ipycontainer.linux import nftables as nft
from ipycontainer.linux import rtnetlink
from ipycontainer.linux.netlink import Netlink, Packet

__all__ = [
    "DNS",
    "attach",
    "described",
    "find",
    "lead_to_machine",
    "lead_to_pasta",
    "machine",
    "unreached",
]

# Where pasta answers for the machine's own resolver, and for the machine itself; of the local
# addresses, as podman has it. For IPv6 one that nobody else has (RFC 4193).
DNS = "169.254.1.1"
_MACHINE = "169.254.1.2"
_MACHINE_6 = "fd69:7079:6331::2"
_MAPS_MACHINE = "--map-guest-addr"  # since 2024
_SAID_BYTES = 4096
MISSING = (
    "pasta is not installed: containers reach each other, and nothing outside. Install it "
    "(apt-get install passt), or share this machine's network with --network host"
)
NO_ROUTE = (
    "this machine has no default route: containers reach each other, this machine and its own "
    "networks, and nothing beyond"
)
_DIRECTORIES = ("/usr/bin", "/usr/local/bin", "/bin")
_OPTIONS = (
    *("--config-net", "--quiet", "--no-map-gw", "--dns-forward", DNS),
    *("-t", "none", "-u", "none", "-T", "none", "-U", "none"),
)


def find() -> str:
    """Return the absolute path of pasta, "" where it is not installed."""
    for directory in _DIRECTORIES:
        if os.access(f"{directory}/pasta", os.X_OK):
            return f"{directory}/pasta"
    return ""


@cache
def machine() -> str:
    """Return the address by which containers reach this machine through pasta; "" for none.

    What listens on its loopback alone is not reached, as from a container of root's.
    """
    path = find()
    if not path:
        return ""
    status, _ = _run([path, _MAPS_MACHINE, _MACHINE, "--version"])
    return "" if status else _MACHINE


def described(*, rootless: bool) -> str:
    """Say which way a home's containers have out of their bridges."""
    way = find() if rootless else "this machine, which translates their addresses"
    return f"{way} ({'; '.join(missing)})" if (missing := unreached()) and way else way or MISSING


def unreached() -> list[str]:
    """Say what nobody on this machine reaches, whatever leads the containers to it."""
    with rtnetlink.open_route() as route:
        return [] if rtnetlink.leads_out(route) else [NO_ROUTE]


def attach(pid: int) -> str:
    """Lead the network namespace of a process out; return what kept it from that, "" for nothing.

    pasta returns when all is in place and goes on in the background until that namespace is gone.
    """
    path = find()
    if not path:
        return MISSING
    mapped = (_MAPS_MACHINE, _MACHINE, _MAPS_MACHINE, _MACHINE_6) if machine() else ()
    status, said = _run([path, *_OPTIONS, *mapped, "--netns", f"/proc/{pid}/ns/net"])
    if status == 0:
        return ""
    return f"pasta could not lead the containers out: {said.splitlines()[-1] if said else status}"


def lead_to_pasta(route: Netlink) -> None:
    """Have routes to what pasta answers for itself, in the namespace that it has just led out.

    It brings the machine's own routes: where those have no default one, they lead past it.
    """
    own = next((link for link in rtnetlink.links(route) if link.name != "lo"), None)
    answered = map(rtnetlink.address, (DNS, _MACHINE, _MACHINE_6))
    for each in answered:
        if own is not None and not rtnetlink.leads_to(route, each):
            with suppress(OSError):  # without IPv6 nobody asks for it
                to = ipaddress.ip_network(each)
                route.send([rtnetlink.add_route(own.index, None, to)])


def lead_to_machine(home_table: str) -> Iterator[Packet]:
    """Send on what containers send to this machine, by its own address or by a bridge's.

    Both stand in the namespace of the bridges, where nobody listens. Pings are answered there.
    """
    table = f"{home_table}-out"
    yield nft.add_table(table)
    yield nft.add_chain(table, "prerouting", "nat", "prerouting", nft.DSTNAT)
    for family, mapped in ((nft.IPV4, _MACHINE), (nft.IPV6, _MACHINE_6)):
        for protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
            yield nft.add_rule(
                table,
                "prerouting",
                nft.family_is(family),
                nft.meta("l4proto") + nft.compare(bytes([protocol])),
                nft.destination_is_local(),
                nft.dnat_to(ipaddress.ip_address(mapped)),
            )


def _run(words: list[str]) -> tuple[int, str]:
    """Run a program until it returns, or leaves its place to a child in the background.

    Returns its status and what it has printed by then.
    """
    read, write = os.pipe()
    try:
        child = os.posix_spawn(
            words[0],
            words,
            {"PATH": "/usr/bin:/bin"},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
                (os.POSIX_SPAWN_DUP2, write, 1),
                (os.POSIX_SPAWN_DUP2, write, 2),
            ],
        )
        _, status = os.waitpid(child, 0)
        os.set_blocking(read, False)
        try:
            return status, os.read(read, _SAID_BYTES).decode(errors="replace").strip()
        except BlockingIOError:
            return status, ""
    finally:
        os.close(read)
        os.close(write)
