"""Push an image: its blobs, several at once, then its manifest, the bytes that it came with.

Run by a worker. Configs and layers are there before the manifest that names them, as registries
demand.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ipycontainer.errors import EngineError, InvalidArgument
from ipycontainer.images import manifest, sweep
from ipycontainer.images.layout import LIMIT_MANIFEST_BYTES, MANIFEST_TYPE, Layout
from ipycontainer.images.manifest import Manifest
from ipycontainer.images.registry.repository import Registry, Repository, host_of, patiently
from ipycontainer.images.registry.settings import RegistrySettings
from ipycontainer.images.registry.upload import MOUNTED, PUSHED, THERE, upload
from ipycontainer.images.registry.web import Web
from ipycontainer.images.teller import Teller, short
from ipycontainer.model import reference as references
from ipycontainer.model.image import Descriptor, ImageRecord
from ipycontainer.model.reference import Reference
from ipycontainer.store import images
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home

__all__ = ["Pushed", "Pusher"]


@dataclass(frozen=True, slots=True)
class Pushed:
    """A tag that was pushed, what the registry calls it now, and how long its manifest is."""

    tag: str
    digest: str
    size: int


class Pusher:
    """Pushes images to one registry."""

    def __init__(
        self, home: Home, store: Store, settings: RegistrySettings, teller: Teller, web: Web
    ) -> None:
        self._home = home
        self._store = store
        self._settings = settings
        self._teller = teller
        self._web = web

    def push(self, name: Reference) -> Pushed:
        """Push the image with this name, tag included. Raises RegistryError, ImageNotFound."""
        with sweep.adding(self._home):  # what is being read must not be swept up
            return self._push(name)

    def _push(self, name: Reference) -> Pushed:
        with self._store.read() as tx:
            record = images.find(tx, name.familiar)
        if not record.manifest:
            raise InvalidArgument(f"the image {name.familiar} is this machine itself")
        layout = Layout(self._home)
        source = record.source or Descriptor(MANIFEST_TYPE, record.manifest, 0)
        raw = layout.read_blob(source.digest, LIMIT_MANIFEST_BYTES)
        found = manifest.parse(raw, source.media_type)
        assert isinstance(found, Manifest)
        registry = Registry(self._web, self._settings, host_of(name.domain))
        patiently(self._web, self._settings.attempts, registry.reach)  # before a layer is named
        repository = Repository(registry, name, push=True)
        # Docker names a layer by its content when it pushes, by its blob when it pulls.
        names = {
            blob.digest: short(layer.diff_id)
            for blob, layer in zip(found.layers, record.layers, strict=True)
        }
        self._upload(repository, layout, found, names, _neighbours(record, name))
        patiently(
            self._web,
            self._settings.attempts,
            lambda: repository.put_manifest(name.tag, raw, found.media_type),
        )
        digest = found.descriptor.digest
        with self._store.write() as tx:
            images.call(tx, record.id, f"{name.familiar_name}@{digest}")
            images.tell(tx, record.id, "push", name.familiar)
        self._teller.say("", f"{name.tag}: digest: {digest} size: {len(raw)}")
        return Pushed(name.tag, digest, len(raw))

    def _upload(
        self,
        repository: Repository,
        layout: Layout,
        found: Manifest,
        names: Mapping[str, str],
        neighbours: Sequence[str],
    ) -> None:
        layers = list(dict.fromkeys(layer.digest for layer in found.layers))
        by_digest = {layer.digest: layer for layer in found.layers}
        for digest in layers:
            self._teller.say(names[digest], "Preparing")
        for digest in layers[self._settings.uploads :]:
            self._teller.say(names[digest], "Waiting")
        waiting: queue.SimpleQueue[Descriptor] = queue.SimpleQueue()
        for digest in layers:
            waiting.put(by_digest[digest])
        errors: list[BaseException] = []

        def work() -> None:
            while not errors:
                try:
                    layer = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    self._one(repository, layout, layer, names[layer.digest], neighbours)
                except BaseException as error:  # noqa: BLE001  raised again by the caller
                    errors.append(error)

        count = min(self._settings.uploads, len(layers))
        threads = [threading.Thread(target=work, name="upload", daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        upload(repository, layout.blob(found.config.digest), found.config, (), lambda _: None)

    def _one(
        self,
        repository: Repository,
        layout: Layout,
        layer: Descriptor,
        name: str,
        neighbours: Sequence[str],
    ) -> None:
        path = layout.blob(layer.digest)
        if not path.exists():
            raise EngineError(f"blob {layer.digest} is missing from {layout.root}")

        def told(size: int) -> None:
            self._teller.count(name, "Pushing", size, layer.size)

        how = upload(repository, path, layer, neighbours, told)
        assert how in (PUSHED, THERE) or how.startswith(MOUNTED)
        self._teller.say(name, how)


def _neighbours(record: ImageRecord, name: Reference) -> list[str]:
    """Return the other repositories of the same registry that this image came from or went to."""
    found = []
    for known in record.digests:
        other = references.parse(known)
        if other.domain == name.domain and other.path != name.path:
            found.append(other.path)
    return found
