"""Pull an image: from a name at a registry to an image in the store.

    reference -> manifest (of an index, the one for this platform) -> config -> blobs, several at
    once, each followed by an unpacker -> assembly -> rows

Run by a worker. Nothing is asked for that is there already; nothing is listed before all is.
"""

from __future__ import annotations

import queue
import threading
from contextlib import ExitStack
from dataclasses import dataclass, replace

from ipycontainer import faults
from ipycontainer.errors import EngineError, ImageFormatError, ImageNotFound, ResourceError
from ipycontainer.images import image_config, manifest, sweep
from ipycontainer.images.assembly import Assembly, Lying, Source
from ipycontainer.images.blob_stream import BlobStream
from ipycontainer.images.image_config import ReadConfig
from ipycontainer.images.layout import Layout
from ipycontainer.images.manifest import Index, Manifest
from ipycontainer.images.registry.download import download
from ipycontainer.images.registry.repository import (
    Fetched,
    Registry,
    Repository,
    host_of,
    patiently,
)
from ipycontainer.images.registry.settings import RegistrySettings
from ipycontainer.images.registry.web import NetworkFailure, Web
from ipycontainer.images.teller import Teller, short
from ipycontainer.images.unpacking import Unpacker
from ipycontainer.model.image import Descriptor
from ipycontainer.model.platform import Platform
from ipycontainer.model.reference import DEFAULT_DOMAIN, Reference
from ipycontainer.store import images
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home

__all__ = ["Pulled", "Puller"]

