"""A joiner that waits: the next `exec` finds it ready, instead of having its monitor forked.

Who has executed something in a container will again. So a monitor that has time forks one, which
goes through the motions, so that its pages are its own, and waits outside of the container, where
nobody in there sees it. A request makes it enter and spawn the program (runtime.exec_spawn); then
it ends, and the program is the monitor's child, which is a subreaper.
"""

from __future__ import annotations

import os
import select
import socket
from array import array
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NoReturn

from ipycontainer import faults
from ipycontainer.errors import EngineError, StepFailed, from_wire
from ipycontainer.linux import capabilities, namespaces, pages, pidfd, syscalls
from ipycontainer.model.oci import ANNOTATION_USER, Process, Spec
from ipycontainer.runtime import defaults, plan, session_steps
from ipycontainer.runtime.dialogue import reap
from ipycontainer.runtime.exec_spawn import can_spawn, plan_spawn, spawn
from ipycontainer.runtime.launch import Launched
from ipycontainer.runtime.plan import Manner
from ipycontainer.runtime.steps import Context, Stdio
from ipycontainer.store.database import Store
from ipycontainer.supervise.container_record import Record
from ipycontainer.supervise.loop import Loop
from ipycontainer.supervise.protocol import Channel

__all__ = ["Ahead", "Joiner", "process_of", "user_of"]

MOMENT_SECONDS = 0.002  # the client hears of the end of what it had executed first
LATER_SECONDS = 0.1  # while what was executed goes on
PATIENCE_SECONDS = 60.0  # nobody executed anything for so long: it is not expected any more


def process_of(spec: Spec, body: Mapping[str, Any]) -> Process:
    """Return the process that a request asks for: what it does not name is the container's."""
    process = replace(
        spec.process,
        args=tuple(body["args"]),
        env=tuple(body["env"]),
        cwd=str(body["cwd"]),
        terminal=bool(body.get("tty")),
        console_size=(int(body.get("rows", 0)), int(body.get("columns", 0))),
    )
    if body.get("privileged"):
        everything = capabilities.names_of(capabilities.own_bounding())
        process = replace(process, capabilities=defaults.capabilities(everything))
    return process


def user_of(spec: Spec, body: Mapping[str, Any]) -> str:
    """Return as whom a request wants its program: the container's user unless it names one."""
    return str(body.get("user") or "") or spec.annotations.get(ANNOTATION_USER, "")


class Joiner:
    """A process that can enter one container, once. Raises OSError where it cannot be made."""

    def __init__(self, container: Launched, spec: Spec, seccomp: bytes | None) -> None:
        self._container = container
        target = pidfd.open_verified(container.pid, container.start_ticks)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel = Channel(ours)
        mask = syscalls.sigmask_block_all()
        try:
            self._pid = namespaces.clone(0)
            if self._pid == 0:
                _live(Channel(theirs), target, container, spec, seccomp)
        finally:
            syscalls.sigmask_restore(mask)
            theirs.close()
            os.close(target)

    def fits(self, container: Launched, body: Mapping[str, Any]) -> bool:
        """Tell whether it lives and can do a request; changed limits may mean another cgroup."""
        poll = select.poll()
        poll.register(self._channel.fileno(), 0)  # POLLHUP comes unasked
        return container is self._container and not body.get("tty") and not poll.poll(0)

    def execute(self, body: Mapping[str, Any], stdio: Stdio) -> Launched:
        """Have it execute what a request asks for; `end` is to follow.

        Raises what its steps do, StepFailed when it was killed.
        """
        try:
            self._channel.send(body, (stdio.stdin, stdio.stdout, stdio.stderr))
            message = self._channel.receive()
        except OSError as error:
            raise StepFailed(f"join the container: {error}", step="join") from error
        if message is None:
            raise StepFailed("join the container: the joiner was killed", step="join")
        if message.name == "failed":
            raise from_wire(dict(message.body["error"]))
        pid = int(message.body["pid"])
        return Launched(pid, 0, os.pidfd_open(pid), self._container.cgroup)

    def end(self) -> None:
        """End it, or see it end: what it has spawned is our child from then on."""
        self._channel.close()
        reap(self._pid)


class Ahead:
    """The joiner of one container, where one is expected to be needed."""

    def __init__(self, loop: Loop, store: Store, record: Record) -> None:
        self._loop = loop
        self._store = store
        self._record = record
        self._joiner: Joiner | None = None
        self._make: Callable[[], Joiner] | None = None
        self._pages = array("Q")

    def take(
        self, container: Launched, spec: Spec, seccomp: bytes | None, body: Mapping[str, Any]
    ) -> Joiner | None:
        """Return the joiner that waits for this request, None where there is none.

        And expect another request: after something was executed something else will be.
        """
        self._make = (lambda: Joiner(container, spec, seccomp)) if can_spawn(spec) else None
        self._loop.at("joiner", LATER_SECONDS, self._make_ready)
        joiner = self._joiner
        if joiner is None or not joiner.fits(container, body):
            return None
        self._joiner = None
        return joiner

    def see_off(self, joiner: Joiner | None) -> None:
        """See a joiner end that was taken, if one was."""
        if joiner is not None:
            joiner.end()

    def make_ready(self) -> None:
        """Make one as soon as nobody waits any more."""
        self._loop.at("joiner", MOMENT_SECONDS, self._make_ready)

    def end(self) -> None:
        """Expect nothing any more."""
        self._make = None
        self._let_go()

    def _let_go(self) -> None:
        self._loop.cancel("joiner")
        joiner, self._joiner = self._joiner, None
        self.see_off(joiner)

    def _make_ready(self) -> None:
        self._let_go()
        if self._make is None:
            return
        self._store.close()  # a fork must not inherit a connection
        with suppress(OSError):
            if not self._pages:
                self._pages = pages.owned()
            self._joiner = self._make()
            pages.own(self._pages)  # all are shared with it now, until we write to them
            self._record.rehearse_execution()
            self._loop.at("joiner", PATIENCE_SECONDS, self._let_go)


def _live(
    channel: Channel, target: int, container: Launched, spec: Spec, seccomp: bytes | None
) -> NoReturn:
    try:
        # what is the monitor's, the container's lock among it, shall not outlive it
        syscalls.close_all_but(channel.fileno(), target)
        context = Context(-1, Stdio(0, 1, 2), seccomp)
        session_steps.DieWithParent().execute(context)
        os.umask(0)
        syscalls.set_name("ipyc-joiner")
        with faults.rehearsal(), suppress(EngineError):
            plan_spawn(spec, spec.process, "")
        for step in plan.oom_score(spec, Manner()):
            step.execute(context)
        message = channel.receive()
        if message is not None:
            context.stdio = Stdio(*message.fds)
            channel.send(_answer((target, container.pid), container, spec, message.body, context))
    finally:
        os._exit(0)


def _answer(
    target: tuple[int, int],
    container: Launched,
    spec: Spec,
    body: Mapping[str, Any],
    context: Context,
) -> Mapping[str, Any]:
    try:
        process, user = process_of(spec, body), user_of(spec, body)
        pid = spawn(target, spec, process, context, user=user, cgroup=container.cgroup)
    except EngineError as error:
        return {"event": "failed", "error": error.to_wire()}
    except Exception as error:  # noqa: BLE001 - the monitor must get an answer
        told = StepFailed(f"{type(error).__name__}: {error}", step="execute")
        return {"event": "failed", "error": told.to_wire()}
    return {"event": "spawned", "pid": pid}
