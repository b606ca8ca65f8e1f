"""The engine: what `ipycontainer.connect()` gives.

Holds a home, its store and the way to its processes; containers and images are collections on it.
Thread-safe: a notebook's widgets call it from threads of their own.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

from ipycontainer.engine import (
    bundle,
    credentials,
    delegation,
    disk,
    drivers,
    reboot,
    registry_settings,
    starting,
    stats,
    system,
    undo,
)
from ipycontainer.engine.containers import Containers
from ipycontainer.engine.images import Images
from ipycontainer.engine.networks import Networks
from ipycontainer.engine.results import RunResult
from ipycontainer.engine.volumes import Volumes
from ipycontainer.engine.waiting import ready
from ipycontainer.engine.watch import Watch
from ipycontainer.errors import EngineError, OperationTimeout
from ipycontainer.images import sweep
from ipycontainer.images.registry.settings import HUB, Credentials
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.reference import DEFAULT_DOMAIN
from ipycontainer.model.sample import Sample
from ipycontainer.model.state import ContainerRecord, Status
from ipycontainer.network import bridges
from ipycontainer.network.place import holder_lock
from ipycontainer.storage import checkpoints, mounted, snapshots, volumes
from ipycontainer.storage.changes import Change
from ipycontainer.storage.drivers.choice import Choice
from ipycontainer.store import containers as store_containers
from ipycontainer.store import disk_reserve, events, liveness
from ipycontainer.store import endpoints as store_endpoints
from ipycontainer.store import images as store_images
from ipycontainer.store.bell import Bell
from ipycontainer.store.database import Store
from ipycontainer.store.home import open_home
from ipycontainer.supervise.protocol import Channel
from ipycontainer.supervise.supervisor import Supervisor

__all__ = ["Engine"]

_MOUNTS = frozenset({"mounts", "volumes", "volumes_from"})
ALIVE = (Status.RUNNING, Status.PAUSED, Status.RESTARTING)


class Engine:
    """A container engine on one home.

    `home` is a directory; without it $IPYCONTAINER_HOME, else the user's default one, made at the
    first use. Raises Unsupported where containers cannot be had, with the command that mends it.
    """

    def __init__(self, home: str | Path | None = None) -> None:
        self.home = open_home(home)
        disk_reserve.keep(self.home)
        self.store = Store(self.home)
        self.supervisor = Supervisor(self.home, partial(delegation.place, self.home))
        self.containers = Containers(self)
        self.images = Images(self)
        self.networks = Networks(self)
        self.volumes = Volumes(self)
        self._watch = Watch(self._lost)
        self._swept = False
        self._mark = self.home.mark()

    @property
    def is_current(self) -> bool:
        """Tell whether the home is still the one that this engine was made for: not reset since."""
        return self.home.mark() == self._mark

    def __repr__(self) -> str:
        return f"<ipycontainer engine at {self.home.root}>"

    # ── running ──────────────────────────────────────────────────────────────────────────────

    def run(
        self,
        image: str,
        command: str | Sequence[str] | None = None,
        *,
        input: bytes | None = None,  # noqa: A002 - subprocess.run's name for it
        timeout: float | None = None,
        name: str = "",
        remove: bool = False,
        **options: Any,
    ) -> RunResult:
        """Run a command in a new container to its end, and return all there is to know of it.

        `input` is fed to its standard input, which is then closed. After `timeout` seconds it is
        killed and `timed_out` is set. A code other than 0 raises nothing. `options` are those of
        `containers.create`.
        """
        if input is not None:
            options["stdin_open"] = True
        if not _MOUNTS & options.keys():  # what is mounted for it, a monitor of before has not
            self.supervisor.reserve()
        try:
            container = self.containers.prepare(
                image, command, name=name, auto_remove=remove, attach=True, **options
            )
            try:
                foreground = starting.start(container, input, ("stdout", "stderr"))
            except BaseException:
                if remove:
                    self.containers.drop(container)
                raise
        finally:
            self.supervisor.release()
        collected, timed_out = foreground.collect(timeout)
        code = foreground.wait()
        return RunResult(
            code,
            b"".join(data for stream, data in collected if stream == "stdout"),
            b"".join(data for stream, data in collected if stream == "stderr"),
            container,
            timed_out,
        )

    @contextmanager
    def reserved(self, config: ContainerConfig) -> Iterator[None]:
        """Have a monitor awake for the container that this thread makes and starts meanwhile."""
        if not (config.mounts or config.volumes_from):
            self.supervisor.reserve()
        try:
            yield
        finally:
            self.supervisor.release()

    @cached_property
    def driver(self) -> Choice:
        """Return the storage driver of new containers, and why it is that one."""
        return drivers.choose(self)

    # ── state ────────────────────────────────────────────────────────────────────────────────

    def settle(self) -> None:
        """Make the state true: containers whose monitor died are repaired before anybody reads.

        Costs one question to the kernel for each container that is said to run.
        """
        # Asked twice: a container may have ended properly between the row and the lock.
        lost = self._lost_containers() and self._lost_containers()
        if lost or (not self._swept and self._leftovers()):
            self.supervisor.work("repair", {})
        if not self._swept:
            self._swept = True
            reboot.take_up(self)

    def _leftovers(self) -> bool:
        """Tell whether a killed process left something: looked for once an engine."""
        with self.store.read() as tx:
            half_removed = store_containers.list_all(tx, (Status.REMOVING,))
            ended = store_containers.list_all(tx, (Status.EXITED,))
            created = store_containers.list_all(tx, (Status.CREATED,))
            holding = store_endpoints.held(tx)
            unsettled = store_endpoints.unsettled(tx)
            unsaid = volumes.unnamed(self.home, tx) or volumes.missing(self.home, tx)
        return bool(
            half_removed
            or unsettled
            or unsaid
            or any(liveness.holder(self.home.lock(each)) is None for each in holding)
            or any(record.config.auto_remove for record in ended)
            or any(self._left_socket(record.id) for record in (*ended, *created))
            or sweep.leftovers(self.home, self.store)
            or snapshots.orphans(self.home, self.store)
            or snapshots.missing(self.home, self.store)
            or checkpoints.unfinished(self.home)
            or bridges.need_renewal(self.home)
        )

    def _left_socket(self, container_id: str) -> bool:
        """Tell whether a monitor died between its last word and its end, or before its first."""
        there = self.home.socket(container_id).exists()
        return there and liveness.holder(self.home.lock(container_id)) is None

    def _lost_containers(self) -> bool:
        with self.store.read() as tx:
            alive = store_containers.list_all(tx, ALIVE)
        return any(liveness.holder(self.home.lock(record.id)) is None for record in alive)

    def _lost(self, _: str) -> None:
        """Repair after a monitor's death, in the watch's own thread."""
        with suppress(EngineError):  # nobody is there to be told: the next command will be
            self.settle()
        self.store.close()

    def watch(self, container_id: str, channel: Channel) -> None:
        """Look after a detached container through its monitor's channel."""
        self._watch.add(container_id, channel)

    def until_exit(self, channel: Channel, timeout: float | None = None) -> int | None:
        """Wait for the end of a monitor; return the exit code that it told, None when it was lost.

        Returns after the connection's end: by then the state is written and a `--rm` container
        removed. Raises OperationTimeout.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        code = None
        while True:
            if not ready(
                channel.fileno(), None if deadline is None else deadline - time.monotonic()
            ):
                raise OperationTimeout("the container did not end in time")
            message = channel.receive()
            if message is None:
                if code is None:
                    self.settle()
                return code
            if message.name == "exited":
                code = int(message.body["code"])

    def surroundings(self, record: ContainerRecord) -> bundle.Surroundings:
        """Return the volumes and images that a container's mounts lead to."""
        mounts = record.config.mounts
        if not mounts:
            return bundle.Surroundings()
        with self.store.read() as tx:
            return bundle.Surroundings(
                mounted.records(tx, mounts),
                {
                    mount.source: store_images.get(tx, mount.source)
                    for mount in mounts
                    if mount.type == "image"
                },
            )

    def bell(self) -> Bell:
        """Return a watcher of the home's events."""
        return Bell(self.home.bell)

    def events(
        self, since_ns: int | None = None, until_ns: int | None = None
    ) -> Iterator[events.Event]:
        """Yield events as they happen, from `since_ns` or from now on, up to `until_ns`."""
        with self.bell() as bell:
            with self.store.read() as tx:
                row = events.last_row(tx)
                found = [] if since_ns is None else events.since_time(tx, since_ns)
            while True:
                for event in found:
                    if until_ns is None or event.time_ns <= until_ns:
                        yield event
                left = None if until_ns is None else (until_ns - time.time_ns()) / 1e9
                if left is not None and left <= 0:
                    return
                ready(bell.fileno(), left)
                bell.wait(0)
                with self.store.read() as tx:
                    found = events.since(tx, row)
                row = found[-1].row if found else row

    def hold_networks(self) -> tuple[str, ...]:
        """Have a namespace for an ordinary user's bridges; return what is to be said, once."""
        if liveness.holder(holder_lock(self.home)) is not None:
            return ()
        said = self.supervisor.work("hold-network", {})
        return tuple(line for line in said if self._first_time(line))

    def _first_time(self, notice: str) -> bool:
        """Tell whether a notice has not been given in this home yet."""
        name = hashlib.sha256(notice.encode()).hexdigest()[:16]
        try:
            fd = os.open(
                self.home.cache / f"told-{name}", os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
            )
        except FileExistsError:
            return False
        os.close(fd)
        return True

    def changes_of(self, record: ContainerRecord) -> list[Change]:
        """Return what a container changed in its file tree; read by a worker."""
        rows = self.supervisor.work("changes", {"id": record.id})
        # where a cell's script and values are mounted is no change of the program's
        inside = record.config.exchange
        own = {*record.config.files, inside, f"{inside}/in", f"{inside}/out"}
        return [change for row in rows if (change := Change(*row)).path not in own]

    def samples(
        self, refs: Sequence[str] = (), everything: bool = False
    ) -> Iterator[tuple[Sample, ...]]:
        """Yield what containers use, each second: those named, the running ones, or all."""
        return stats.samples(self, refs, everything)

    def sampler(self, refs: Sequence[str] = (), everything: bool = False) -> stats.Sampler:
        """Return what reads the same whenever it is asked, for who waits by itself."""
        return stats.Sampler(self, refs, everything)

    # ── registries ───────────────────────────────────────────────────────────────────────────

    def login(
        self, username: str, password: str | None = None, *, registry: str = ""
    ) -> dict[str, Any]:
        """Ask a registry whether it takes these credentials, and keep them as docker does.

        Without a registry it is docker's hub. Raises RegistryError; nothing is kept then.
        """
        host = registry or DEFAULT_DOMAIN
        who = Credentials(username, password or "")
        name = credentials.key_of(host)
        arguments = {
            "host": HUB if name == credentials.HUB_KEY else name,
            "settings": registry_settings.read(who).to_wire(),
        }
        self.supervisor.work("login", arguments)
        credentials.remember(host, who)
        return {"IdentityToken": "", "Status": "Login Succeeded"}

    def logout(self, registry: str = "") -> bool:
        """Forget the credentials of a registry; tell whether there were some."""
        return credentials.forget(registry or DEFAULT_DOMAIN)

    def compare(self, one: str, other: str, *, text: bool = False) -> tuple[list[Change], str]:
        """Return what `other` has otherwise than `one`; with `text` how files differ, too.

        Each is a container, `NAME:TAG` of a checkpoint, or an image.
        """
        return undo.compare(self, one, other, text=text)

    def df(self) -> dict[str, Any]:
        """Return docker's `system df` object: the room that all takes, in bytes."""
        return disk.df(self)

    def written_bytes(self, containers: Sequence[str]) -> dict[str, int]:
        """Return what containers have written, by their ids; those that are gone are left out."""
        return disk.written_bytes(self, containers)

    def tell_pruned(self, kind: str, freed_bytes: int) -> None:
        """Write the event that a prune ends with, whatever it has removed."""
        with self.store.write() as tx:
            told = {"reclaimed": str(freed_bytes)}
            events.add(tx, kind, "prune", "", told, time.time_ns())

    def version(self) -> dict[str, Any]:
        """Return docker's `version` object, of this engine and machine."""
        return system.version()

    def info(self) -> dict[str, Any]:
        """Return docker's `info` object, of this engine and machine."""
        self.settle()
        return system.info(self)

    def reset(self) -> None:
        """End every container and empty the home, for good.

        An ordinary user's home holds files of subordinate ids, which only its own user namespace
        may remove: `rm -rf` cannot.
        """
        self._watch.close()
        system.reset(self)

    def close(self) -> None:
        """Leave the home; containers go on."""
        self._watch.close()
        self.supervisor.leave()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
