"""What is executed in a running container beside its program: `exec`, as its monitor sees it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from ipycontainer.errors import EngineError
from ipycontainer.linux import pidfd
from ipycontainer.model.oci import Process, Spec
from ipycontainer.runtime.exec_joining import enter
from ipycontainer.runtime.launch import Launched, Stdio
from ipycontainer.store.database import Store
from ipycontainer.supervise.clients import Clients
from ipycontainer.supervise.container_record import Record
from ipycontainer.supervise.joiner import Ahead, process_of, user_of
from ipycontainer.supervise.loop import READ, Loop
from ipycontainer.supervise.processes import open_null, reap
from ipycontainer.supervise.protocol import Channel, Message
from ipycontainer.supervise.terminal import ExecTerminal

__all__ = ["Executions"]


@dataclass(frozen=True, slots=True)
class _Running:
    """A program that was executed, and who asked for it."""

    pid: int
    channel: Channel
    exec_id: str


class Executions:
    """The programs that clients have executed, each until its end."""

    def __init__(self, loop: Loop, clients: Clients, store: Store, record: Record) -> None:
        self._loop = loop
        self._clients = clients
        self._store = store
        self._record = record
        self._running: dict[int, _Running] = {}  # by pidfd
        self._terminals: dict[Channel, ExecTerminal] = {}
        self._ahead = Ahead(loop, store, record)
        self._were_used = False

    def begin(
        self,
        container: Launched,
        spec: Spec,
        seccomp: bytes | None,
        channel: Channel,
        message: Message,
    ) -> None:
        """Execute what `message` says, and tell the client now and at its end."""
        body, self._were_used = message.body, True
        null = open_null()
        given = dict(zip(body.get("streams", ()), message.fds, strict=True))
        stdio = Stdio(*(given.get(name, null) for name in ("stdin", "stdout", "stderr")))
        exec_id, line = os.urandom(32).hex(), f"{body['args'][0]} {' '.join(body['args'][1:])}"
        joiner = self._ahead.take(container, spec, seccomp, body)
        try:
            if joiner is not None:
                entered = joiner.execute(body, stdio)
            else:
                process, user = process_of(spec, body), user_of(spec, body)
                entered = self.enter(container, spec, process, stdio, seccomp, user)
        except EngineError:
            self._record.could_not_execute(exec_id, line)
            self._ahead.see_off(joiner)
            raise
        finally:
            os.close(null)
        if entered.terminal >= 0:
            self._terminals[channel] = ExecTerminal(
                self._loop, entered.terminal, given.get("stdin"), given.get("stdout")
            )
        else:
            message.close_fds()
        self._running[entered.pidfd] = _Running(entered.pid, channel, exec_id)
        self._loop.watch(entered.pidfd, READ, lambda: self._ended(entered.pidfd))
        self._clients.tell(channel, {"event": "started", "pid": entered.pid})
        self._record.executes(exec_id, line)  # while it runs: the client waits for none of it
        self._ahead.see_off(joiner)  # from now on the program is our child

    def enter(
        self,
        container: Launched,
        spec: Spec,
        process: Process,
        stdio: Stdio,
        seccomp: bytes | None,
        user: str,
    ) -> Launched:
        """Start a process in the container."""
        self._store.close()  # a fork must not inherit a connection
        return enter(
            container.pid,
            container.start_ticks,
            spec,
            process,
            stdio,
            user=user,
            seccomp=seccomp,
            cgroup=container.cgroup,
        )

    def for_checks(
        self, container: Launched, spec: Spec, seccomp: bytes | None
    ) -> Callable[[tuple[str, ...], Stdio], Launched]:
        """Return what executes something beside the program, as the program is executed."""

        def execute(args: tuple[str, ...], stdio: Stdio) -> Launched:
            process = replace(spec.process, args=args, terminal=False)
            return self.enter(container, spec, process, stdio, seccomp, user_of(spec, {}))

        return execute

    def signal(self, channel: Channel, message: Message) -> None:
        """Signal what this client had executed; one that has ended is fine."""
        number = int(message.body["signal"])
        for fd, running in self._running.items():
            if running.channel is channel:
                with suppress(ProcessLookupError):
                    pidfd.send_signal(fd, number)

    def resize(self, channel: Channel, message: Message) -> None:
        """Say how large the terminal of this client's program is; without one nothing happens."""
        if channel in self._terminals:
            rows, columns = int(message.body["rows"]), int(message.body["columns"])
            self._terminals[channel].resize(rows, columns)

    @property
    def were_used(self) -> bool:
        """Tell whether anything was executed, or tried."""
        return self._were_used

    @property
    def is_behind(self) -> bool:
        """Tell whether a client has still to read what its program printed on a terminal."""
        return bool(self._terminals)

    def release(self) -> None:
        """Wait for no reader any more."""
        for terminal in list(self._terminals.values()):
            terminal.release()

    def end_all(self) -> None:
        """Tell of the end of each: they died with the container's pid namespace."""
        self._ahead.end()
        for fd in list(self._running):
            self._ended(fd)

    def _ended(self, fd: int) -> None:
        running = self._running.pop(fd)
        channel = running.channel
        self._loop.forget(fd)
        os.close(fd)
        code = reap(running.pid)
        self._record.executed(running.exec_id, code)
        terminal = self._terminals.get(channel)
        if terminal is None:
            self._clients.tell(channel, {"event": "exited", "code": code})
            self._ahead.make_ready()
        else:
            terminal.end(lambda: self._told(channel, code))

    def _told(self, channel: Channel, code: int) -> None:
        del self._terminals[channel]
        self._clients.tell(channel, {"event": "exited", "code": code})
