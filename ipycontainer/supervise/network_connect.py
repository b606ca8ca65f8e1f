"""Put a container that runs on one network more, or take it off one.

Jobs of a worker: it takes the address, makes the interface, enters the container's network
namespace to configure it, and hands the monitor what goes on from there.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from ipycontainer import faults
from ipycontainer.errors import Conflict, EngineError, ResourceError
from ipycontainer.linux import namespaces, pidfd, rtnetlink
from ipycontainer.model.network import EndpointConfig, NetworkRecord, is_user_defined
from ipycontainer.model.state import ContainerRecord
from ipycontainer.network import attachments, hosts
from ipycontainer.network.attachments import Plug
from ipycontainer.network.place import Place
from ipycontainer.runtime import network_steps
from ipycontainer.store import containers, endpoints, liveness, networks
from ipycontainer.store.database import Store, Transaction
from ipycontainer.store.home import Home
from ipycontainer.supervise.protocol import Message
from ipycontainer.supervise.protocol import connect as connect_to

__all__ = ["connect", "disconnect", "finish"]

# Docker tells of a network that a running container leaves once by who asked, once by who unplugs.
TOLD_TIMES = 2
PATIENCE_SECONDS = 10  # while another process changes the networks of the same container


def connect(home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int]) -> Any:
    """Put a running container on a network; return what is to be said about it.

    What it wants by then is written last: until it is, the place on the network is unsettled.
    """
    container_id, network_id = str(arguments["id"]), str(arguments["network"])
    wanted = EndpointConfig.from_json(arguments["wanted"])
    warnings: list[str] = []
    with _alone(home, container_id), Place(home) as place:
        with store.write() as tx:
            record = containers.get(tx, container_id)
            before = _plugs(record, tx)
            network = networks.get(tx, network_id)
            endpoints.add(tx, record.id, network.id, wanted)
            endpoints.unsettle(tx, record.id, network.id)
            (attachment,) = (
                each
                for each in endpoints.of_container(tx, record.id)
                if each.network_id == network.id
            )
            # docker counts on after those that were left
            used = endpoints.left_ones(tx, record.id, record.state.started_ns)
            used |= {each.attachment.interface for each in before}
            plug = attachments.take_one(
                tx, attachment, home.hash8, used, time.time_ns(), place.has_link
            )
        try:
            attachments.wire(place, plug, record.state.pid, warnings)
            faults.point("connect: wired")
            opens = is_user_defined(network.name) and not _resolves(home, record)
            plugs = [*before, plug]
            sockets = _configure(record, plugs, plug, opens=opens)
            faults.point("connect: configured")
            _write_own(home, record, plugs)
            if sockets:
                _hand_over(home, record, sockets, arguments)
            with store.write() as tx:
                endpoints.settle(tx, record.id, network.id)
                _want(tx, record.id, [*record.config.endpoints, wanted])
                _tell_of(tx, network, record.id, "connect")
        except (OSError, EngineError) as error:
            _take_off(home, store, place, record, plug)
            raise ResourceError(f"cannot connect to network {network.name}: {error}") from error
        _tell(home, record, {"op": "republish"})
    return warnings


def disconnect(home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int]) -> None:
    """Take a running container off a network; the rest goes by what it still has.

    That it does not want it any more is written first: a repair goes on where this was cut.
    """
    container_id, network_id = str(arguments["id"]), str(arguments["network"])
    with _alone(home, container_id), Place(home) as place:
        with store.write() as tx:
            record = containers.get(tx, container_id)
            gone = next(plug for plug in _plugs(record, tx) if plug.network.id == network_id)
            endpoints.unsettle(tx, record.id, network_id)
            name = gone.attachment.interface
            endpoints.keep_left(tx, record.id, name, record.state.started_ns)
            own = gone.attachment.wanted
            kept = [each for each in record.config.endpoints if each != own]
            _want(tx, record.id, kept)
            for _time in range(TOLD_TIMES):
                _tell_of(tx, gone.network, record.id, "disconnect")
        _take_off(home, store, place, record, gone)


def finish(home: Home, store: Store) -> None:
    """Take containers off the networks that they were coming to, or leaving, by who has died.

    Enters their network namespaces, from which an ordinary user's process cannot return: the last
    that a repair does.
    """
    with store.read() as tx:
        left = endpoints.unsettled(tx)
    for container_id, network_id in left:
        try:
            with _alone(home, container_id, 0), Place(home) as place:
                _finish_one(home, store, place, container_id, network_id)
        except (EngineError, OSError):  # somebody is about it, or its end has just come
            continue


def _finish_one(home: Home, store: Store, place: Place, container_id: str, network_id: str) -> None:
    with store.write() as tx:
        if (container_id, network_id) not in endpoints.unsettled(tx):
            return
        record = containers.get(tx, container_id)
        found = next(
            each
            for each in endpoints.of_container(tx, container_id)
            if each.network_id == network_id
        )
        if not record.state.status.alive:
            endpoints.remove(tx, container_id, network_id, time.time_ns())
            return
        plug = Plug(networks.get(tx, network_id), found)
    _take_off(home, store, place, record, plug)


@contextmanager
def _alone(home: Home, container_id: str, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Change the networks of one container as one process at a time. Raises Conflict."""
    try:
        lock = liveness.hold(home.networks_lock(container_id), patience)
    except BlockingIOError:
        raise Conflict(f"the networks of container {container_id} are being changed") from None
    try:
        yield
    finally:
        lock.release()


