"""`engine.networks`: make, find, list and remove networks; put containers on them.

docker-py's names, docker's behaviour. What needs rights on the machine is done by a worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from ipycontainer.engine import inspect_network, memberships
from ipycontainer.engine.resource import Resource
from ipycontainer.errors import (
    Conflict,
    EngineError,
    InvalidArgument,
    NetworkInUse,
    NoSuchNetwork,
    NotFound,
)
from ipycontainer.model.filters import grouped, has_label, matches, single_until, unknown
from ipycontainer.model.moments import parse_time
from ipycontainer.model.network import EndpointConfig, NetworkConfig, NetworkRecord
from ipycontainer.network import catalogue
from ipycontainer.store import endpoints as store_endpoints
from ipycontainer.store import networks as store_networks

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container
    from ipycontainer.engine.engine import Engine

__all__ = ["Network", "Networks"]


class Network(Resource[NetworkRecord]):
    """A network of this engine. `warnings` are of its creation."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Remove it; NetworkInUse while a container is on it."""
        with suppress(NoSuchNetwork):
            self.remove()

    @property
    def id(self) -> str:
        """Return the 64 hex digits of its id."""
        return self.record.id

    @property
    def name(self) -> str:
        """Return its name."""
        return self.record.name

    @property
    def attrs(self) -> dict[str, Any]:
        """Return what `docker network inspect` shows, read now."""
        self.engine.settle()
        with self.engine.store.read() as tx:
            self.record = store_networks.get(tx, self.id)
            return inspect_network.network(tx, self.record, self.engine.home.hash8)

    @property
    def users(self) -> int:
        """Return how many containers are on it now."""
        with self.engine.store.read() as tx:
            return len(store_endpoints.of_network(tx, self.id))

    @property
    def containers(self) -> list[Container]:
        """Return the running containers on it."""
        with self.engine.store.read() as tx:
            ids = [each.container_id for each in store_endpoints.of_network(tx, self.id)]
        return [self.engine.containers.get(container_id) for container_id in ids]

    def connect(
        self,
        container: Container | str,
        aliases: Sequence[str] = (),
        links: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        ipv4_address: str = "",
        ipv6_address: str = "",
        link_local_ips: Sequence[str] = (),
        driver_opt: Mapping[str, str] | None = None,
    ) -> None:
        """Put a container on it, at once where that runs. Raises docker's refusals."""
        wanted = _wish(
            self.name, aliases, links, ipv4_address, ipv6_address, link_local_ips, driver_opt
        )
        memberships.connect(self.engine, self.record, _ref(container), wanted)

    def disconnect(self, container: Container | str, force: bool = False) -> None:
        """Take a container off it; by `force` one that is gone, too, which docker knows no more."""
        try:
            memberships.disconnect(self.engine, self.record, _ref(container))
        except NotFound:
            if not force:
                raise
            raise NotFound(f"endpoint {_ref(container)} not found") from None

    def remove(self) -> None:
        """Remove it. Raises NetworkInUse while a container is on it, Conflict for docker's own."""
        if self.name in catalogue.PREDEFINED:
            raise Conflict(f"{self.name} is a pre-defined network and cannot be removed")
        with self.engine.store.read() as tx:
            if self.record.config.config_only and catalogue.is_taken_from(tx, self.name):
                raise NetworkInUse(
                    f'error while removing network: configuration network "{self.name}" is in use'
                )
        self.engine.settle()
        self.engine.supervisor.work("remove-network", {"id": self.id})


def _wish(
    network: str,
    aliases: Sequence[str],
    links: Mapping[str, str] | Sequence[tuple[str, str]],
    ipv4: str,
    ipv6: str,
    link_local: Sequence[str],
    options: Mapping[str, str] | None,
) -> EndpointConfig:
    pairs = links.items() if isinstance(links, Mapping) else links
    return EndpointConfig(
        network,
        tuple(aliases),
        ipv4,
        ipv6,
        links=tuple(f"{name}:{alias or name}" for name, alias in pairs),
        options=dict(options or {}),
        later=True,
        link_local=tuple(link_local),
    )


def _ref(container: Container | str) -> str:
    return container if isinstance(container, str) else container.id


