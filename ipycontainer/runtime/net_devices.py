"""Move interfaces of the machine into a container's network namespace (`linux.netDevices`).

Done by the parent once the tree stands, while init waits: only here both namespaces are at hand.
What an interface is stays with it: its permanent addresses, which the kernel drops on the way, are
given again, and it is up. Nothing brings it back: with the container's namespace a virtual one
ends, and a physical one returns to the machine's first namespace by itself
(network_namespaces(7)). Imports linux and model only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ipycontainer.errors import InvalidArgument, StepFailed
from ipycontainer.linux import namespaces, rtnetlink
from ipycontainer.linux.netlink import Netlink

__all__ = ["move"]


def move(devices: Mapping[str, str], pid: int) -> None:
    """Move each interface into the network namespace of a process, by the name that it has there.

    The caller has one thread. None is moved where one is missing, or its name taken.
    Raises InvalidArgument and StepFailed.
    """
    inside = list(devices.values())
    if twice := [name for name in inside if "%" not in name and inside.count(name) > 1]:
        raise InvalidArgument(f"linux.netDevices: two interfaces are named {twice[0]!r}")
    target = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with rtnetlink.open_route() as here, _there(target) as there:
            found = {name: rtnetlink.find_link(here, name) for name in devices}
            for name, link in found.items():
                if link is None:
                    raise InvalidArgument(f"linux.netDevices: there is no interface {name!r}")
            # the kernel moves first and names then (EEXIST, measured with Linux 6.18): too late
            if taken := {link.name for link in rtnetlink.links(there)}.intersection(inside):
                raise InvalidArgument(f"linux.netDevices: there is a {min(taken)!r} inside")
            for name, link in found.items():
                assert link is not None
                try:
                    _move(here, there, link.index, devices[name], target)
                except OSError as error:
                    raise StepFailed(
                        f"move interface {name}: {error.strerror or error}",
                        step="move interface",
                        errno=error.errno or 0,
                    ) from error
    finally:
        os.close(target)


def _move(here: Netlink, there: Netlink, index: int, name: str, target: int) -> None:
    addresses = rtnetlink.permanent_addresses(here, index)
    before = {link.index for link in rtnetlink.links(there)}
    here.send([rtnetlink.move_link(index, target, name)])
    # its number may be another's there, and its name one that the kernel has made from a pattern
    (moved,) = (link for link in rtnetlink.links(there) if link.index not in before)
    there.send(
        [
            *(address.again(moved.index) for address in addresses),
            rtnetlink.change_link(moved.name, up=True),
        ]
    )


@contextmanager
def _there(target: int) -> Iterator[Netlink]:
    """Have a socket in another network namespace, and be back before anything is asked of it."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        namespaces.setns(target, namespaces.FLAGS["network"])
        try:
            route = rtnetlink.open_route()
        finally:
            namespaces.setns(own, namespaces.FLAGS["network"])
    finally:
        os.close(own)
    with route:
        yield route
