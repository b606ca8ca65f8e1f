"""Steps that configure a container's interfaces from inside its network namespace.

The parent has put them there. Before the container's own /proc is all there is: IPv6 is switched
off through the host's. Imports linux, steps and errors.
"""

from __future__ import annotations

import ipaddress
import json
import os
from contextlib import suppress
from dataclasses import dataclass

from ipycontainer.errors import InvalidArgument
from ipycontainer.linux import rtnetlink
from ipycontainer.linux.netlink import Netlink
from ipycontainer.runtime.steps import Context

__all__ = ["ConfigureInterface", "interfaces"]


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
        if not any(":" in address for address in self.addresses):
            with suppress(OSError):  # a kernel without IPv6
                _write(f"/proc/sys/net/ipv6/conf/{self.name}/disable_ipv6", b"1")
        with rtnetlink.open_route() as route:
            self.configure(route)

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


def interfaces(text: str) -> tuple[ConfigureInterface, ...]:
    """Return the steps that an annotation asks for (model.oci.ANNOTATION_INTERFACES)."""
    try:
        return tuple(
            ConfigureInterface(
                str(each["name"]), tuple(each["addresses"]), tuple(each.get("gateways", ()))
            )
            for each in json.loads(text)
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidArgument(f"the annotation of interfaces is broken: {error!r}") from error


def _write(path: str, value: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value)
    finally:
        os.close(fd)
