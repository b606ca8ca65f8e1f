"""A monitor's hold on its container's networks: from the addresses of a start to the end.

Addresses are the container's as long as its monitor holds its lock; what the kernel has of them
goes with the network namespace, or is taken back here.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ipycontainer import faults
from ipycontainer.errors import Conflict, EngineError, ResourceError
from ipycontainer.linux import namespaces
from ipycontainer.model.network import PortBinding, PublishedPort
from ipycontainer.model.oci import ANNOTATION_INTERFACES, ANNOTATION_NETWORKS, Spec
from ipycontainer.network import attachments, hosts, proxy, published
from ipycontainer.network.attachments import Plug
from ipycontainer.network.place import Place
from ipycontainer.network.published import Taken
from ipycontainer.network.resolver import Resolver
from ipycontainer.store import dns_names as store_names
from ipycontainer.store import endpoints
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from ipycontainer.store.monitor_statements import CAME_AND_LEFT
from ipycontainer.supervise import dns_names, side_processes
from ipycontainer.supervise.dns_names import Names
from ipycontainer.supervise.loop import READ, Loop

__all__ = ["Connection"]

FORK_SECONDS = AGAIN_SECONDS = 1.0  # until a fork, or a change of ports, is tried again
_NOWHERE = "nowhere"
_PROGRAMMING = "driver failed programming external connectivity on endpoint {} ({}): {}"


class Connection:
    """The networks of one running container. `warnings` and `reached` are of the start."""

    def __init__(self, home: Home, store: Store, container_id: str, spec: Spec) -> None:
        self._home = home
        self._store = store
        self._id = container_id
        self._asked: dict[str, Any] = json.loads(spec.annotations[ANNOTATION_NETWORKS])
        self._hostname, self._domain = spec.hostname, spec.domainname
        self._plugs: list[Plug] = []
        self._place: Place | None = None
        self._ports: list[tuple[PublishedPort, str]] = []
        self._taken: list[Taken] = []  # those of the machine, which nobody else can have
        self._led = ""  # the endpoint that the ports lead to
        self._proxy = 0
        self._children: list[int] = []
        self._watched: set[int] = set()
        self._refused: list[Callable[[], None]] = []
        self._resolver: list[int] = []
        self._names: list[Names] = []  # one a resolver: who came to a network twice has two
        self._loop: Loop | None = None
        self.reached: tuple[str, ...] = ()  # what docker tells of a start that fails
        self.warnings: list[str] = []

    # ── the start ────────────────────────────────────────────────────────────────────────────

    def take(self, spec: Spec) -> Spec:
        """Take addresses, and return the spec with what init shall configure."""
        with self._store.write() as tx:
            self._plugs = attachments.take(
                tx, self._id, self._home.hash8, time.time_ns(), self._has_link
            )
        self.reached = CAME_AND_LEFT[1:]
        faults.point("monitor: addresses taken")
        inside = attachments.inside(self._plugs, resolver="servers" in self._asked)
        return replace(spec, annotations={**spec.annotations, ANNOTATION_INTERFACES: inside})

    def _has_link(self, name: str) -> bool:
        self._place = self._place or Place(self._home)
        return self._place.has_link(name)

    def wire(self, pid: int) -> None:
        """Put the interfaces into the network namespace of init, which waits for them."""
        self._place = self._place or Place(self._home)
        try:
            for plug in self._plugs:
                attachments.wire(self._place, plug, pid, self.warnings)
                faults.point("monitor: interface made")
            path = self._home.container(self._id) / "hosts"
            hosts.add_own(path, self._plugs, self._hostname, self._domain)
            if self._asked.get("ports"):
                self._publish(self._place)
            self.reached = CAME_AND_LEFT
        except OSError as error:
            told = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            raise ResourceError(f"failed to set up container networking: {told}") from error

    def _publish(self, place: Place) -> None:
        """Have the ports of this machine lead to the network by which the container leads out."""
        plug = attachments.leading(self._plugs)
        if plug is None:
            return
        if not self._taken:
            self._take_ports(plug)
        made = plug.attachment
        targets = {4: made.ipv4 or made.ipv6, 6: made.ipv6 or made.ipv4}
        self._ports = [(port, targets[6 if ":" in port.address else 4]) for port, _ in self._taken]
        with self._store.write() as tx:
            if self._led:  # once more: what is told of them changes in one
                endpoints.remove_ports(tx, self._id)
            for port, to in self._ports:
                endpoints.add_port(tx, self._id, port, to)
        faults.point("monitor: ports taken")
        published.open_(place, self._ports)
        faults.point("monitor: ports opened")
        self._led = made.endpoint_id

    def _take_ports(self, plug: Plug) -> None:
        configured = plug.network.config.host_binding or str(self._asked.get("publish", ""))
        defaults = published.default_addresses(configured)
        with self._store.read() as tx:
            ours = endpoints.ports_in_use(tx)
        try:
            for raw in self._asked["ports"]:
                self._taken += published.take(PortBinding(**raw), defaults, ours)
                ours |= {(port.protocol, port.host_port) for port, _ in self._taken}
        except EngineError as error:
            name, endpoint = self._asked.get("name", ""), plug.attachment.endpoint_id
            told = _PROGRAMMING.format(name, endpoint, error.message)
            kind = Conflict if isinstance(error, Conflict) else ResourceError
            raise kind(told, hint=error.hint) from None

    def republish(self, loop: Loop) -> None:
        """Have the ports follow the container, which has come to a network or left one.

        Without any that leads out they stay taken, and lead nowhere. What is refused (a full disk)
        is tried again.
        """
        place = self._place
        if place is None or not self._asked.get("ports"):
            return
        self._loop = loop
        try:
            self._lead_anew(loop, place)
        except (EngineError, OSError) as error:
            print(f"cannot lead ports anew: {error}", file=sys.stderr, flush=True)
            loop.at(self, AGAIN_SECONDS, lambda: self.republish(loop))

    def _lead_anew(self, loop: Loop, place: Place) -> None:
        with self._store.read() as tx:
            self._plugs = attachments.held(tx, self._id)
        plug = attachments.leading(self._plugs)
        if plug is not None and self._led == plug.attachment.endpoint_id:
            return
        self._withdraw_ports(place)
        self._led = _NOWHERE
        if plug is None:
            with self._store.write() as tx:
                endpoints.remove_ports(tx, self._id)
            return
        self._publish(place)
        if self._ports:
            self._await_clients(loop, place)

    def _withdraw_ports(self, place: Place) -> None:
        """Have no port lead anywhere; they stay ours."""
        if self._proxy:
            side_processes.end(self._proxy)
            self._proxy = 0
        for _, sock in self._taken:
            self._forget(sock.fileno())
        with suppress(OSError):  # a table that somebody has removed
            published.close(place, self._ports)
        self._ports.clear()

    def attend(self, loop: Loop, resolver: Sequence[int]) -> None:
        """Watch what goes on beside the container, now that its program runs.

        `resolver` are the sockets that init opened inside; questions wait in them already.
        """
        for plug in self._plugs:
            if plug.network.is_default:
                self._renew_links(plug.attachment.ipv4)
        if self._taken and self._place is not None:
            self._await_clients(loop, self._place)
        if resolver:
            # On internal networks alone none is asked (names.Names), but it may come to others.
            self.resolve(loop, resolver, [str(text) for text in self._asked["servers"]])

    def _renew_links(self, address: str) -> None:
        """Tell those that run and have a link to this container where it is now."""
        with self._store.read() as tx:
            linked = store_names.linked_to(tx, self._id)
        for container_id, alias in linked:
            with suppress(FileNotFoundError):  # it has just been removed
                hosts.renew(self._home.container(container_id) / "hosts", alias, address)

    def _await_clients(self, loop: Loop, place: Place) -> None:
        fds = [sock.fileno() for _, sock in self._taken]
        self._when_asked(loop, fds, lambda: self._carry(place))

    def _when_asked(self, loop: Loop, fds: Sequence[int], fork: Callable[[], None]) -> None:
        """Fork a side child when these sockets have something to read for the first time.

        Most programs end before anybody asks, and a fork is a good part of a start. As root the
        kernel carries nearly all, and the proxy may never be needed.
        """
        self._loop = loop

        def asked() -> None:
            for fd in fds:
                self._forget(fd)
            try:
                fork()
            except OSError as error:  # no process to be had: who asks waits meanwhile
                print(f"cannot fork: {error}", file=sys.stderr, flush=True)
                loop.at(fork, FORK_SECONDS, lambda: self._when_asked(loop, fds, fork))
                self._refused.append(fork)

        for fd in fds:
            loop.watch(fd, READ, asked)
            self._watched.add(fd)

    def _forget(self, fd: int) -> None:
        if self._loop is not None and fd in self._watched:
            self._loop.forget(fd)
        self._watched.discard(fd)

    @property
    def resolves(self) -> bool:
        """Tell whether the container's questions are answered; once they are, they stay so."""
        return bool(self._resolver or self._names)

    def resolve(self, loop: Loop, sockets: Sequence[int], servers: Sequence[str]) -> None:
        """Have the container's questions answered from now on."""
        self._resolver += sockets
        self._when_asked(loop, sockets, lambda: self._fork_resolver(loop, sockets, servers))

    def _fork_resolver(self, loop: Loop, sockets: Sequence[int], servers: Sequence[str]) -> None:
        """Fork the resolver, and answer what it asks."""
        servers = [str(server) for server in servers]
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        opened = dns_names.open_servers(servers)
        self._store.close()  # a fork must not inherit a connection

        def answer(kept: Sequence[int]) -> None:
            datagrams, streams, monitor, *rest = (socket.socket(fileno=fd) for fd in kept)
            Resolver(datagrams, streams, monitor, rest).serve()

        fds = [*sockets, theirs.fileno(), *(sock.fileno() for sock in opened)]
        try:
            self._children.append(side_processes.fork(f"ipyc-names-{self._id[:4]}", fds, answer))
        except OSError:
            ours.close()
            raise
        finally:
            for sock in (theirs, *opened):
                sock.close()
        for fd in sockets:
            os.close(fd)
            self._resolver.remove(fd)
        known = Names(self._store, self._id, ours, servers)
        self._names.append(known)

        def tell() -> None:
            if not known.answer():
                loop.forget(known.fileno())

        loop.watch(known.fileno(), READ, tell)

    def _carry(self, place: Place) -> None:
        """Fork the proxy of the published ports."""
        self._store.close()
        fds = [sock.fileno() for _, sock in self._taken]
        targets = [(to, port.port) for port, to in self._ports]
        inside = place.namespace
        if inside >= 0:
            fds.append(inside)

        def enter(kept: Sequence[int]) -> None:
            if inside >= 0:
                namespaces.setns(kept[-1], namespaces.CLONE_NEWNET)
                os.close(kept[-1])

        def carry(kept: Sequence[int]) -> None:
            listeners = [
                proxy.Listener(socket.socket(fileno=fd), target)
                for fd, target in zip(kept, targets, strict=False)
            ]
            proxy.serve(listeners)

        name = f"ipyc-ports-{self._id[:4]}"
        self._proxy = side_processes.fork(name, fds, carry, before=enter, connecting=True)

    # ── the end ──────────────────────────────────────────────────────────────────────────────

    def withdraw(self) -> None:
        """Take back what would not go with the network namespace.

        The sockets of nf_tables stay open (`close`): after an element was taken out, closing one
        waits for a grace period of RCU, 20 ms and more (measured), and somebody waits for this end.
        """
        for child in self._children:
            side_processes.end(child)
        self._children.clear()
        for fd in list(self._watched):
            self._forget(fd)
        if self._loop is not None:
            self._loop.cancel(self)
            for fork in self._refused:
                self._loop.cancel(fork)
        for fd in self._resolver:
            os.close(fd)
        self._resolver.clear()
        for known in self._names:
            if self._loop is not None:
                self._loop.forget(known.fileno())
            known.close()
        self._names.clear()
        if self._place is not None:
            self._withdraw_ports(self._place)
            self._unplug(self._place)
        faults.point("monitor: ports closed")
        for _, sock in self._taken:
            sock.close()
        self._taken.clear()

    def _unplug(self, place: Place) -> None:
        """Take the interfaces from who shares the namespace: they will be another's.

        Else they go with its last process, and nobody waits for that.
        """
        with self._store.read() as tx:
            shared = endpoints.is_shared(tx, self._id)
            plugs = attachments.held(tx, self._id) if shared else []
        for plug in plugs:
            attachments.unplug(place, plug)

    def let_go(self) -> bool:
        """Let go of the sockets; False where ports or names were served, which leaves traces."""
        if self._asked.get("ports") or self._loop is not None:
            return False
        self.close()
        return True

    def close(self) -> None:
        """Let go of the sockets; a monitor that ends need not."""
        if self._place is not None:
            self._place.close()
            self._place = None
