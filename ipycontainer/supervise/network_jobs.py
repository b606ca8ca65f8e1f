"""What workers do about networks: bridges made and removed, leftovers swept up."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ipycontainer.errors import ResourceError
from ipycontainer.model.network import BRIDGE, PublishedPort
from ipycontainer.network import attachments, bridges, published
from ipycontainer.network.place import Place, standing
from ipycontainer.store import endpoints, liveness, monitor_statements, networks
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from ipycontainer.supervise import holder

__all__ = ["clear", "hold", "make", "remove", "sweep", "withdraw"]


def make(home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int]) -> Any:
    """Make the bridge of a new network, and return what is to be said about it."""
    with store.read() as tx:
        record = networks.get(tx, str(arguments["id"]))
    warnings = holder.ensure(home)
    try:
        with Place(home) as place:
            bridges.ensure(place, record, warnings)
    except OSError as error:
        raise ResourceError(f"cannot make the network {record.name}: {error}") from error
    return warnings


def hold(home: Home, _: Store, __: Mapping[str, Any], ___: Sequence[int]) -> Any:
    """Have a namespace for an ordinary user's bridges, and return what is to be said about it."""
    return holder.ensure(home)


def remove(home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int]) -> None:
    """Remove a network that nobody is on.

    Its bridge goes within the transaction: killed before the row is gone, a network stays that
    makes its bridge when it is needed, and never a bridge that nobody names.
    """
    with store.write() as tx:
        record = networks.get(tx, str(arguments["id"]))
        networks.remove(tx, record)
        if (place := standing(home)) is not None:
            with place:
                bridges.remove(place, record)


def withdraw(home: Home, store: Store, container_id: str) -> None:
    """Take back what an ended container has of networks; the caller holds its lock."""
    with store.read() as tx:
        targets = endpoints.targets_of(tx, container_id)
        plugs = attachments.held(tx, container_id)
        attached = endpoints.of_container(tx, container_id)
    if not targets and not any(each.endpoint_id for each in attached):
        return
    if (place := standing(home)) is not None:
        with place:
            if targets:
                published.close(place, targets)
            for plug in plugs:  # who shares its namespace would keep them
                attachments.unplug(place, plug)
    with store.write() as tx:
        monitor_statements.released(tx, container_id, time.time_ns())


def sweep(home: Home, store: Store) -> None:
    """Take back what containers have that do not run, then interfaces that nobody has."""
    _renew_table(home, store)
    with store.read() as tx:
        holding = endpoints.held(tx)
    for container_id in holding:
        try:
            lock = liveness.hold(home.lock(container_id))
        except BlockingIOError:  # it runs, or is being started
            continue
        try:
            withdraw(home, store, container_id)
        finally:
            lock.release()
    with store.read() as tx:
        known = networks.list_all(tx)
    if known and (place := standing(home)) is not None:
        with place:
            bridges.sweep(place, lambda: _interfaces(home, store))


def _interfaces(home: Home, store: Store) -> set[str]:
    """Return the names of the interfaces that networks and containers have by now."""
    with store.read() as tx:
        known = networks.list_all(tx)
        ports = {each.port for net in known for each in endpoints.of_network(tx, net.id)}
    return ports | {bridges.interface_name(home.hash8, net) for net in known}


def _renew_table(home: Home, store: Store) -> None:
    """Bring a table that another version has made up to date.

    Monitors write a row before its element: what one has added meanwhile is found in the rows
    afterwards, and the table is made once more.
    """
    if not bridges.need_renewal(home):
        return
    with Place(home) as place, place.changing():
        written: list[tuple[PublishedPort, str]] | None = None
        while written != (now := _ports(store)):
            with store.read() as tx:
                known = [each for each in networks.list_all(tx) if each.config.driver == BRIDGE]
            bridges.renew_table(place, known, published.targets_in(place, now))
            written = now


def _ports(store: Store) -> list[tuple[PublishedPort, str]]:
    with store.read() as tx:
        return [each for held in endpoints.held(tx) for each in endpoints.targets_of(tx, held)]


def clear(home: Home, store: Store) -> None:
    """Remove all that a home has made in the network namespace of its bridges."""
    with store.read() as tx:
        known = networks.list_all(tx)
    if (place := standing(home)) is not None:
        with place:
            if place.is_machines:
                for record in known:
                    if record.config.driver == BRIDGE:
                        bridges.remove(place, record)
                bridges.sweep(place, set)
                bridges.remove_table(place)
            place.give_up()
    with store.write() as tx:
        tx.execute("DELETE FROM endpoints")
        tx.execute("DELETE FROM networks")
