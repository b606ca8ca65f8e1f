"""A monitor: the parent of one container, from its start to its end.

Forked by the zygote, it launches the bundle, writes what happens to the store, copies the standard
streams, executes further commands inside, and removes the container afterwards where that was
asked. It holds the container's liveness lock: when it dies, the container dies with it, and whoever
looks next knows. One event loop, no threads before the end: it must be able to enter namespaces.

Opens the database only between forks. Imports what a zygote may import, nothing else.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

from ipycontainer import faults
from ipycontainer.errors import (
    ContainerNotRunning,
    ContainerRunning,
    EngineError,
    ProtocolError,
    ResourceError,
)
from ipycontainer.model import ids
from ipycontainer.model.health import Healthcheck
from ipycontainer.model.oci import ANNOTATION_NETWORKS, Process, Spec
from ipycontainer.runtime import filters
from ipycontainer.runtime.launch import Launched, Stdio, follow, launch
from ipycontainer.runtime.sandbox import Sandbox
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from ipycontainer.supervise import expectation, timeline
from ipycontainer.supervise.clients import Clients
from ipycontainer.supervise.container_networks import Connection
from ipycontainer.supervise.container_record import Beginning, End, Record
from ipycontainer.supervise.control import Control
from ipycontainer.supervise.executions import Executions
from ipycontainer.supervise.fuse_trees import served
from ipycontainer.supervise.health import Health
from ipycontainer.supervise.loop import READ, Loop
from ipycontainer.supervise.prepared import Ends, Prepared
from ipycontainer.supervise.processes import kill_rest, reap
from ipycontainer.supervise.protocol import Channel, Message
from ipycontainer.supervise.repair import cgroup_note
from ipycontainer.supervise.restarts import Restarts
from ipycontainer.supervise.signals import Signals
from ipycontainer.supervise.stdio import ProgramStreams
from ipycontainer.supervise.timeline import Notes

__all__ = ["Monitor"]

LASTING_SECONDS = 10.0  # then what is for the next container is let go
LATER_SECONDS = 0.02  # a short program, and who waits for it, come first


class Monitor:
    """The state of one container while it runs."""

    def __init__(
        self, home: Home, request: Mapping[str, Any], seccomp: bytes, store: Store
    ) -> None:
        self.id = str(request["id"])
        self._home = home
        self._auto_remove = self._takes_volumes = bool(request.get("auto_remove"))
        self._bundle = home.container(self.id)
        self._seccomp = seccomp
        self._store = store
        self._request = request
        self._loop = Loop()
        self._clients = Clients(self._loop, home.socket(self.id), self._do)
        self._restarts = Restarts(request, self._bundle)
        self._pause: float | None = None  # before it begins again
        self.successor = ""  # the id of another one, which has the place of what is removed
        self._spec, self._config = Spec(Process(())), b""
        self._filter: bytes | None = None
        self._servers: list[int] = []  # of its files, where no kernel's overlay has them
        self._record = Record(home, store, self.id, str(request.get("failure", "{}")))
        self._renew(tuple(request.get("asked", ())))

    def _renew(self, asked: tuple[int, ...] = ()) -> None:
        """Make what lasts from one start to its end."""
        self._streams = ProgramStreams(
            self._loop, self._clients, self._bundle, self._request, self._record
        )
        self._executions = Executions(self._loop, self._clients, self._store, self._record)
        self._control = Control(self.id, self._loop, self._clients, self._store)
        self._signals = Signals(
            self.id, self._loop, self._clients, self._store, self._control, self._restarts
        )
        self._requests: dict[str, Callable[[Channel, Message], None]] = {
            "signal": self._signals.kill,
            "stop": self._signals.stop,
            "attach": self._attach,
            "exec": self._execute,
            "exec-signal": self._executions.signal,
            "exec-resize": self._executions.resize,
            "follow": self._streams.follow,
            "resolve": self._take_resolver,
            "resolves": self._tell_of_resolver,
            "republish": self._republish,
            "pause": self._control.pause,
            "unpause": self._control.unpause,
            "resize": self._streams.resize,
            "policy": self._signals.change_policy,
            "limit": self._limit,
        }
        self._container: Launched | None = None
        self._connection: Connection | None = None
        self._health: Health | None = None
        self._ended = False
        self._began, self._code = 0.0, 0
        self._notes = Notes(asked, time.perf_counter_ns())

    # ── start ────────────────────────────────────────────────────────────────────────────────

    def start(
        self, channel: Channel, message: Message, ends: Ends, sandbox: Sandbox | None
    ) -> bool:
        """Launch the container and tell `channel`; return False when it could not be started.

        A `sandbox` is one that has begun with this bundle.
        """
        self._clients.join(channel)
        error = self._begin(message, ends, sandbox)
        if error is not None:
            self._failed(channel, error)
            return False
        assert self._container is not None
        told = () if self._connection is None else self._connection.warnings
        warnings = [*self._container.warnings, *told]
        started = {"event": "started", "pid": self._container.pid, "warnings": warnings}
        self._clients.tell(channel, started)
        self._attend()
        return True

    def _take_resolver(self, channel: Channel, message: Message) -> None:
        """Answer names from now on: the container has just come to a network of a user's."""
        if self._connection is not None:
            self._connection.resolve(self._loop, message.fds, message.body["servers"])
        self._clients.tell(channel, {"event": "done"})

    def _tell_of_resolver(self, channel: Channel, _: Message) -> None:
        resolves = self._connection is not None and self._connection.resolves
        self._clients.tell(channel, {"event": "done", "resolves": resolves})

    def _republish(self, channel: Channel, _: Message) -> None:
        """Have the ports follow the container: it has just come to a network, or left one."""
        if self._connection is not None:
            self._connection.republish(self._loop)
        self._clients.tell(channel, {"event": "done"})

    def _attend(self) -> None:
        """Do what has time until the program runs and its client knows."""
        assert self._container is not None
        if self._connection is not None:
            self._connection.attend(self._loop, self._container.resolver)
        self._loop.at("settle", LATER_SECONDS if self._auto_remove else 0, self._settle)

    def _settle(self) -> None:
        """Do what nobody needs of a program that ends at once, and is removed."""
        assert self._container is not None
        self._container.lender.take_back()
        timeline.write(self._bundle, self._notes, self._spec)
        self.learn()

    def learn(self) -> None:
        """Let the home know what was started, unless that is what was expected; once."""
        config, self._config = self._config, b""
        if config and not self._notes.course.advanced:
            again = bool(self._request.get("again"))
            expectation.learn(self._home, self.id, config, again=again)

    def _begin(self, message: Message, ends: Ends, sandbox: Sandbox | None) -> EngineError | None:
        """Launch the program and watch it; return what kept it from starting."""
        streams, health = message.body.get("streams", ()), message.body.get("health")
        beginning = Beginning(self._record, self._restarts.count, attached=bool(streams))
        container: Launched | None = None
        try:
            faults.point("monitor: before launch")
            self._config = (self._bundle / "config.json").read_bytes()
            self._spec = expectation.parse(self._config)
            if not self._spec.process.terminal:
                once = bool(message.body.get("stdin_once"))
                self._streams.connect(ends.stdin, ends.stdout, ends.stderr, once=once)
                self._streams.attach(streams, message.fds)
            self._clients.listen()
            container = self._container = self._launch(ends.program, sandbox, beginning)
            self._control.take(container, self._spec, cgroup_note(self._home, self.id))
            self._signals.take(container.pidfd)
            faults.point("monitor: launched")
            self._ended, self._began = False, time.monotonic()
            known = beginning.keep(container.pid)
        except (EngineError, OSError) as raised:
            beginning.drop()
            if container is not None:
                container.undo()
            elif sandbox is not None:
                sandbox.end()
            return raised if isinstance(raised, EngineError) else ResourceError(f"start: {raised}")
        if not known:
            self._signals.send(signal.SIGKILL)
        self._notes.recorded = time.perf_counter_ns()
        ends.close_program()
        if container.terminal >= 0:
            ends.close_own()
            self._streams.use_terminal(container.terminal)
            self._streams.attach(streams, message.fds)
        self._loop.watch(container.pidfd, READ, self._end)
        if health:
            execute = self._executions.for_checks(container, self._spec, self._filter)
            about = execute, self._record, lambda: self._control.is_paused
            check = Healthcheck.from_docker(health)
            self._health = Health(self._loop, self._bundle, check, *about)
        return None

    def _launch(self, stdio: Stdio, sandbox: Sandbox | None, beginning: Beginning) -> Launched:
        """Go on with what a sandbox has begun, or launch the container anew."""
        if ANNOTATION_NETWORKS in self._spec.annotations:
            self._connection = Connection(self._home, self._store, self.id, self._spec)
            self._spec = self._connection.take(self._spec)
        wire = None if self._connection is None else self._connection.wire
        spec, bundle, course = self._spec, self._bundle, self._notes.course
        self._filter = filters.program_of(self._spec, self._seccomp, self._home.cache)
        with served(self._spec, self._servers) as trees:
            if sandbox is not None:
                # Interfaces are made before init answers; else it says itself that it cannot.
                if wire is None or sandbox.fits(spec, self._config.decode(), str(bundle)):
                    followed = follow(sandbox, spec, wire, trees, course, beginning)
                    if followed is not None:
                        return followed
                else:
                    sandbox.end()
            self._store.close()  # a fork must not inherit a connection
            return launch(
                spec,
                bundle,
                stdio,
                seccomp=self._filter,
                connect=wire,
                trees=trees,
                course=course,
                witness=beginning,
            )

    def _failed(self, channel: Channel | None, error: EngineError) -> None:
        """Keep and tell why it could not start."""
        if self._connection is not None:
            self._connection.withdraw()
        timeline.write(self._bundle, self._notes, self._spec, error.message)
        self._record.failed(error, self._connection)
        if self._auto_remove:
            self._remove()
        if channel is not None:
            self._clients.tell(channel, {"event": "failed", "error": error.to_wire()})

    # ── conversation ─────────────────────────────────────────────────────────────────────────

    def serve(self, when_it_lasts: Callable[[], None]) -> None:
        """Do what clients ask and the container needs, until it has ended and all is told.

        That is once, or again and again, as its restart policy wants.
        """
        self._loop.at("lasts", LASTING_SECONDS, when_it_lasts)
        while True:
            while not self._ended or self._streams.is_behind or self._executions.is_behind:
                self._loop.step()
            self._streams.release()
            if self._pause is None or not self._begin_again(self._pause):
                break
        if self._auto_remove:
            self._remove()

    def _begin_again(self, pause: float) -> bool:
        """Wait, and start the program once more; False when somebody did not want that."""
        assert self._container is not None
        os.close(self._container.pidfd)
        self._clients.drop()
        self._loop.pass_time(pause, lambda: self._restarts.cancelled)
        if self._restarts.cancelled:
            self._record.given_up(by_stop=self._signals.stopping)
            self._clients.tell_all({"event": "exited", "code": self._code})
            return False
        self._store.close()  # a fork must not inherit a connection
        self._renew()
        if self._connection is not None:
            self._connection.close()
        self._connection, self._pause = None, None
        body = {**self._request, "streams": ()}
        wants_input = bool(self._request.get("open_stdin"))
        ends = Prepared(self._store, os.pipe(), os.pipe()).ends(wants_input=wants_input)
        error = self._begin(Message(body), ends, None)
        if error is not None:
            self._record.given_up(by_stop=False)
            self._failed(None, error)
            return False
        self._attend()
        return True

    def hide(self) -> None:
        """Let nobody find this monitor any more; the container's lock is still held."""
        self._clients.hide()

    def leave(self) -> None:
        """Let go of the clients: they see that all is done."""
        self._clients.close()

    def let_go(self) -> bool:
        """Forget the container, which has ended; False where its process had better end, too."""
        served = self._executions.were_used or self._servers or self._restarts.count
        if self._container is None or served or self._spec.process.terminal:
            return False
        if self._connection is not None and not self._connection.let_go():
            return False
        self._container.let_go()
        return True

    def _do(self, channel: Channel, message: Message) -> None:
        faults.point(f"monitor: {message.name}")
        if message.name == "finish":
            self._finish(channel, message)
        elif self._ended and self._pause is not None:
            self._signals.between(channel, message)
        elif self._ended:
            raise ContainerNotRunning(f"container {self.id} is not running")
        elif message.name in self._requests:
            self._requests[message.name](channel, message)
        else:
            raise ProtocolError(f"a monitor does not know {message.name!r}")

    def _attach(self, channel: Channel, message: Message) -> None:
        self._streams.attach(message.body.get("streams", ()), message.fds)
        self._record.happened("attach")
        self._clients.tell(channel, {"event": "done"})

    def _execute(self, channel: Channel, message: Message) -> None:
        assert self._container is not None
        self._control.require_unpaused()
        self._executions.begin(self._container, self._spec, self._filter, channel, message)

    def _limit(self, channel: Channel, message: Message) -> None:
        assert self._container is not None
        self._container = self._control.extended(self._container, self._spec, message)
        self._control.limit(channel, message)

    def _finish(self, channel: Channel, message: Message) -> None:
        """Wait for no reader any more, and `remove` the container; a running one with `force`."""
        force = bool(message.body.get("force"))
        if not self._ended and not force:
            raise ContainerRunning(f"container {self.id[:12]} is running")
        if message.body.get("remove"):
            self._takes_volumes &= self._ended  # `rm -f` without -v leaves them, as docker's does
            self._auto_remove = True
        self._restarts.cancelled |= self._auto_remove or force  # or it is removed by who asked
        if not self._ended:
            self._record.happened("kill", signal=str(int(signal.SIGKILL)))
            self._signals.send(signal.SIGKILL)
        self._streams.release()
        self._executions.release()
        self._clients.tell(channel, {"event": "done"})

    # ── the end ──────────────────────────────────────────────────────────────────────────────

    def _end(self) -> None:
        """Take note of the container's end; what it printed last is still in the pipes."""
        assert self._container is not None
        self._ended = True
        self._signals.end()
        self._loop.forget(self._container.pidfd)
        self._code = reap(self._container.pid)
        faults.point("monitor: ended")
        if self._spec.linux.namespaces.get("pid") != "":
            # no pid namespace has died with the program: what it left behind is still there
            kill_rest(self._container.cgroup)
        self._executions.end_all()
        if self._health is not None:
            self._health.end()
        self._streams.finish()
        self._control.end(self._code)
        if self._container.cgroup is not None:
            self._container.cgroup.remove()
        if self._connection is not None:
            self._connection.withdraw()
        if not self._auto_remove:
            seconds = time.monotonic() - self._began
            self._pause = self._restarts.pause_before_next(self._code, seconds)
        if self._pause is None:
            self._record.let_go_of_volumes(self._spec)
        if not self._auto_remove or self._streams.is_behind:
            self._record.ended(self._how_it_ended())
        oom = self._control.ran_out_of_memory
        self._clients.tell_all({"event": "exited", "code": self._code, "oom": oom})

    def _how_it_ended(self) -> End:
        count = None if self._pause is None else self._restarts.count
        oom, connected = self._control.ran_out_of_memory, self._connection is not None
        return End(self._code, oom, count, connected, self._signals.stopping)

    def _remove(self) -> None:
        successor = ids.new_id() if self._notes.course.advanced else ""
        if self._record.remove(self._how_it_ended(), successor, volumes=self._takes_volumes):
            self.successor = successor