class Networks:
    """The networks of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self,
        name: str,
        driver: str = "bridge",
        *,
        options: Mapping[str, str] | None = None,
        subnets: Sequence[str] = (),
        gateways: Sequence[str] = (),
        ranges: Sequence[str] = (),
        aux: Mapping[str, str] | None = None,
        internal: bool = False,
        attachable: bool = False,
        enable_ipv6: bool = False,
        labels: Mapping[str, str] | None = None,
        ingress: bool = False,
        scope: str = "",
        ipam_driver: str = "default",
        ipam_options: Mapping[str, str] | None = None,
        config_only: bool = False,
        config_from: str = "",
    ) -> Network:
        """Make a network, and as root its bridge at once.

        A swarm's `ingress` and `scope`, and drivers of addresses besides docker's own, get docker's
        refusals. Options for that driver, which knows none, are kept and shown.
        """
        config = NetworkConfig(
            driver=driver,
            internal=internal,
            ipv6=enable_ipv6,
            attachable=attachable,
            labels=dict(labels or {}),
            ipam_options=dict(ipam_options or {}),
            config_only=config_only,
            config_from=config_from,
        )
        config = catalogue.with_options(config, options or {})
        catalogue.check_kind(config, ingress=ingress, scope=scope, ipam_driver=ipam_driver)
        if config_from and subnets:
            raise InvalidArgument(catalogue.NO_OWN_SETTINGS)
        with self._engine.store.write() as tx:
            record = catalogue.create(
                tx, name, config, subnets=subnets, gateways=gateways, ranges=ranges, aux=aux
            )
        if config_only:  # nothing but settings for others
            return Network(self._engine, record)
        try:
            warnings = self._engine.supervisor.work("make-network", {"id": record.id})
        except BaseException:
            with suppress(EngineError):
                self._engine.supervisor.work("remove-network", {"id": record.id})
            raise
        return Network(self._engine, record, warnings)

    def get(self, ref: str) -> Network:
        """Return the network that a name, an id or its beginning means; NoSuchNetwork."""
        self._ensure()
        with self._engine.store.read() as tx:
            return Network(self._engine, store_networks.find(tx, ref))

    def expect(
        self,
        name: str,
        container: Container | str,
        aliases: Sequence[str] = (),
        links: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        ipv4_address: str = "",
        ipv6_address: str = "",
        link_local_ips: Sequence[str] = (),
        driver_opt: Mapping[str, str] | None = None,
    ) -> None:
        """Have a stopped container want a network that is not there; else NoSuchNetwork."""
        wanted = _wish(name, aliases, links, ipv4_address, ipv6_address, link_local_ips, driver_opt)
        memberships.expect(self._engine, _ref(container), wanted)

    def forget(self, name: str, container: Container | str) -> None:
        """Have a container no longer want a network that was removed."""
        memberships.forget(self._engine, name, _ref(container))

    def list(
        self, names: Sequence[str] = (), filters: Mapping[str, Any] | None = None
    ) -> list[Network]:
        """Return networks by name; `filters` are docker's, each a text or a list of them."""
        self._ensure()
        with self._engine.store.read() as tx:
            records = store_networks.list_all(tx)
        wanted = grouped(filters)
        chosen = [
            record
            for record in records
            if (not names or record.name in names)
            and all(_fits(record, key, values) for key, values in wanted.items())
        ]
        return [Network(self._engine, record) for record in chosen]

    def prune(self, filters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Remove the networks of users that no running container is on.

        `filters` are docker's: label, label! and until.
        """
        given = grouped(filters)
        for key in given:
            if key not in ("label", "label!", "until"):
                raise unknown(key)
        until = single_until(given.get("until", ()))
        before = None if until is None else parse_time(until)
        self._engine.settle()
        removed = []
        for network in self.list():
            config = network.record.config
            if network.name in catalogue.PREDEFINED or config.config_only or network.users:
                continue
            labels = config.labels
            if not all(has_label(labels, word) for word in given.get("label", ())):
                continue
            if any(has_label(labels, word) for word in given.get("label!", ())):
                continue
            if before is not None and network.record.created_ns >= before:
                continue
            with suppress(EngineError):  # somebody has just started one
                network.remove()
                removed.append(network.name)
        self._engine.tell_pruned("network", 0)
        return {"NetworksDeleted": removed}

    def _ensure(self) -> None:
        with self._engine.store.read() as tx:
            there = tx.one("SELECT 1 FROM networks WHERE name = 'bridge'") is not None
        if not there:
            with self._engine.store.write() as tx:
                catalogue.ensure_predefined(tx)


def _is_dangling(record: NetworkRecord) -> bool:
    """Tell whether docker's filter takes a network for one that nobody uses.

    Its daemon has not looked for containers by then (moby `daemon/network.go`, GetNetworks): all
    that users made are.
    """
    return record.name not in catalogue.PREDEFINED


def _wants_dangling(values: Sequence[str]) -> bool:
    if len(set(values)) > 1:
        raise InvalidArgument('got more than one value for filter key "dangling"')
    if values[0] not in ("1", "true", "0", "false"):
        raise InvalidArgument(
            'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")'
        )
    return values[0] in ("1", "true")


def _fits(record: NetworkRecord, key: str, values: Sequence[str]) -> bool:
    """Tell whether a network passes a filter of docker's: one of its values is enough."""
    if key == "label":
        return all(has_label(record.config.labels, value) for value in values)
    if key == "type":
        if set(values) - {"builtin", "custom"}:
            raise InvalidArgument(f"invalid filter: 'type'='{values[0]}'")
        return ("builtin" if record.name in catalogue.PREDEFINED else "custom") in values
    if key == "dangling":
        return _is_dangling(record) is _wants_dangling(values)
    subject = {
        "name": record.name,
        "id": record.id,
        "driver": record.config.driver,
        "scope": "local",
    }.get(key)
    if subject is None:
        raise unknown(key)
    if key in ("driver", "scope"):
        return subject in values
    return any(matches(value, subject) for value in values)
