"""`engine.containers`: make, find and list containers."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, overload

from ipycontainer.engine import (
    bundle,
    capacity,
    drivers,
    exchange,
    image_paths,
    limits,
    mounts,
    selection,
    verification,
    wishes,
)
from ipycontainer.engine.container import Container
from ipycontainer.engine.docker_py.options import config_from_options, words
from ipycontainer.engine.furnishing import furnish
from ipycontainer.engine.merging import beside_script, merge_image
from ipycontainer.engine.ps_context import Around
from ipycontainer.engine.single_choices import refuse_other_platform
from ipycontainer.errors import (
    ContainerError,
    EngineError,
    ImageNotFound,
    InvalidArgument,
    NameInUse,
    Unsupported,
)
from ipycontainer.images import host
from ipycontainer.images.environment import PythonEnvironment
from ipycontainer.model import ids
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.explained import ExplainedStep
from ipycontainer.model.image import ImageConfig, ImageRecord
from ipycontainer.model.limits import Limits
from ipycontainer.model.mounts import Bind
from ipycontainer.model.state import ContainerRecord, ContainerState, Overlay
from ipycontainer.storage import snapshots, volumes
from ipycontainer.store import containers as store_containers
from ipycontainer.store.database import Transaction
from ipycontainer.store.volumes import attach as attach_volumes

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = ["Containers"]

NAME_TRIES = 6  # docker's; after that the id is the name


class Containers:
    """The containers of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._random = random.SystemRandom()

    # ── make ─────────────────────────────────────────────────────────────────────────────────

    def create_from(self, config: ContainerConfig, name: str = "") -> Container:
        """Make a container from a finished config; it is not started.

        Raises ImageNotFound, NameInUse, InvalidArgument in docker's words; nothing is left then.
        """
        config, image, warnings = verification.settled(self._engine, config, name)
        reserved = self._engine.supervisor.reserved()
        container_id = ids.new_id() if reserved is None else reserved.id
        made: list[str] = []
        try:
            try:
                ready = None if reserved is None else reserved.made
                record = self._described(container_id, config, image, warnings, ready)
            except snapshots.Unlike:
                container_id = ids.new_id()
                record = self._described(container_id, config, image, warnings)
            if record.config.exchange:
                exchange.make(self._engine.home, container_id)
            record = self._add(record, name.removeprefix("/"), made)
            furnish(self._engine, record)
        except BaseException as error:
            self._undo(container_id, made)
            if isinstance(error, mounts.MountRefused):
                mounts.leave_volumes(self._engine, error, name, config.volume_driver)
            raise
        return Container(self._engine, record, warnings)

    def explain(self, config: ContainerConfig, name: str = "") -> Sequence[ExplainedStep]:
        """Return the steps that a start would have; nothing is made. Raises as `create_from`."""
        # Steps and their plan: a fifth of what a shell imports, for this one question.
        from ipycontainer.engine import explaining

        return explaining.as_it_would_be(self._engine, config, name)

    @contextmanager
    def sketched(
        self, config: ContainerConfig, name: str = ""
    ) -> Iterator[tuple[ContainerRecord, tuple[str, ...]]]:
        """Give the record of a container that is not made, and its warnings.

        Its directories stand meanwhile. Raises as `create_from`.
        """
        config, image, warnings = verification.settled(self._engine, config, name)
        container_id = ids.new_id()
        try:
            record = self._described(container_id, config, image, warnings)
            yield replace(record, name=name.removeprefix("/") or record.short_id), tuple(warnings)
        finally:
            snapshots.discard(self._engine.home, container_id)

    def verify(self, config: ContainerConfig) -> None:
        """Raise what docker says of a config before it looks for the image."""
        verification.before_image(self._engine, config)

    def _described(
        self,
        container_id: str,
        config: ContainerConfig,
        image: ImageRecord,
        warnings: list[str],
        made: snapshots.Made | None = None,
    ) -> ContainerRecord:
        """Make a container's directories, and return what its row will say but for the name.

        What is `made` is taken; raises snapshots.Unlike for a container that needs others.
        """
        overlays, settings, shown = self._snapshot(container_id, image, warnings, made)
        merged = beside_script(merge_image(replace(config, image_mounts=shown), settings))
        if not merged.command and not merged.entrypoint:
            raise InvalidArgument("no command specified")
        merged = mounts.wanted(self._engine, merged, settings.volumes)
        image_paths.refuse_files(self._engine.home, image, merged)
        record = ContainerRecord(
            id=container_id,
            name="",
            image_id=image.id,
            created_ns=time.time_ns(),
            config=merged,
            state=ContainerState(),
            overlays=overlays,
        )
        warnings += bundle.warnings_of(self._engine.home, merged, self._engine.surroundings(record))
        return record

    def check_limits(self, wanted: Limits) -> tuple[Limits, tuple[str, ...]]:
        """Return what of an update can be had, and WARNINGs; InvalidArgument in docker's words."""
        return limits.checked(wanted, capacity.of(self._engine), update=True)

    def _snapshot(
        self,
        container_id: str,
        image: ImageRecord,
        warnings: list[str],
        made: snapshots.Made | None,
    ) -> tuple[tuple[Overlay, ...], ImageConfig, tuple[Bind, ...]]:
        home, driver = self._engine.home, self._engine.driver.name
        layers = tuple(layer.chain_id for layer in image.layers)
        if not host.is_under(image):
            overlays = drivers.prepare(self._engine, container_id, layers, made)
            return overlays, image.config, ()
        if driver == drivers.COPIES:
            raise Unsupported(
                f"an image of this machine cannot be had with the storage driver {driver}: "
                "it would be copied whole",
                hint="ipycontainer info says why the others cannot be had",
            )
        environment = PythonEnvironment.of_this_process()
        shown = host.prepare(home, container_id, environment, _cwd(), driver, made)
        warnings += shown.warnings
        binds = tuple(
            Bind(mount.source, mount.destination, read_only=True) for mount in shown.mounts
        )
        overlays = snapshots.upon(home, shown.overlays, layers)
        return overlays, image.config if image.base else shown.config, binds

    def adopt(self, record: ContainerRecord) -> Container:
        """Add a container whose directories are made already: a branch."""
        ids.check_name(record.name)
        made: list[str] = []
        try:
            record = self._add(record, record.name, made)
            furnish(self._engine, record)
        except BaseException:
            self._undo(record.id, made)
            raise
        return Container(self._engine, record)

    def _undo(self, container_id: str, made: Sequence[str]) -> None:
        """Take back a container that came to nothing, and the volumes that were made for it."""
        with self._engine.store.write() as tx:
            store_containers.remove(tx, container_id)
        snapshots.discard(self._engine.home, container_id)
        for name in volumes.undo(self._engine.home, self._engine.store, made):
            with suppress(EngineError):
                self._engine.supervisor.work("remove-volume", {"name": name})

    def _add(self, record: ContainerRecord, name: str, made: list[str]) -> ContainerRecord:
        """Write the row under the given name, or under one drawn at random.

        Volumes are made in the same transaction, and `made` takes their names.
        """
        for attempt in range(NAME_TRIES + 1):
            drawn = ids.random_name(self._random) if attempt < NAME_TRIES else record.short_id
            named = replace(record, name=name or drawn)
            try:
                with self._engine.store.write() as tx:
                    if named.config.mounts:
                        named = self._with_volumes(tx, named, made)
                    store_containers.add(tx, named)
                    wishes.add_endpoints(tx, named.id, named.config)
                    attach_volumes(tx, named.id, mounts.volumes_of(named.config.mounts))
                return named
            except NameInUse:
                if name:
                    raise
        raise EngineError("no free name was found")

    def _with_volumes(
        self, tx: Transaction, record: ContainerRecord, made: list[str]
    ) -> ContainerRecord:
        config = record.config
        named, fresh = mounts.make_volumes(
            self._engine.home, tx, config.mounts, config.volume_driver
        )
        made += fresh
        return replace(record, config=replace(config, mounts=named))

    def prepare(
        self,
        image: str,
        command: str | Sequence[str] | None = None,
        *,
        name: str = "",
        auto_remove: bool = False,
        attach: bool = False,
        **options: Any,
    ) -> Container:
        """Make a container from docker-py's options, ready to be started and watched."""
        platform = str(options.pop("platform", None) or "")
        config = config_from_options(image, words(command or ()), options)
        config = replace(
            config,
            platform=platform,
            auto_remove=auto_remove,
            attach_stdin=attach and config.open_stdin,
            attach_stdout=attach,
            attach_stderr=attach,
        )
        return self.create_from(config, name)

    def create(
        self, image: str, command: str | Sequence[str] | None = None, **options: Any
    ) -> Container:
        """Make a container, with docker-py's options; it is not started."""
        return self.prepare(
            image, command, auto_remove=bool(options.pop("auto_remove", False)), **options
        )

    @overload
    def run(
        self,
        image: str,
        command: str | Sequence[str] | None = None,
        stdout: bool = True,
        stderr: bool = False,
        remove: bool = False,
        detach: Literal[False] = False,
        **options: Any,
    ) -> bytes: ...

    @overload
    def run(
        self,
        image: str,
        command: str | Sequence[str] | None = None,
        stdout: bool = True,
        stderr: bool = False,
        remove: bool = False,
        *,
        detach: Literal[True],
        **options: Any,
    ) -> Container: ...

    def run(
        self,
        image: str,
        command: str | Sequence[str] | None = None,
        stdout: bool = True,
        stderr: bool = False,
        remove: bool = False,
        detach: bool = False,
        **options: Any,
    ) -> bytes | Container:
        """Run a command in a new container, as docker-py does: an image that is missing is pulled.

        Returns its output as bytes, or with `detach` the running Container. Raises ContainerError,
        with its stderr, for a code other than 0.
        """
        platform = str(options.get("platform") or "")
        try:
            refuse_other_platform(self._engine.images.get(image).record, image, platform)
        except ImageNotFound:
            self._engine.images.pull(image, platform=platform)
        if detach:
            container = self.prepare(image, command, auto_remove=remove, **options)
            try:
                container.start()
            except BaseException:
                if remove:
                    self.drop(container)
                raise
            return container
        result = self._engine.run(image, command, remove=remove, **options)
        if result.exit_code != 0:
            raise ContainerError(result.container, result.exit_code, command, image, result.stderr)
        parts = (result.stdout if stdout else b"", result.stderr if stderr else b"")
        return b"".join(parts)

    def drop(self, container: Container) -> None:
        """Remove a container whose start failed, unless its monitor has done so already.

        What keeps it from being removed is not told: the failed start is the error to show.
        """
        with suppress(EngineError):
            container.remove(force=True)

    # ── find ─────────────────────────────────────────────────────────────────────────────────

    def get(self, ref: str) -> Container:
        """Return the container that a name, an id or its beginning means; NoSuchContainer."""
        self._engine.settle()
        with self._engine.store.read() as tx:
            return Container(self._engine, store_containers.find(tx, ref))

    def list(
        self,
        all: bool = False,  # noqa: A002 - docker-py's name
        limit: int | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> list[Container]:
        """Return containers, newest first: the running ones, or `all`; `limit` implies all.

        `filters` are docker's, each a text or a list of them.
        """
        self._engine.settle()
        with self._engine.store.read() as tx:
            records = store_containers.list_all(tx)
        chosen = selection.containers(
            records, all, limit, filters or {}, Around(self._engine, records)
        )
        return [Container(self._engine, record) for record in chosen]


def _cwd() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None