def _want(tx: Transaction, container_id: str, wanted: Sequence[EndpointConfig]) -> None:
    """Write which networks a container wants by now."""
    record = containers.get(tx, container_id)
    config = replace(record.config, endpoints=tuple(wanted))
    containers.keep_endpoints(tx, record.id, config)


def _tell_of(tx: Transaction, network: NetworkRecord, container_id: str, action: str) -> None:
    networks.tell(tx, network, action, time.time_ns(), container=container_id)


def _take_off(home: Home, store: Store, place: Place, record: ContainerRecord, gone: Plug) -> None:
    """Remove a container's interface, then lead it out by what it has, then forget the place."""
    attachments.unplug(place, gone)
    faults.point("disconnect: unplugged")
    with store.read() as tx:
        left = attachments.held(tx, record.id)
    _write_own(home, record, left)
    faults.point("disconnect: before the routes")
    _enter(record)
    asked = json.loads(attachments.inside(left, resolver=False))["interfaces"]
    with rtnetlink.open_route() as route:
        for each in asked:
            link = rtnetlink.find_link(route, each["name"])
            if link is None:
                continue
            for gateway in each["gateways"]:
                with suppress(FileExistsError):
                    route.send([rtnetlink.add_route(link.index, rtnetlink.address(gateway))])
    _tell(home, record, {"op": "republish"})
    with store.write() as tx:
        endpoints.remove(tx, record.id, gone.network.id, time.time_ns())


def _write_own(home: Home, record: ContainerRecord, plugs: Sequence[Plug]) -> None:
    """Write the addresses that a container has by now into its /etc/hosts."""
    config = record.config
    hostname = config.hostname or record.short_id
    path = home.container(record.id) / "hosts"
    hosts.add_own(path, plugs, hostname, config.sharing.domainname)


def _plugs(record: ContainerRecord, tx: Transaction) -> list[Plug]:
    """Return what a container has now. Raises Conflict for one that does not run."""
    if not record.state.status.alive:
        raise Conflict(f"container {record.id} is not running")
    return attachments.held(tx, record.id)


def _configure(
    record: ContainerRecord, plugs: Sequence[Plug], plug: Plug, *, opens: bool
) -> list[int]:
    """Configure the new interface from inside, and open the resolver's sockets there if asked."""
    asked = json.loads(attachments.inside(plugs, resolver=False))["interfaces"]
    mine = next(each for each in asked if each["name"] == plug.attachment.interface)
    led = any(each["gateways"] for each in asked if each is not mine)
    first = len(plugs) == 1 or not any(_leads(other) for other in plugs if other is not plug)
    _enter(record)
    step = network_steps.ConfigureInterface(
        str(mine["name"]),
        tuple(mine["addresses"]),
        tuple(mine["gateways"]) if first and not led else (),
    )
    step.prepare()
    with rtnetlink.open_route() as route:
        step.configure(route)
    return network_steps.open_resolver() if opens else []


def _leads(plug: Plug) -> bool:
    return not plug.network.config.internal


def _enter(record: ContainerRecord) -> None:
    """Enter the network namespace of a running container, for good."""
    process = pidfd.open_verified(record.state.pid, record.state.start_ticks)
    try:
        namespaces.setns(process, namespaces.CLONE_NEWNET)
    finally:
        os.close(process)


def _hand_over(
    home: Home, record: ContainerRecord, sockets: Sequence[int], arguments: Mapping[str, Any]
) -> None:
    """Let the monitor answer names from now on, and the container ask there."""
    path = home.container(record.id) / "resolv.conf"
    try:
        _tell(home, record, {"op": "resolve", "servers": list(arguments["servers"])}, sockets)
    finally:
        for fd in sockets:
            os.close(fd)
    # What follows it in the bundle is written after it, and by nobody later: so a younger
    # resolv.conf was edited inside, and is left alone, as its first lines say.
    written = os.stat(path.with_name("hostname"))
    if os.stat(path).st_mtime_ns > written.st_mtime_ns:
        return
    with open(path, "r+", encoding="utf-8") as file:  # mounted: the file must stay the same one
        file.write(str(arguments["resolv_conf"]))
        file.truncate()
    os.utime(path, ns=(written.st_atime_ns, written.st_mtime_ns))


def _resolves(home: Home, record: ContainerRecord) -> bool:
    """Tell whether names are answered inside: also behind the last network that needed it."""
    answer = _tell(home, record, {"op": "resolves"})
    return answer is not None and bool(answer.body.get("resolves"))


def _tell(
    home: Home, record: ContainerRecord, body: Mapping[str, Any], fds: Sequence[int] = ()
) -> Message | None:
    """Have the monitor do its part, and return its answer; None where it has just ended."""
    channel = connect_to(str(home.socket(record.id)))
    try:
        channel.send(body, fds)
        return channel.receive()
    finally:
        channel.close()
