"""Put a container that runs on one network more, or take it off one.

Jobs of a worker: it takes the address, makes the interface, enters the container's network
namespace to configure it, and hands the monitor what goes on from there.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ipycontainer import faults
from ipycontainer.errors import Conflict, EngineError, ResourceError
from ipycontainer.linux import namespaces, pidfd, rtnetlink
from ipycontainer.model.network import EndpointConfig, is_user_defined
from ipycontainer.model.state import ContainerRecord
from ipycontainer.network import attachments, hosts
from ipycontainer.network.attachments import Plug
from ipycontainer.network.place import Place
from ipycontainer.runtime import network_steps
from ipycontainer.store import containers, endpoints, networks
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from ipycontainer.supervise.protocol import connect as connect_to

__all__ = ["connect", "disconnect"]


def connect(home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int]) -> Any:
    """Put a running container on a network; return what is to be said about it."""
    wanted = EndpointConfig.from_json(arguments["wanted"])
    warnings: list[str] = []
    with store.write() as tx:
        record = containers.get(tx, str(arguments["id"]))
        before = _plugs(store, record, tx)
        network = networks.get(tx, str(arguments["network"]))
        endpoints.add(tx, record.id, network.id, wanted)
        attachment = endpoints.of_container(tx, record.id)[-1]
        used = {plug.attachment.interface for plug in before}
        plug = attachments.take_one(tx, attachment, home.hash8, used, time.time_ns())
    with Place(home) as place:
        try:
            attachments.wire(place, plug, record.state.pid, warnings)
            faults.point("connect: wired")
            had_resolver = any(is_user_defined(each.network.name) for each in before)
            opens = is_user_defined(network.name) and not had_resolver
            plugs = [*before, plug]
            sockets = _configure(record, plugs, plug, opens=opens)
        except (OSError, EngineError) as error:
            attachments.unplug(place, plug)
            with store.write() as tx:
                endpoints.remove(tx, record.id, network.id, time.time_ns())
            raise ResourceError(f"cannot connect to network {network.name}: {error}") from error
    faults.point("connect: configured")
    _write_own(home, record, plugs)
    if sockets:
        _hand_over(home, record, sockets, arguments)
    _tell(home, record, {"op": "republish"})
    return warnings


def _write_own(home: Home, record: ContainerRecord, plugs: Sequence[Plug]) -> None:
    """Write the addresses that a container has by now into its /etc/hosts."""
    config = record.config
    hostname = config.hostname or record.short_id
    path = home.container(record.id) / "hosts"
    hosts.add_own(path, plugs, hostname, config.sharing.domainname)


def _plugs(store: Store, record: ContainerRecord, tx: Any) -> list[Plug]:
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
    with open(path, "r+", encoding="utf-8") as file:  # mounted: the file must stay the same one
        file.write(str(arguments["resolv_conf"]))
        file.truncate()


def _tell(
    home: Home, record: ContainerRecord, body: Mapping[str, Any], fds: Sequence[int] = ()
) -> None:
    """Have the monitor do its part."""
    channel = connect_to(str(home.socket(record.id)))
    try:
        channel.send(body, fds)
        channel.receive()
    finally:
        channel.close()


def disconnect(home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int]) -> None:
    """Take a running container off a network; the rest goes by what it still has."""
    with store.read() as tx:
        record = containers.get(tx, str(arguments["id"]))
        plugs = _plugs(store, record, tx)
    gone = next(plug for plug in plugs if plug.network.id == arguments["network"])
    left = [plug for plug in plugs if plug is not gone]
    with Place(home) as place:
        attachments.unplug(place, gone)
    faults.point("disconnect: unplugged")
    with store.write() as tx:
        endpoints.remove(tx, record.id, gone.network.id, time.time_ns())
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
