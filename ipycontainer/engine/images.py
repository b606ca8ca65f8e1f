"""`engine.images` and the images in it, with docker-py's names."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ipycontainer.engine import credentials, image_selection, registry_settings
from ipycontainer.engine.image import Image
from ipycontainer.engine.transfer import Transfer
from ipycontainer.errors import ImageNotFound, InvalidArgument, ResourceError
from ipycontainer.images import host
from ipycontainer.images.registry.settings import ANONYMOUS
from ipycontainer.model import platform as platforms
from ipycontainer.model import reference
from ipycontainer.model.transfer import Progress
from ipycontainer.store import images as store_images

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = ["Image", "Images"]


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

        `name` is a repository, with or without tag; `filters` are docker's: dangling, label,
        before, since, until and reference, each a text or a list of them. `all` shows those
        without a name, too, that others were committed from.
        """
        self._know_host()
        with self._engine.store.read() as tx:
            records = store_images.list_all(tx)
            counts = store_images.container_counts(tx)
            chosen = image_selection.images(
                records,
                name or "",
                filters or {},
                lambda ref: store_images.find(tx, ref),
                everything=all,
            )
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
            for record in chosen
        ]

    # ── registries ───────────────────────────────────────────────────────────────────────────

    def pull(
        self,
        repository: str,
        tag: str | None = None,
        all_tags: bool = False,
        *,
        platform: str = "",
        auth_config: Mapping[str, str] | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> Image | Sequence[Image]:
        """Pull an image, or with `all_tags` all of a repository; `on_progress` gets each event."""
        with self.pulling(
            repository, tag or "", all_tags=all_tags, platform=platform, auth_config=auth_config
        ) as transfer:
            for progress in transfer:
                if on_progress is not None:
                    on_progress(progress)
            pulled = transfer.result()
        found = [self._arrived(each, str(each["image_id"])) for each in pulled]
        return found if all_tags else found[0]

    def pulling(
        self,
        repository: str,
        tag: str = "",
        *,
        all_tags: bool = False,
        platform: str = "",
        auth_config: Mapping[str, str] | None = None,
    ) -> Transfer:
        """Begin a pull and return what watches it."""
        name = reference.parse(_joined(repository, tag))
        if name.domain == reference.DEFAULT_DOMAIN and name.path == "library/host":
            raise InvalidArgument("the image host is this machine itself, and nowhere to be pulled")
        arguments = {
            "reference": name.canonical,
            "all_tags": all_tags,
            "platform": str(platforms.parse(platform)) if platform else "",
        }
        return self._transfer("pull", arguments, host=name.domain, auth_config=auth_config)

    def push(
        self,
        repository: str,
        tag: str | None = None,
        *,
        auth_config: Mapping[str, str] | None = None,
    ) -> str:
        """Push an image, without a tag all of a repository's; return docker's lines of JSON."""
        lines = []
        with self.pushing(
            repository, tag or "", all_tags=tag is None, auth_config=auth_config
        ) as transfer:
            lines += [json.dumps(progress.as_docker()) for progress in transfer]
            for done in transfer.result():
                aux = {"Tag": done["tag"], "Digest": done["digest"], "Size": done["size"]}
                lines.append(json.dumps({"progressDetail": {}, "aux": aux}))
        return "".join(f"{line}\r\n" for line in lines)

    def pushing(
        self,
        repository: str,
        tag: str = "",
        *,
        all_tags: bool = False,
        auth_config: Mapping[str, str] | None = None,
    ) -> Transfer:
        """Begin a push and return what watches it. Raises ImageNotFound in docker's words."""
        name = reference.parse(_joined(repository, tag))
        if name.digest:
            raise InvalidArgument("cannot push a digest reference")
        with self._engine.store.read() as tx:
            everything = store_images.list_all(tx)
        names = [each for record in everything for each in record.tags]
        if all_tags:
            wanted = [each for each in names if each.rpartition(":")[0] == name.familiar_name]
            if not wanted:
                raise ImageNotFound(
                    f"An image does not exist locally with the tag: {name.familiar_name}"
                )
        elif name.familiar in names:
            wanted = [name.familiar]
        else:
            raise ImageNotFound(
                f"An image does not exist locally with the tag: {name.familiar_name}"
                if not any(each.rpartition(":")[0] == name.familiar_name for each in names)
                else f"tag does not exist: {name.familiar}"
            )
        arguments = {"references": sorted(wanted)}
        return self._transfer("push", arguments, host=name.domain, auth_config=auth_config)

    # ── archives ─────────────────────────────────────────────────────────────────────────────

    def load(self, data: bytes | BinaryIO, platform: str = "") -> Sequence[Image]:
        """Load the images of an archive: its bytes, or an open file."""
        if isinstance(data, bytes):
            with tempfile.TemporaryFile() as file:
                file.write(data)
                file.seek(0)
                return self.load(file, platform)
        with self.loading(data.fileno(), platform=platform) as transfer:
            loaded = transfer.result()
        return [self._arrived(each, str(each["image_id"])) for each in loaded]

    def loading(self, fd: int, *, platform: str = "") -> Transfer:
        """Begin to load an archive from a descriptor, and return what watches it."""
        arguments = {"platform": str(platforms.parse(platform)) if platform else ""}
        return self._transfer("load", arguments, fds=(fd,))

    def saving(self, names: Sequence[str], fd: int, *, platform: str = "") -> Transfer:
        """Begin to write images as one archive to a descriptor, and return what watches it."""
        wanted = str(platforms.parse(platform)) if platform else ""
        return self._transfer("save", {"names": list(names), "platform": wanted}, fds=(fd,))

    def _transfer(
        self,
        job: str,
        arguments: Mapping[str, Any],
        fds: Sequence[int] = (),
        host: str = "",
        auth_config: Mapping[str, str] | None = None,
    ) -> Transfer:
        sent = {**arguments, "import_path": registry_settings.import_path()}
        if host:
            who = _credentials(auth_config) if auth_config else credentials.look_up(host)
            sent["settings"] = registry_settings.read(who).to_wire()
        return Transfer(self._engine.supervisor.begin(job, sent, fds).channel)

    def _arrived(self, done: Mapping[str, Any], image_id: str) -> Image:
        return Image(self._engine, self.get(image_id).record, warnings=tuple(done["warnings"]))

    def import_(
        self,
        source: str | Path | BinaryIO,
        repository: str = "",
        tag: str = "",
        changes: Sequence[str] = (),
        message: str = "",
        *,
        platform: str = "",
        progress: Callable[[int], object] | None = None,
    ) -> Image:
        """Import a root file system: a tar (plain or compressed) or a directory.

        By path, by address (http and https), or an open file. `progress` gets the bytes that have
        come from an address. Raises InvalidArgument, ImageNotFound, RegistryError or
        ImageFormatError.
        """
        name = f"{repository}:{tag}" if tag else repository
        if name:
            given = reference.parse(name)
            reference.check_new(given)
            name = given.familiar
        arguments: dict[str, Any] = {
            "reference": name,
            "changes": list(changes),
            "message": message,
            "platform": _own_system(platform) if platform else "",
            "import_path": registry_settings.import_path(),
        }
        if isinstance(source, str) and source.startswith(("http://", "https://")):
            arguments["url"] = source
            arguments["settings"] = registry_settings.read(ANONYMOUS).to_wire()
            done = self._engine.supervisor.work("import", arguments, progress=progress)
        elif not isinstance(source, str | Path):
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

    def remove(
        self, ref: str, force: bool = False, noprune: bool = False
    ) -> Sequence[tuple[str, str]]:
        """Remove a name, and the image with its last one; by `noprune` not what it came from.

        Returns what was done, in order: (`Untagged` or `Deleted`, name or digest). Raises
        ImageInUse when a container stands on it.
        """
        image = self.get(ref)
        if image.id == host.image_record().id:
            raise InvalidArgument("the image host is this machine itself and cannot be removed")
        done = self._engine.supervisor.work(
            "remove-image", {"ref": ref, "force": force, "noprune": noprune}
        )
        return [(str(what), str(name)) for what, name in done]

    def prune(self, filters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Remove images that nothing uses: those without a name, or all with dangling=False.

        Returns docker's object: ImagesDeleted (Untagged or Deleted, each) and SpaceReclaimed.
        """
        arguments = image_selection.prune_arguments(filters or {}, host.image_record().id)
        done = self._engine.supervisor.work("prune-images", arguments)
        self._engine.tell_pruned("image", int(done["bytes"]))
        return {
            "ImagesDeleted": [{str(what): str(name)} for what, name in done["deeds"]],
            "SpaceReclaimed": int(done["bytes"]),
        }

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
                store_images.add_unnoticed(tx, record)
        self._host_known = True


def _own_system(platform: str) -> str:
    """Return a platform as it is written; refuse in docker's words what is not Linux's."""
    wanted = platforms.parse(platform)
    if wanted.os != "linux":
        raise InvalidArgument("operating system is not supported")
    return str(wanted)


def _joined(repository: str, tag: str) -> str:
    """Return docker-py's repository and tag as one name; a tag may be a digest."""
    if not tag:
        return repository
    return f"{repository}@{tag}" if tag.startswith("sha256:") else f"{repository}:{tag}"


def _credentials(auth_config: Mapping[str, str]) -> credentials.Credentials:
    return credentials.Credentials(
        auth_config.get("username", ""),
        auth_config.get("password", ""),
        auth_config.get("identitytoken", ""),
    )
