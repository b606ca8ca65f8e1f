"""A monitor's hold on its container's networks: from the addresses of a start to the end.

Addresses are the container's as long as its monitor holds its lock; what the kernel has of them
goes with the network namespace, or is taken back here.
"""

from __future__ import annotations

import time
from dataclasses import replace

from ipycontainer import faults
from ipycontainer.errors import ResourceError
from ipycontainer.model.oci import ANNOTATION_INTERFACES, Spec
from ipycontainer.network import attachments, hosts
from ipycontainer.network.attachments import Plug
from ipycontainer.network.place import Place
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home

__all__ = ["Connection"]


class Connection:
    """The networks of one running container. `warnings` are of the start."""

    def __init__(self, home: Home, store: Store, container_id: str) -> None:
        self._home = home
        self._store = store
        self._id = container_id
        self._plugs: list[Plug] = []
        self._hostname = ""
        self.warnings: list[str] = []

    def take(self, spec: Spec) -> Spec:
        """Take addresses, and return the spec with what init shall configure."""
        with self._store.write() as tx:
            self._plugs = attachments.take(tx, self._id, self._home.hash8, time.time_ns())
        faults.point("monitor: addresses taken")
        self._hostname = spec.hostname
        inside = attachments.inside(self._plugs)
        return replace(spec, annotations={**spec.annotations, ANNOTATION_INTERFACES: inside})

    def wire(self, pid: int) -> None:
        """Put the interfaces into the network namespace of init, which waits for them."""
        try:
            with Place(self._home) as place:
                for plug in self._plugs:
                    attachments.wire(place, plug, pid, self.warnings)
                    faults.point("monitor: interface made")
        except OSError as error:
            told = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            raise ResourceError(f"failed to set up container networking: {told}") from error
        hosts.add_own(self._home.container(self._id) / "hosts", self._plugs, self._hostname)

    def withdraw(self) -> None:
        """Take back what would not go with the network namespace."""
