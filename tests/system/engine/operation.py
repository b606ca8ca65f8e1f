"""What an operation under a fault consists of, and how its container comes to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine

__all__ = ["WAITER", "Operation", "get", "make", "nothing", "running", "stopped"]

# Ends at once when it is asked to, with its own code; process 1 ignores what it does not handle.
WAITER = ["sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.02; done"]


@dataclass(frozen=True, slots=True)
class Operation:
    """What it needs, itself, and a second try after a fault, which says whether all is well."""

    prepare: Callable[[Engine, Path], object]
    act: Callable[[Engine, Path], object]
    again: Callable[[Engine, Path], object]


def nothing(_: Engine, __: Path) -> None:
    """Have no more than the small image."""


def get(engine: Engine) -> Container:
    """Return the container that the operation is about."""
    return engine.containers.get("cut")


def make(engine: Engine, command: list[str]) -> Container:
    """Create that container."""
    return engine.containers.create("busybox", command, name="cut", network="none")


def running(engine: Engine, _: Path) -> None:
    """Have a container run that has set its handler, and nobody's watch on it."""
    container = make(engine, WAITER)
    container.start()
    for _line in container.log_entries(follow=True):
        break


def stopped(engine: Engine, _: Path) -> None:
    """Have a container that has changed its files, and has ended."""
    container = make(engine, ["sh", "-c", "mkdir -p /new/directory; echo > /etc/passwd"])
    container.start()
    container.wait()