_MOST_NESTED = 3  # an index may name further indexes


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull brought: the image, what the registry calls it, and whether it was here."""

    image_id: str
    digest: str
    was_here: bool
    warnings: tuple[str, ...] = ()


class Puller:
    """Pulls images of one registry, with one set of connections and unpackers."""

    def __init__(
        self,
        home: Home,
        store: Store,
        settings: RegistrySettings,
        unpackers: list[Unpacker],
        teller: Teller,
        web: Web,
    ) -> None:
        self._home = home
        self._store = store
        self._settings = settings
        self._unpackers = unpackers
        self._teller = teller
        self._web = web

    def tags(self, name: Reference) -> list[str]:
        """Return all tags that the registry has of a repository."""
        repository = Repository(Registry(self._web, self._settings, host_of(name.domain)), name)
        return patiently(self._web, self._settings.attempts, repository.tags)

    def pull(self, name: Reference, platform: Platform) -> Pulled:
        """Pull what a name stands for, by its digest or tag, and give it the name.

        Raises RegistryError, ImageNotFound, ImageFormatError; nothing of the image is left then.
        """
        which = name.digest or name.tag
        repository, top = self._manifest(name, which)
        said = name.canonical if name.digest else name.tag  # docker's form of either
        self._teller.say(said, f"Pulling from {_shown_path(name)}")
        chosen = self._for_platform(repository, top, platform, name)
        read_config, config = self._config(repository, chosen)
        tags = () if name.digest else (name.familiar,)
        digests = (f"{name.familiar_name}@{top.digest}",)
        was_here = self._is_here(chosen, tags)
        with sweep.adding(self._home):
            layout = Layout(self._home)
            assembly = Assembly(self._home, self._store, layout, chosen, read_config)
            try:
                self._bring(repository, layout, assembly)
                assembly.add(config, "pull", tags=tags, digests=digests)
            finally:
                assembly.discard()
        self._teller.say("", f"Digest: {top.digest}")
        return Pulled(chosen.config.digest, top.digest, was_here, tuple(assembly.warnings))

    # ── what to pull ─────────────────────────────────────────────────────────────────────────

    def _manifest(self, name: Reference, which: str) -> tuple[Repository, Fetched]:
        """Return the manifest, and who has it: a mirror of docker's hub, else the registry."""
        for mirror in self._settings.mirrors if name.domain == DEFAULT_DOMAIN else ():
            host = mirror.partition("://")[2].rstrip("/") or mirror
            # The password is the hub's, not the mirror's.
            settings = replace(self._settings, credentials=type(self._settings.credentials)())
            if mirror.startswith("http://"):
                settings = replace(settings, insecure=(*settings.insecure, host))
            repository = Repository(Registry(self._web, settings, host), name)
            try:
                return repository, repository.manifest(which)
            except EngineError:
                continue
        registry = Registry(self._web, self._settings, host_of(name.domain))
        repository = Repository(registry, name)
        fetched = patiently(self._web, self._settings.attempts, lambda: repository.manifest(which))
        return repository, fetched

    def _for_platform(
        self, repository: Repository, fetched: Fetched, platform: Platform, name: Reference
    ) -> Manifest:
        for _ in range(_MOST_NESTED + 1):
            found = manifest.parse(fetched.raw, fetched.media_type)
            if isinstance(found, Manifest):
                return found
            fetched = self._chosen(repository, found, platform, name)
        raise ImageFormatError(f"{name.familiar} is an index of indexes, too deep to follow")

    def _chosen(
        self, repository: Repository, index: Index, platform: Platform, name: Reference
    ) -> Fetched:
        entry = manifest.choose(index, platform, name.familiar)
        fetched = patiently(
            self._web, self._settings.attempts, lambda: repository.manifest(entry.digest)
        )
        if len(fetched.raw) != entry.size:
            raise ImageFormatError(
                f"{entry.digest} has {len(fetched.raw)} bytes, the index says {entry.size}"
            )
        return replace(fetched, media_type=entry.media_type or fetched.media_type)

    def _config(self, repository: Repository, chosen: Manifest) -> tuple[ReadConfig, bytes]:
        digest, size = chosen.config.digest, chosen.config.size
        layout = Layout(self._home)
        if layout.has(digest):
            raw = layout.read_blob(digest)
        else:
            raw = patiently(
                self._web, self._settings.attempts, lambda: repository.read_blob(digest, size)
            )
        return image_config.read(raw), raw

    def _is_here(self, chosen: Manifest, tags: tuple[str, ...]) -> bool:
        with self._store.read() as tx:
            try:
                record = images.get(tx, chosen.config.digest)
            except ImageNotFound:
                return False
        return all(tag in record.tags for tag in tags)

    # ── bringing ─────────────────────────────────────────────────────────────────────────────

    def _bring(self, repository: Repository, layout: Layout, assembly: Assembly) -> None:
        """Download and unpack what is missing, and put the blobs into the layout."""
        missing: dict[str, BlobStream] = {}
        sources: dict[str, Source] = {}
        with ExitStack() as stack:
            for part in assembly.parts:
                digest = part.descriptor.digest
                if part.tree and part.blob:
                    if not self._is_here(assembly.manifest, ()):
                        self._teller.say(short(digest), "Already exists")
                    continue
                self._teller.say(short(digest), "Pulling fs layer")
                if part.blob:
                    sources[digest] = Lying(layout.blob(digest))
                elif digest not in missing:
                    stream = BlobStream(layout, part.descriptor)
                    stack.callback(stream.close)
                    sources[digest] = missing[digest] = stream
            for digest in list(missing)[self._settings.downloads :]:
                self._teller.say(short(digest), "Waiting")
            threads = self._download(repository, list(missing.values()), assembly)
            try:
                assembly.unpack(self._unpackers, sources, self._unpacked)
            except BaseException:
                self._web.give_up()
                raise
            finally:
                for thread in threads:
                    thread.join()
            faults.point("pull: unpacked")
            for stream in missing.values():
                stream.commit()

    def _unpacked(self, blob: Descriptor, at: int) -> None:
        if at == blob.size:
            self._teller.say(short(blob.digest), "Pull complete")
        else:
            self._teller.count(short(blob.digest), "Extracting", at, blob.size)

    def _download(
        self, repository: Repository, streams: list[BlobStream], assembly: Assembly
    ) -> list[threading.Thread]:
        waiting: queue.SimpleQueue[BlobStream] = queue.SimpleQueue()
        for stream in streams:
            waiting.put(stream)

        def work() -> None:
            while True:
                try:
                    stream = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    if self._web.given_up:
                        raise NetworkFailure("given up")
                    self._one(repository, stream)
                except EngineError as error:
                    stream.fail(error)
                except OSError as error:  # the disk is full: of the network they are another kind
                    words = (error.strerror or str(error)).lower()
                    stream.fail(ResourceError(f"write a download: {words}"))
                except Exception as error:  # noqa: BLE001  the follower must not wait for ever
                    stream.fail(EngineError(f"{type(error).__name__}: {error}"))

        count = min(self._settings.downloads, len(streams))
        threads = [
            threading.Thread(target=work, name="download", daemon=True) for _ in range(count)
        ]
        for thread in threads:
            thread.start()
        return threads

    def _one(self, repository: Repository, stream: BlobStream) -> None:
        descriptor: Descriptor = stream.descriptor
        name = short(descriptor.digest)

        def told(size: int) -> None:
            faults.point("pull: piece")
            self._teller.count(name, "Downloading", size, descriptor.size)

        download(repository, stream, told)
        self._teller.say(name, "Verifying Checksum")
        self._teller.say(name, "Download complete")


def _shown_path(name: Reference) -> str:
    """Return a repository's path as docker shows it beside a tag: `library/busybox`."""
    return name.path
