"""Put containers on networks and take them off, running or not: `network connect`, `disconnect`.

What a container wants is written with its configuration and its endpoints; where it runs, a worker
makes it so first, and what fails leaves all as it was.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from ipycontainer.engine import network_files, wishes
from ipycontainer.errors import Conflict, InvalidArgument, NoSuchNetwork
from ipycontainer.model.network import WITHOUT_ADDRESSES, EndpointConfig, NetworkRecord
from ipycontainer.model.state import ContainerRecord
from ipycontainer.store import containers, endpoints, networks

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = ["connect", "disconnect", "expect", "forget"]

_HOST = "container cannot be disconnected from host network or connected to host network"
_NONE = (
    "container cannot be connected to multiple networks with one of the networks in private "
    "(none) mode"
)
_SHARED = (
    "container sharing network namespace with another container or host cannot be connected to any "
    "other network"
)


def connect(engine: Engine, network: NetworkRecord, ref: str, wanted: EndpointConfig) -> None:
    """Put a container on a network. Raises docker's refusals."""
    record = engine.containers.get(ref).record
    alive = record.state.status.alive
    if alive and record.config.is_guest:
        raise Conflict(_SHARED)
    if network.name not in WITHOUT_ADDRESSES:
        wishes.checked_endpoint(network, wanted, created=False)
    if _is_on_already(engine, network, record):
        if not alive:  # docker is silent, and what it had stays
            return
        raise Conflict(f"endpoint with name {record.name} already exists in network {network.name}")
    if network.name in WITHOUT_ADDRESSES:
        _stand_on(engine, network, record, network.name)
        return
    kept = (each for each in record.config.endpoints if not _is_former(each, network))
    changed = replace(record, config=replace(record.config, endpoints=(*kept, wanted)))
    if alive:  # then a worker writes what it wants, when all is done
        text, servers = network_files.resolver_files(engine.home, changed)
        engine.supervisor.work(
            "connect-network",
            {
                "id": record.id,
                "network": network.id,
                "wanted": asdict(wanted),
                "servers": list(servers),
                "resolv_conf": text,
            },
        )
        return
    with engine.store.write() as tx:
        if not record.config.is_guest:
            endpoints.add(tx, record.id, network.id, wanted)
        containers.keep_endpoints(tx, record.id, changed.config)  # docker tells at the start


def _is_on_already(engine: Engine, network: NetworkRecord, record: ContainerRecord) -> bool:
    """Tell whether a container is on a network.

    Raises docker's refusals of what cannot be beside those that it is on (moby 26.1
    `daemon/container_operations.go`, updateNetworkSettings).
    """
    config = record.config
    if network.name == "host" and config.network != "host":
        raise Conflict(_HOST)
    with engine.store.read() as tx:
        ids = {each.network_id for each in endpoints.of_container(tx, record.id)}
        names = {networks.get(tx, each).name for each in ids}
        if config.is_guest:
            wanted = {each.network for each in config.endpoints}
            names |= {each for each in wanted if networks.is_named(tx, each)}
    if network.id in ids or network.name in {*names, config.stands_on}:
        return True
    if config.stands_on == "host":
        raise Conflict(_SHARED)
    if config.stands_on == "none" or (names and network.name == "none"):
        raise Conflict(_NONE)
    return False


def _stand_on(engine: Engine, network: NetworkRecord, record: ContainerRecord, apart: str) -> None:
    """Write that a container has come to a network without addresses, or (by "") left it."""
    alive, moment = record.state.status.alive, time.time_ns()
    action, told = ("connect", int(alive)) if apart else ("disconnect", 1 + int(alive))
    with engine.store.write() as tx:
        containers.keep_endpoints(tx, record.id, replace(record.config, apart=apart))
        for _time in range(told):  # as often as docker does: see supervise.network_connect
            networks.tell(tx, network, action, moment, container=record.id)


def disconnect(engine: Engine, network: NetworkRecord, ref: str) -> None:
    """Take a container off a network. Raises docker's refusals."""
    record = engine.containers.get(ref).record
    config, alive = record.config, record.state.status.alive
    if alive and network.name == "host" and config.network == "host":
        raise Conflict(_HOST)
    if network.name in WITHOUT_ADDRESSES and config.stands_on == network.name:
        _stand_on(engine, network, record, "")
        return
    with engine.store.read() as tx:
        there = {each.network_id: each for each in endpoints.of_container(tx, record.id)}
    wished = any(each.network == network.name for each in config.endpoints)
    if any(_is_former(each, network) for each in config.endpoints):
        forget(engine, network.name, ref)
        return
    if config.is_guest and wished and not alive:
        forget(engine, network.name, ref)
        with engine.store.write() as tx:
            networks.tell(tx, network, "disconnect", time.time_ns(), container=record.id)
        return
    if network.id not in there:
        article = "" if alive else "the "  # two places of docker's say it
        raise InvalidArgument(
            f"container {record.id} is not connected to {article}network {network.name}"
        )
    own = there[network.id].wanted
    kept = tuple(endpoint for endpoint in config.endpoints if endpoint != own)
    if alive:
        arguments = {"id": record.id, "network": network.id}
        engine.supervisor.work("disconnect-network", arguments)
        return
    with engine.store.write() as tx:
        endpoints.remove(tx, record.id, network.id, time.time_ns())
        containers.keep_endpoints(tx, record.id, replace(config, endpoints=kept))
        networks.tell(tx, network, "disconnect", time.time_ns(), container=record.id)


def expect(engine: Engine, ref: str, wanted: EndpointConfig) -> None:
    """Have a stopped container want a network that is not there: its start looks for it anew.

    Raises NoSuchNetwork for one that runs.
    """
    record = engine.containers.get(ref).record
    if record.state.status.alive:
        if record.config.is_guest:
            raise Conflict(_SHARED)
        raise NoSuchNetwork(f"network {wanted.network} not found")
    kept = (each for each in record.config.endpoints if each.network != wanted.network)
    with engine.store.write() as tx:
        config = replace(record.config, endpoints=(*kept, wanted))
        containers.keep_endpoints(tx, record.id, config)


def _is_former(wanted: EndpointConfig, network: NetworkRecord) -> bool:
    """Tell whether a wish is for a network that has had this one's name."""
    return bool(wanted.gone) and wanted.network == network.name


def forget(engine: Engine, network: str, ref: str) -> None:
    """Have a container no longer want a network that is gone. Raises docker's refusal."""
    record = engine.containers.get(ref).record
    kept = tuple(each for each in record.config.endpoints if each.network != network)
    if kept == record.config.endpoints:
        raise InvalidArgument(f"container {record.id} is not connected to the network {network}")
    with engine.store.write() as tx:
        containers.keep_endpoints(tx, record.id, replace(record.config, endpoints=kept))
