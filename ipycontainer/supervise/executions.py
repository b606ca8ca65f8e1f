"""What is executed in a running container beside its program: `exec`, as its monitor sees it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace

from ipycontainer.linux import pidfd
from ipycontainer.model.oci import ANNOTATION_USER, Spec
from ipycontainer.runtime.exec import enter
from ipycontainer.runtime.launch import Launched, Stdio
from ipycontainer.store.database import Store
from ipycontainer.supervise.clients import Clients
from ipycontainer.supervise.loop import READ, Loop
from ipycontainer.supervise.processes import open_null, reap
from ipycontainer.supervise.protocol import Channel, Message

__all__ = ["Executions"]


class Executions:
    """The programs that clients have executed, each until its end."""

    def __init__(self, loop: Loop, clients: Clients, store: Store) -> None:
        self._loop = loop
        self._clients = clients
        self._store = store
        self._running: dict[int, tuple[int, Channel]] = {}  # pidfd -> (pid, who asked)

    def begin(
        self,
        container: Launched,
        spec: Spec,
        seccomp: bytes | None,
        channel: Channel,
        message: Message,
    ) -> None:
        """Execute what `message` says, and tell the client now and at its end."""
        body = message.body
        null = open_null()
        given = dict(zip(body.get("streams", ()), message.fds, strict=True))
        stdio = Stdio(*(given.get(name, null) for name in ("stdin", "stdout", "stderr")))
        process = replace(
            spec.process,
            args=tuple(body["args"]),
            env=tuple(body["env"]),
            cwd=str(body["cwd"]),
        )
        self._store.close()  # a fork must not inherit a connection
        try:
            entered = enter(
                container.pid,
                container.start_ticks,
                spec,
                process,
                stdio,
                user=str(body.get("user") or spec.annotations.get(ANNOTATION_USER, "")),
                seccomp=seccomp,
                cgroup=container.cgroup,
            )
        finally:
            os.close(null)
        message.close_fds()
        self._running[entered.pidfd] = (entered.pid, channel)
        self._loop.watch(entered.pidfd, READ, lambda: self._ended(entered.pidfd))
        self._clients.tell(channel, {"event": "started", "pid": entered.pid})

    def signal(self, channel: Channel, message: Message) -> None:
        """Signal what this client had executed; one that has ended is fine."""
        number = int(message.body["signal"])
        for fd, (_, asked) in self._running.items():
            if asked is channel:
                with suppress(ProcessLookupError):
                    pidfd.send_signal(fd, number)

    def end_all(self) -> None:
        """Tell of the end of each: they died with the container's pid namespace."""
        for fd in list(self._running):
            self._ended(fd)

    def _ended(self, fd: int) -> None:
        pid, channel = self._running.pop(fd)
        self._loop.forget(fd)
        os.close(fd)
        self._clients.tell(channel, {"event": "exited", "code": reap(pid)})
