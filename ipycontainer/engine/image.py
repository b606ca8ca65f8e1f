"""An image of an engine, with docker-py's names."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ipycontainer.engine import inspect
from ipycontainer.engine.resource import Resource
from ipycontainer.errors import EngineError
from ipycontainer.images import tagging
from ipycontainer.model.image import ImageRecord
from ipycontainer.store import images

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = ["Image"]

CHUNK_BYTES = 2 << 20  # docker-py's


class Image(Resource[ImageRecord]):
    """An image of this engine.

    `shared` bytes of its size stand in other images too, `containers` counts those on it: both as
    of the moment when it was looked up, -1 where nobody asked. `warnings` say what an import had to
    leave out.
    """

    def __init__(
        self,
        engine: Engine,
        record: ImageRecord,
        shared: int = -1,
        containers: int = -1,
        warnings: Sequence[str] = (),
    ) -> None:
        super().__init__(engine, record, warnings)
        self.shared = shared
        self.containers = containers

    def __repr__(self) -> str:
        names = ", ".join(f"'{tag}'" for tag in self.tags)
        return f"<Image: {names}>"

    @property
    def id(self) -> str:
        """Return `sha256:` and 64 hex digits, the digest of the image's config."""
        return self.record.id

    @property
    def short_id(self) -> str:
        """Return `sha256:` and the first twelve digits."""
        return self.record.id[:19]

    @property
    def tags(self) -> list[str]:
        """Return its names, with tag."""
        return list(self.record.tags)

    @property
    def labels(self) -> Mapping[str, str]:
        """Return its labels."""
        return self.record.config.labels

    @property
    def attrs(self) -> dict[str, Any]:
        """Return what `docker image inspect` shows."""
        layers = reversed(self.record.layers)
        places = [str(self.engine.home.layer(layer.chain_id)) for layer in layers]
        return inspect.image(self.record, places, self.engine.driver.name)

    def tag(self, repository: str, tag: str = "") -> bool:
        """Give the image one more name."""
        name = f"{repository}:{tag}" if tag else repository
        tagging.tag(self.engine.home, self.engine.store, self.id, name)
        return True

    def history(self) -> list[dict[str, Any]]:
        """Return how it was made, newest step first, as docker's API shows it."""
        with self.engine.store.read() as tx:
            return inspect.history(self.record, images.lineage(tx, self.record.parent))

    def layer_files(self) -> list[int]:
        """Return how many files, links and deletions each layer has, from the base upwards."""
        asked = [layer.chain_id for layer in self.record.layers]
        if not asked:
            return []
        found: list[int] = self.engine.supervisor.work("layer-files", {"layers": asked})
        return found

    def save(self, chunk_size: int = CHUNK_BYTES, named: bool | str = False) -> Iterator[bytes]:
        """Yield the pieces of a tar that `load` takes. `named` keeps its names, or that one."""
        names = list(self.tags) if named is True else [named] if named else []
        reader, writer = os.pipe()
        errors: list[EngineError] = []
        try:
            transfer = self.engine.images.saving(names or [self.id], writer)
        finally:
            os.close(writer)

        def wait() -> None:
            try:
                transfer.result()
            except EngineError as error:
                errors.append(error)

        thread = threading.Thread(target=wait, name="save", daemon=True)
        thread.start()
        try:
            while piece := os.read(reader, chunk_size):
                yield piece
            thread.join()
        finally:
            os.close(reader)
            with suppress(OSError):
                transfer.cancel()
        if errors:
            raise errors[0]
