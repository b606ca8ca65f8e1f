"""A container as the engine's user holds it: docker-py's names, docker's behaviour.

Says what is wanted; its monitor makes it so and writes what happened. Thread-safe: each method
reads the store afresh and keeps nothing but the last record seen.
"""

from __future__ import annotations

import signal as signals
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Self

from ipycontainer.engine import (
    ending,
    health,
    inspect,
    inspect_network,
    limits,
    links,
    logs,
    starting,
)
from ipycontainer.engine.container_files import ContainerFiles
from ipycontainer.engine.container_limits import ContainerLimits
from ipycontainer.engine.container_programs import ContainerPrograms
from ipycontainer.engine.foreground import Foreground, Source
from ipycontainer.engine.log_follower import LogFollower
from ipycontainer.engine.resource import Resource
from ipycontainer.errors import (
    Conflict,
    ContainerNotRunning,
    ContainerRunning,
    EngineError,
    NoSuchContainer,
)
from ipycontainer.model.config import DEFAULT_STOP_SECONDS
from ipycontainer.model.log_range import WHOLE_LOG, LogRange
from ipycontainer.model.network import PublishedPort
from ipycontainer.model.signals import parse_signal, parse_stop_signal
from ipycontainer.model.state import ContainerRecord, Status
from ipycontainer.model.window import NO_WINDOW, Window
from ipycontainer.store import containers as store_containers
from ipycontainer.store import events
from ipycontainer.supervise.conversation import ask
from ipycontainer.supervise.log_reading import LogEntry
from ipycontainer.supervise.protocol import Channel

if TYPE_CHECKING:
    from ipycontainer.engine.images import Image

__all__ = ["Container"]

REMOVALS = 5  # tries, each as long as a start may take that nobody waits for any more


