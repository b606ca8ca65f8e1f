"""The verbs that end, rename and remove containers: stop, kill, restart, wait, rm, rename.

Those with several names go on past the ones that fail, as docker does.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ipycontainer.commands import lookup
from ipycontainer.commands.records import Done, Outcome, Waiting
from ipycontainer.commands.time_limit import Seconds
from ipycontainer.commands.types import Integer
from ipycontainer.commands.verb import Session, verb
from ipycontainer.errors import (
    Conflict,
    EngineError,
    NoSuchContainer,
    NotFound,
    UsageError,
)
from ipycontainer.model.signals import parse_signal

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import Engine

__all__ = ["kill", "rename", "restart", "rm", "stop", "wait"]

_SEVERAL = "[OPTIONS] CONTAINER [CONTAINER...]"


def for_each(names: Sequence[str], act: Callable[[str], object]) -> Done:
    """Return which names were done, as typed, and the errors of the others."""
    done: list[str] = []
    errors: list[EngineError] = []
    for name in names:
        try:
            act(name)
            done.append(name)
        except EngineError as error:
            errors.append(error)
    return Done(names=tuple(done), errors=tuple(errors))


@contextmanager
def _said_of(what: str) -> Iterator[None]:
    """Put before a reason what cannot be done for it, as docker's daemon does."""
    try:
        yield
    except EngineError as error:
        kind = type(error)
        raise kind(f"{what}: {error.message}", hint=error.hint) from None


@verb("stop", "Stop one or more running containers", _SEVERAL, least=1)
@click.option(
    "-t", "--time", "grace", type=Integer(), help="Seconds to wait before killing the container"
)
@click.option("-s", "--signal", "signal", default="", help="Signal to send to the container")
@click.argument("containers", nargs=-1)
def stop(session: Session, grace: int | None, signal: str, containers: tuple[str, ...]) -> Outcome:
    """Ask with the container's stop signal, kill when the grace is over; -1 waits for ever."""

    def end(name: str) -> None:
        container = lookup.container(session, name)
        with _said_of(f"cannot stop container: {lookup.routed(name)}"):
            container.stop(grace, signal or None)

    return for_each(containers, end)


@verb("restart", "Restart one or more containers", _SEVERAL, least=1)
@click.option(
    "-t", "--time", "grace", type=Integer(), help="Seconds to wait before killing the container"
)
@click.option("-s", "--signal", "signal", default="", help="Signal to send to the container")
@click.argument("containers", nargs=-1)
def restart(
    session: Session, grace: int | None, signal: str, containers: tuple[str, ...]
) -> Outcome:
    """Stop and start again; a stopped one is only started."""

    def again(name: str) -> None:
        container = lookup.container(session, name)
        with _said_of(f"Cannot restart container {lookup.routed(name)}"):
            container.restart(grace, signal or None)

    return for_each(containers, again)


@verb("kill", "Kill one or more running containers", _SEVERAL, least=1)
@click.option("-s", "--signal", "signal", default="", help="Signal to send to the container")
@click.argument("containers", nargs=-1)
def kill(session: Session, signal: str, containers: tuple[str, ...]) -> Outcome:
    """Send a signal, KILL by default. The signal is looked at before the names, as docker does."""
    engine = session.engine

    def send(name: str) -> None:
        ref = lookup.routed(name)
        try:
            number = parse_signal(signal or "KILL")
            engine.containers.get(ref).kill(number)
        except EngineError as error:
            # Docker's daemon says this with the name that it got, whatever the reason.
            reason = re.sub(r"^cannot kill container: [^:]*: ", "", error.message, flags=re.I)
            kind = type(error)
            raise kind(f"cannot kill container: {ref}: {reason}", hint=error.hint) from None

    return for_each(containers, send)


@verb(
    "wait",
    "Block until one or more containers stop, then print their exit codes",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    least=1,
    dockers_synopsis="CONTAINER [CONTAINER...]",
)
@click.option("--timeout", type=Seconds(), help="Give up after that time, exit with 124")
@click.argument("containers", nargs=-1)
def wait(session: Session, timeout: float | None, containers: tuple[str, ...]) -> Outcome:
    """Return the exit codes in the order of the names; the time is that of all together."""
    deadline = None if timeout is None else time.monotonic() + timeout

    def results() -> Iterator[int | EngineError]:
        for name in containers:
            try:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                yield int(lookup.container(session, name).wait(left)["StatusCode"])
            except EngineError as error:
                yield error

    return Waiting(results=results())


@verb("rm", "Remove one or more containers", _SEVERAL, least=1)
@click.option(
    "-f", "--force", is_flag=True, help="Force the removal of a running container (uses SIGKILL)"
)
@click.option("-l", "--link", is_flag=True, help="Remove the specified link")
@click.option(
    "-v", "--volumes", is_flag=True, help="Remove anonymous volumes associated with the container"
)
@click.argument("containers", nargs=-1)
def rm(
    session: Session, force: bool, link: bool, volumes: bool, containers: tuple[str, ...]
) -> Outcome:
    """Remove containers; with -f what is not there is named, yet forgiven (docker 26.1.5)."""
    engine = session.engine
    gone: list[tuple[str, str]] = []

    def remove(name: str) -> None:
        ref = name.strip("/")
        if not ref:
            raise UsageError("Container name cannot be empty", exit_code=1)
        if link:
            _unlink(engine, ref)
        else:
            try:
                container = engine.containers.get(ref)
            except NoSuchContainer:
                if any(ref == name or id_.startswith(ref) for id_, name in gone):
                    # docker removes all at once, and meets its own removal here
                    message = f"removal of container {ref} is already in progress"
                    raise Conflict(message) from None
                raise
            container.remove(force=force, v=volumes)
            gone.append((container.id, container.name))

    done = for_each(containers, remove)
    forgiven = force and all(isinstance(error, NoSuchContainer) for error in done.errors)
    return Done(names=done.names, errors=done.errors, forgiven=forgiven)


def _unlink(engine: Engine, ref: str) -> None:
    """Remove a link, `CONTAINER/ALIAS`; the name of a container itself is none."""
    name, slash, alias = ref.rpartition("/")
    if not slash:
        engine.containers.get(ref)
        raise Conflict("Conflict, cannot remove the default link name of the container")
    try:
        engine.containers.get(name).unlink(alias)
    except NotFound:
        raise NoSuchContainer(f"No such container: {ref}") from None


@verb("rename", "Rename a container", "CONTAINER NEW_NAME", least=2, most=2)
@click.argument("container")
@click.argument("new_name")
def rename(session: Session, container: str, new_name: str) -> Outcome:
    """Give a container another name; docker prints nothing."""
    old = container.strip("/")
    if not old or not new_name.strip("/"):
        raise UsageError("Error: Neither old nor new names may be empty", exit_code=1)
    try:
        session.engine.containers.get(old).rename(new_name)
    except EngineError as error:
        failure = f"Error: failed to rename container named {container.strip()}"
        return Done(errors=(_renaming(error, new_name),), failure=failure)
    return Done()


def _renaming(error: EngineError, new_name: str) -> EngineError:
    """Return an error about the new name in the words that docker has for it here."""
    message = error.message
    if message.startswith(("Conflict. ", "Invalid container name ")):
        rooted = f"(/{new_name.removeprefix('/')})"
        message = message.replace(f"({new_name})", rooted, 1)
        return type(error)(f"Error when allocating new name: {message}", hint=error.hint)
    return error
