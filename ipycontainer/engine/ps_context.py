"""What `ps` asks beside a container's own record: images, networks, health, other containers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING

from ipycontainer.engine import health, inspect_network
from ipycontainer.errors import EngineError, NoSuchContainer
from ipycontainer.model.image import ImageRecord
from ipycontainer.model.state import ContainerRecord
from ipycontainer.store import containers as store_containers
from ipycontainer.store import images

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = ["Around"]


class Around:
    """Answers of one engine, each looked up when a filter asks."""

    def __init__(self, engine: Engine, records: Sequence[ContainerRecord]) -> None:
        self._engine = engine
        self._records = records
        self._image = cache(self._look_up)

    def find(self, ref: str) -> ContainerRecord:
        """Return the container that a word means; of nothing docker says that it is none."""
        if not ref:
            raise NoSuchContainer("No such container:")
        with self._engine.store.read() as tx:
            return store_containers.find(tx, ref)

    def descends(self, image_id: str, ref: str) -> bool:
        """Tell whether an image is the one that a word means, or was committed from it."""
        ancestor = self._image(ref)
        if ancestor is None:
            return False
        if ancestor.id == image_id:
            return True
        with self._engine.store.read() as tx:
            return any(image.id == ancestor.id for image in images.lineage(tx, image_id))

    def networks(self, record: ContainerRecord) -> frozenset[str]:
        """Return the names of a container's networks."""
        config = record.config
        names = {config.stands_on, *(endpoint.network for endpoint in config.endpoints)}
        return frozenset(names - {""})

    def network_ids(self, record: ContainerRecord) -> frozenset[str]:
        """Return the ids of its networks, which a container has from its first start."""
        if not record.state.started_ns:
            return frozenset({""})  # docker's until then: what an empty word begins
        return frozenset(self._ids[name] for name in self.networks(record) if name in self._ids)

    @cached_property
    def _ids(self) -> dict[str, str]:
        return {network.name: network.id for network in self._engine.networks.list()}

    def ports(self, record: ContainerRecord) -> list[str]:
        """Return the ports that a container shows now."""
        return inspect_network.reachable(self._engine.store, record)

    def health(self, record: ContainerRecord) -> str:
        """Return a container's health."""
        return health.status(self._engine.home, record) or "none"

    def _look_up(self, ref: str) -> ImageRecord | None:
        try:
            return self._engine.images.get(ref).record
        except EngineError:
            return None
