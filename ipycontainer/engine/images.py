"""`engine.images` and the images in it, with docker-py's names."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ipycontainer.engine import inspect
from ipycontainer.errors import ImageNotFound, InvalidArgument, ResourceError
from ipycontainer.images import catalogue, host
from ipycontainer.model import reference
from ipycontainer.model.image import ImageRecord
from ipycontainer.store import images as store_images

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = ["Image", "Images"]


class Image:
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
        self.engine = engine
        self.record = record
        self.shared = shared
        self.containers = containers
        self.warnings = tuple(warnings)

    def __repr__(self) -> str:
        names = ", ".join(f"'{tag}'" for tag in self.tags)
        return f"<Image: {names}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Image) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

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
        return inspect.image(self.record)

    def tag(self, repository: str, tag: str = "") -> bool:
        """Give the image one more name."""
        name = f"{repository}:{tag}" if tag else repository
        catalogue.tag(self.engine.home, self.engine.store, self.id, name)
        return True


class Images:
    """The images of an engine; `host`, this machine itself, is always among them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._host_known = False

    def get(self, ref: str) -> Image:
        """Return the image that a name, an id or its beginning means; ImageNotFound."""
        self._know_host()
        with self._engine.store.read() as tx:
            return Image(self._engine, store_images.find(tx, ref))

    def list(
        self,
        name: str | None = None,
        all: bool = False,  # noqa: A002 - docker-py's name
        filters: Mapping[str, Any] | None = None,
    ) -> list[Image]:
        """Return images, newest first.

        `name` is a repository, with or without tag; `filters` knows `reference`, a glob or a list
        of them. `all` changes nothing: there are no intermediate images here.
        """
        self._know_host()
        wanted = dict(filters or {})
        patterns = wanted.pop("reference", ())
        globs = [patterns] if isinstance(patterns, str) else [str(each) for each in patterns]
        if wanted:
            raise InvalidArgument(f"invalid filter '{next(iter(wanted))}'")
        with self._engine.store.read() as tx:
            records = store_images.list_all(tx)
            counts = store_images.container_counts(tx)
        if name:
            globs.append(name)
        users: dict[str, int] = {}
        for record in records:
            for layer in record.layers:
                users[layer.chain_id] = users.get(layer.chain_id, 0) + 1
        return [
            Image(
                self._engine,
                record,
                shared=sum(layer.size for layer in record.layers if users[layer.chain_id] > 1),
                containers=counts.get(record.id, 0),
            )
            for record in records
            if not globs or any(_matches(tag, glob) for tag in record.tags for glob in globs)
        ]

    def import_(
        self,
        source: str | Path | BinaryIO,
        repository: str = "",
        tag: str = "",
        changes: Sequence[str] = (),
        message: str = "",
    ) -> Image:
        """Import a root file system: a tar (plain or gzip) by path or open file, or a directory."""
        name = f"{repository}:{tag}" if tag else repository
        if name:
            name = reference.parse(name).familiar
        arguments: dict[str, Any] = {
            "reference": name,
            "changes": list(changes),
            "message": message,
        }
        if not isinstance(source, str | Path):
            done = self._engine.supervisor.work("import", arguments, (source.fileno(),))
        elif os.path.isdir(source):
            arguments["directory"] = os.path.abspath(source)
            done = self._engine.supervisor.work("import", arguments)
        else:
            try:
                fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                raise ResourceError(f"open {source}: {(error.strerror or '').lower()}") from None
            try:
                done = self._engine.supervisor.work("import", arguments, (fd,))
            finally:
                os.close(fd)
        return Image(
            self._engine, self.get(str(done["id"])).record, warnings=tuple(done["warnings"])
        )

    def remove(self, ref: str, force: bool = False) -> Sequence[tuple[str, str]]:
        """Remove a name, and the image with its last one.

        Returns what was done, in order: (`Untagged` or `Deleted`, name or digest). Raises
        ImageInUse when a container stands on it.
        """
        image = self.get(ref)
        if image.id == host.image_record().id:
            raise InvalidArgument("the image host is this machine itself and cannot be removed")
        done = self._engine.supervisor.work("remove-image", {"ref": ref, "force": force})
        return [(str(what), str(name)) for what, name in done]

    def _know_host(self) -> None:
        """Give the `host` image its row, once an engine."""
        if self._host_known:
            return
        record = host.image_record()
        try:
            with self._engine.store.read() as tx:
                store_images.get(tx, record.id)
        except ImageNotFound:
            with self._engine.store.write() as tx:
                store_images.add(tx, record)
        self._host_known = True


def _matches(tag: str, glob: str) -> bool:
    """Tell whether a familiar name is meant by docker's reference glob, with or without tag."""
    return fnmatch.fnmatchcase(tag, glob) or fnmatch.fnmatchcase(tag.rpartition(":")[0], glob)
