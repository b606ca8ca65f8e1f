"""Where a home's bridges are: a network namespace, reached by two netlink sockets.

As root that is the machine's own namespace, in which monitors and workers stand anyway.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from ipycontainer.linux import nftables, rtnetlink
from ipycontainer.linux.netlink import Netlink
from ipycontainer.network import rules
from ipycontainer.store.home import Home

__all__ = ["Place"]


class Place:
    """The namespace of a home's bridges. Belongs to one process, which closes it."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.table = rules.table_name(home.hash8)
        self.route = rtnetlink.open_route()
        self._netfilter: Netlink | None = None

    @property
    def netfilter(self) -> Netlink:
        """Return the socket of nf_tables, opened by its first user."""
        if self._netfilter is None:
            self._netfilter = nftables.open_netfilter()
        return self._netfilter

    def close(self) -> None:
        """Close the sockets."""
        self.route.close()
        if self._netfilter is not None:
            self._netfilter.close()

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
