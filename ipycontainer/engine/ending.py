"""Wait for a container's end: `wait`, and what must be over before the next start."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

from ipycontainer.errors import BeingStarted, ContainerNotRunning, NoSuchContainer
from ipycontainer.model.state import Status

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container

__all__ = ["code_after_loss", "wait", "when_free"]

NO_START = "cannot start a paused container, try unpause instead"
OTHERS_SECONDS = 30  # for somebody else's start or removal, which takes milliseconds
LOOK_AGAIN_SECONDS = 0.05

T = TypeVar("T")


def when_free(container: Container, begin: Callable[[], T]) -> T:
    """Do what starts a container, after somebody else who is at it: docker's starts queue, too."""
    deadline = time.monotonic() + OTHERS_SECONDS
    while True:
        container.reload()
        container.refuse_while_paused(NO_START)
        try:
            return begin()
        except BeingStarted:
            if time.monotonic() > deadline:
                raise
        with container.engine.bell() as bell:
            container.reload()
            if not container.record.state.status.alive:
                bell.wait(LOOK_AGAIN_SECONDS)


def wait(container: Container, timeout: float | None) -> dict[str, Any]:
    """Return `{"StatusCode": n}` when a container has ended; at once when it does not run.

    So docker waits: of a container whose policy begins it again for the end of this run alone, and
    one that never ran has its code already, which is that of a start that failed. Raises
    OperationTimeout after `timeout` seconds.
    """
    try:
        container.reload()
        if container.record.state.status is not Status.CREATED:
            code = _until_exit(container, timeout)
            if code is not None:
                return {"StatusCode": code, "Error": None}
    except ContainerNotRunning:
        pass
    container.reload()
    return {"StatusCode": container.record.state.exit_code, "Error": None}


def _until_exit(container: Container, timeout: float | None) -> int | None:
    with closing(container.engine.supervisor.monitor(container.id)) as channel:
        return container.engine.until_exit(channel, timeout)


def code_after_loss(container: Container) -> int:
    """Return the exit code after the monitor's death, which says nothing any more."""
    try:
        container.reload()
    except NoSuchContainer:
        return 255
    return container.record.state.exit_code