class Container(ContainerFiles, ContainerLimits, ContainerPrograms, Resource[ContainerRecord]):
    """A container of this engine.

    `warnings` are docker's WARNING lines of its creation and start, without that word. In a `with`
    it is removed at the end.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Remove it, killed where it runs, with its anonymous volumes."""
        with suppress(NoSuchContainer):
            self.remove(force=True, v=True)

    @property
    def id(self) -> str:
        """Return the 64 hex digits of its id."""
        return self.record.id

    @property
    def name(self) -> str:
        """Return its name, as of the last look."""
        return self.record.name

    @property
    def status(self) -> str:
        """Return its state in docker's words, read now; `removed` once it is gone."""
        try:
            self.reload()
        except NoSuchContainer:
            return "removed"
        return self.record.state.status.value

    @property
    def health(self) -> str:
        """Return `starting`, `healthy` or `unhealthy`; empty for one that is not checked."""
        return health.status(self.engine.home, self.record)

    @property
    def labels(self) -> Mapping[str, str]:
        """Return its labels, the image's included."""
        return self.record.config.labels

    @property
    def image(self) -> Image:
        """Return the image that it stands on."""
        return self.engine.images.get(self.record.image_id)

    @property
    def published(self) -> list[PublishedPort]:
        """Return where its ports are reached on this machine, read now; none while it is down."""
        return inspect_network.published(self.engine.store, self.id)

    @property
    def exposed(self) -> list[str]:
        """Return the ports that it shows as its own, read now: `80/tcp`."""
        return inspect_network.reachable(self.engine.store, self.record)

    @property
    def attrs(self) -> dict[str, Any]:
        """Return what `docker inspect` shows, read now."""
        self.reload()
        found = inspect_network.settings(self.engine.store, self.record)
        state = self.record.state
        executing: list[str] = []
        if state.status.alive:
            with self.engine.store.read() as tx:
                executing = events.executing(tx, self.id, state.started_ns)
        return inspect.container(self.engine.home, self.record, found, executing)

    def reload(self) -> None:
        """Read the record anew; raises NoSuchContainer once it is removed."""
        self.engine.settle()
        with self.engine.store.read() as tx:
            self.record = store_containers.get(tx, self.id)

    # ── start and end ────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Start it in the background; one that runs already is left as it is."""

        def begin() -> None:
            if not self.record.state.status.alive:
                limits.check_again(self.record.config.limits)
            self._begin()

        ending.when_free(self, begin)

    def _begin(self) -> None:
        if not self.record.state.status.alive:
            self._await_former_monitor()
            starting.start_detached(self)

    def start_attached(
        self,
        stdin: Source = None,
        stdout: bool = True,
        stderr: bool = True,
        window: Window = NO_WINDOW,
    ) -> Foreground:
        """Start it and watch what it prints; one that runs already is attached to.

        `stdin` is bytes to feed, a descriptor to copy from, or None; `window` is where its terminal
        is seen, if it has one.
        """
        outputs = tuple(name for name, wanted in (("stdout", stdout), ("stderr", stderr)) if wanted)

        def begin() -> Foreground:
            if self.record.state.status.alive:
                return starting.attach(self, stdin, outputs, window)
            limits.check_again(self.record.config.limits)
            self._await_former_monitor()
            return starting.start(self, stdin, outputs, window)

        return ending.when_free(self, begin)

    def attached(self, stdin: Source = None, window: Window = NO_WINDOW) -> Foreground:
        """Watch what it prints from now on; ContainerNotRunning when it does not run."""
        self.reload()
        return starting.attach(self, stdin, ("stdout", "stderr"), window)

    def stop(self, timeout: float | None = None, signal: str | int | None = None) -> None:
        """Ask it to end with its stop signal, and kill it after `timeout` seconds.

        Without `timeout` its own (`--stop-timeout`) counts, else ten; -1 waits for ever. A stopped
        one is left as it is.
        """
        self.reload()
        config = self.record.config
        if not self.record.state.status.alive:
            return
        wanted = str(signal if signal is not None else config.stop_signal or "TERM")
        number = parse_stop_signal(wanted)
        if timeout is None:
            timeout = (
                config.stop_timeout if config.stop_timeout is not None else DEFAULT_STOP_SECONDS
            )
        try:
            channel = self._channel()
        except ContainerNotRunning:
            return
        with closing(channel):
            with suppress(ContainerNotRunning):  # it has ended in this very moment
                ask(channel, {"op": "stop", "signal": number, "grace": timeout})
            self.engine.until_exit(channel)

    def kill(self, signal: str | int | None = None) -> None:
        """Send it a signal, KILL unless another is named; ContainerNotRunning when it has ended."""
        number = parse_signal(str(signal if signal is not None else "KILL"))
        self.reload()
        request = {"op": "signal", "signal": number, "thaw": self._is_for_the_end(number)}
        try:
            with closing(self._channel()) as channel:
                ask(channel, request)
                if number == signals.SIGKILL:
                    self.engine.until_exit(channel)
        except ContainerNotRunning:
            raise ContainerNotRunning(
                f"Cannot kill container: {self.short_id}: container {self.id} is not running"
            ) from None

    def restart(self, timeout: float | None = None, signal: str | int | None = None) -> None:
        """Stop it where it runs, and start it."""
        self.stop(timeout, signal)
        ending.when_free(self, self._begin)
        self.tell("restart")

    def tell(self, action: str) -> None:
        """Add an event of what somebody did with it."""
        with self.engine.store.write() as tx:
            store_containers.tell(tx, self.record, action, time.time_ns())

    def wait(self, timeout: float | None = None) -> dict[str, Any]:
        """Return `{"StatusCode": n}` when it has ended; at once when it already has.

        Raises OperationTimeout after `timeout` seconds.
        """
        return ending.wait(self, timeout)

    def remove(self, force: bool = False, v: bool = False) -> None:
        """Remove it with all that it wrote; a running one only with `force`, which kills it.

        With `v` its anonymous volumes go too, unless another container has them.
        """
        self.reload()
        if not force:
            self.refuse_while_paused(
                f'cannot remove container "/{self.name}": '
                "container is paused and must be unpaused first"
            )
        if self.record.state.status.alive and not force:
            raise ContainerRunning(
                f'cannot remove container "/{self.name}": container is {self.record.state.status}: '
                "stop the container before removing or force remove",
                hint=f"ipycontainer rm -f {self.name}",
            )
        for left in reversed(range(REMOVALS)):
            # With `v` its monitor leaves that to the worker: only one of them knows of volumes.
            self._finish(remove=not v, force=force)
            try:
                self.engine.supervisor.work("remove", {"id": self.id, "volumes": v})
            except NoSuchContainer:
                pass  # its monitor has done it
            except ContainerRunning:
                # It was being started, perhaps by somebody who has died, and runs by now.
                if not force or not left:
                    raise
                continue
            return

    def _await_former_monitor(self) -> None:
        """Before a start, let the monitor of the last run be done."""
        if self.record.state.status is not Status.CREATED:
            self._finish()

    def see_off(self) -> None:
        """Let the monitor of the last run be done, so that the container's lock is free."""
        self.reload()
        self._await_former_monitor()

    def _finish(self, *, remove: bool = False, force: bool = False) -> None:
        """See the monitor off, if there is one still: it may be waiting for a slow reader."""
        with suppress(EngineError), closing(self._channel()) as channel:
            ask(channel, {"op": "finish", "remove": remove, "force": force})
            self.engine.until_exit(channel)

    def rename(self, name: str) -> None:
        """Give it another name."""
        with self.engine.store.write() as tx:
            store_containers.rename(tx, self.id, name)
        self.reload()

    def unlink(self, alias: str) -> None:
        """Take away a link of the default bridge; NotFound where it has none of this name."""
        self.reload()
        links.remove(self.engine, self.record, alias)
        self.reload()

    # ── what it did ──────────────────────────────────────────────────────────────────────────

    def logs(
        self,
        stdout: bool = True,
        stderr: bool = True,
        stream: bool = False,
        timestamps: bool = False,
        tail: str | int = "all",
        since: float | None = None,
        follow: bool | None = None,
        until: float | None = None,
    ) -> bytes | Iterator[bytes]:
        """Return what it printed as bytes, or an iterator of whole lines with `stream`.

        `since` and `until` are seconds since the epoch; `follow` is as `stream` unless given.
        """
        asked = LogRange(
            since_ns=None if since is None else int(since * 1e9),
            until_ns=None if until is None else int(until * 1e9),
            tail=None if tail == "all" else int(tail),
        )
        entries = self.log_chunks(asked, follow=stream if follow is None else follow)
        wanted = {name for name, yes in (("stdout", stdout), ("stderr", stderr)) if yes}
        texts = (
            logs.stamped(entry) if timestamps else entry.text
            for entry in entries
            if entry.stream in wanted
        )
        if stream:
            return (line for text in texts for line in logs.apart(text))
        return b"".join(texts)

    def log_entries(
        self, wanted: LogRange = WHOLE_LOG, *, follow: bool = False
    ) -> Iterator[LogEntry]:
        """Yield its log line by line; with `follow` until it ends."""
        return logs.single(self.log_chunks(wanted, follow=follow))

    def log_chunks(
        self, wanted: LogRange = WHOLE_LOG, *, follow: bool = False
    ) -> Iterator[LogEntry]:
        """Yield its log as `log_entries` does, lines that were printed at once together."""
        self.reload()
        return logs.chunks(self, wanted, follow=follow, runs=self.record.state.status.alive)

    def follow_log(self, wanted: LogRange = WHOLE_LOG) -> LogFollower:
        """Follow its log without blocking: for who watches several things at once."""
        self.reload()
        return LogFollower(self, wanted)

    def _is_for_the_end(self, number: int) -> bool:
        """Tell whether docker takes a signal as one that ends, and so lets a paused one go on."""
        own = self.record.config.stop_signal
        return number == signals.SIGKILL or not own or parse_stop_signal(own) == number

    def refuse_while_paused(self, message: str) -> None:
        """Raise Conflict where nothing can run now."""
        if self.record.state.status is Status.PAUSED:
            raise Conflict(message, hint=f"ipycontainer unpause {self.name}")

    def _channel(self) -> Channel:
        return self.engine.supervisor.monitor(self.id)
