"""Where a home's bridges are: a network namespace, reached by two netlink sockets.

As root that is the machine's own namespace, in which monitors and workers stand anyway. As an
ordinary user it is that of the home's holder (supervise.holder), which hands the sockets out.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from ipycontainer.errors import ResourceError
from ipycontainer.linux import nftables, rtnetlink
from ipycontainer.linux.netlink import Netlink
from ipycontainer.network import rules
from ipycontainer.store import liveness
from ipycontainer.store.home import Home

__all__ = ["END", "Place", "holder_lock", "holder_socket", "standing"]

END = b"end"  # to the holder: the home is being emptied


def holder_socket(home: Home) -> Path:
    """Return where the holder of a home listens."""
    return home.runtime / "holder.s"


def holder_lock(home: Home) -> Path:
    """Return the file that a living holder has locked.

    It leads a new zygote into the home's user namespace, as a monitor's does.
    """
    return home.runtime / "holder.l"


def standing(home: Home) -> Place | None:
    """Return the place of the home's bridges; None where an ordinary user has none (any more)."""
    if home.rootless and liveness.holder(holder_lock(home)) is None:
        return None
    return Place(home)


class Place:
    """The namespace of a home's bridges, kept as long as this lives. Belongs to one process.

    `namespace` is a descriptor of it where it is not the machine's own, else -1.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self.table = rules.table_name(home.hash8)
        self.namespace = -1
        self._presence: socket.socket | None = None
        self._netfilter: Netlink | None = None
        if home.rootless:
            route, netfilter, self.namespace = self._ask_holder()
            self.route = rtnetlink.open_route(route)
            self._netfilter = nftables.open_netfilter(netfilter)
        else:
            self.route = rtnetlink.open_route()

    def _ask_holder(self) -> tuple[int, int, int]:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        try:
            sock.connect(str(holder_socket(self.home)))
            _, fds, _, _ = socket.recv_fds(sock, 16, 3)
        except OSError as error:
            sock.close()
            raise ResourceError(
                f"the holder of this home's networks does not answer: {error.strerror}"
            ) from error
        if len(fds) != 3:
            sock.close()
            raise ResourceError("the holder of this home's networks gave no sockets")
        for fd in fds:
            os.set_inheritable(fd, False)
        self._presence = sock
        return fds[0], fds[1], fds[2]

    @property
    def netfilter(self) -> Netlink:
        """Return the socket of nf_tables, opened by its first user."""
        if self._netfilter is None:
            self._netfilter = nftables.open_netfilter()
        return self._netfilter

    @property
    def is_machines(self) -> bool:
        """Tell whether the bridges stand in the machine's own network."""
        return self._presence is None

    def has_link(self, name: str) -> bool:
        """Tell whether there is an interface of this name."""
        return rtnetlink.find_link(self.route, name) is not None

    def give_up(self) -> None:
        """Have the holder end, and its namespace with it."""
        if self._presence is not None:
            self._presence.send(END)
            self._presence.recv(1)  # its end

    def close(self) -> None:
        """Close the sockets."""
        self.route.close()
        if self._netfilter is not None:
            self._netfilter.close()
        if self._presence is not None:
            self._presence.close()
            os.close(self.namespace)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Let one process at a time make or remove bridges."""
        path = self.home.runtime / "networks.lock"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)
