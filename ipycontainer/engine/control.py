"""Pausing and limiting a container that there is: what is wanted, told to its monitor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ipycontainer.engine import limits
from ipycontainer.errors import (
    Conflict,
    ContainerNotRunning,
    EngineError,
    InvalidArgument,
    ResourceError,
)
from ipycontainer.model.limits import Limits
from ipycontainer.model.resources import Resources
from ipycontainer.model.state import Status
from ipycontainer.store import containers as store_containers
from ipycontainer.supervise.conversation import ask
from ipycontainer.supervise.protocol import Channel

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container

__all__ = ["held", "pause", "unpause", "update"]


def pause(container: Container) -> None:
    """Stop all processes of a container where they stand."""
    container.reload()
    _ask_monitor(container, {"op": "pause"})


@contextmanager
def held(container: Container) -> Iterator[None]:
    """Hold a running container still, and let it go on; one that does not run is still already.

    It goes on as well where this process is killed: its monitor sees the connection end. Where
    nothing can hold it (an ordinary user without a cgroup), it goes on.
    """
    if container.record.state.status is not Status.RUNNING:
        yield
        return
    with ExitStack() as stack:
        with suppress(EngineError):
            channel = stack.enter_context(
                closing(container.engine.supervisor.monitor(container.id))
            )
            ask(channel, {"op": "pause", "hold": True})
            stack.callback(_let_go, channel)
        yield


def _let_go(channel: Channel) -> None:
    with suppress(EngineError):  # it was unpaused, or ended, meanwhile
        ask(channel, {"op": "unpause"})


def unpause(container: Container) -> None:
    """Let the processes of a container go on."""
    container.reload()
    if container.record.state.status is not Status.PAUSED:
        raise Conflict(f"Container {container.id} is not paused")
    _ask_monitor(container, {"op": "unpause"})


def update(container: Container, wanted: Limits, policy: tuple[str, int] | None = None) -> None:
    """Change limits and restart policy of a container, of a running one at once; both are checked.

    What the kernel refuses is not kept. Raises Conflict and ResourceError in docker's words.
    """
    container.reload()
    status, config = container.record.state.status, container.record.config
    failed = f"Cannot update container {container.id}"
    if status in (Status.REMOVING, Status.DEAD):
        raise Conflict(f'{failed}: container is marked for removal and cannot be "update"')
    try:
        if policy is not None and policy[0] != "no" and config.auto_remove:
            raise Conflict(
                "Restart policy cannot be updated because AutoRemove is enabled for the container"
            )
        kept = replace(config, limits=limits.merged(config.limits, wanted))
        change = limits.change(config.limits, wanted) if status.alive else None
        if change is not None:
            _change(container, change)
        if policy is not None:
            kept = replace(kept, restart=policy[0], restart_limit=policy[1])
            if status.alive:
                _ask_monitor(container, {"op": "policy", "name": policy[0], "limit": policy[1]})
    except (Conflict, ResourceError) as error:
        kind = type(error)
        raise kind(f"{failed}: {error.message}") from None
    except InvalidArgument as error:
        raise InvalidArgument(f"{failed}: {_by_runtime(error)}") from None
    with container.engine.store.write() as tx:
        store_containers.configure(tx, container.id, kept)
    container.reload()


def _change(container: Container, change: Resources) -> None:
    """Change a running container's limits. Raises ResourceError for what the kernel refuses."""
    try:
        _ask_monitor(container, {"op": "limit", "resources": change.to_json()})
    except ResourceError as error:
        raise ResourceError(_by_runtime(error)) from None


def _by_runtime(error: EngineError) -> str:
    """Return what its runtime refuses in an update, as docker tells it."""
    return f"runc did not terminate successfully: exit status 1: {error.message}\n: unknown"


def _ask_monitor(container: Container, request: Mapping[str, Any]) -> None:
    try:
        with closing(container.engine.supervisor.monitor(container.id)) as channel:
            ask(channel, request)
    except ContainerNotRunning:
        raise ContainerNotRunning(f"container {container.id} is not running") from None
