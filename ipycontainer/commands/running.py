"""The verbs that start programs: run, create, start, exec."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from ipycontainer.commands.cell import script_of, with_script
from ipycontainer.commands.creation import configuration, creation_options
from ipycontainer.commands.environment_files import resolve
from ipycontainer.commands.records import Done, Outcome, Running, Started
from ipycontainer.commands.types import Assignment
from ipycontainer.commands.verb import Session, verb
from ipycontainer.errors import EngineError, NotFound, UsageError
from ipycontainer.model.config import ContainerConfig

if TYPE_CHECKING:
    from ipycontainer.commands.border import Stdin

__all__ = ["create", "exec_", "run", "start"]

_BODY_NEEDS_READER = "the body of a cell is the input of a program in the foreground: leave out -d"


@verb(
    "run",
    "Create and run a new container from an image",
    "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    least=1,
    interspersed=False,
)
@click.option("-d", "--detach", is_flag=True, help="Run in background and print container ID")
@creation_options
def run(session: Session, detach: bool, name: str, **options: Any) -> Outcome:
    """Return the foreground, or with -d the container.

    An error of the start comes in the outcome, not raised: docker words it in another way than one
    of the creation, and the container stays (without --rm).
    """
    config = configuration(session, detach=detach, **options)
    config, stdin = _with_body(session, config, options["interactive"])
    if detach and isinstance(session.stdin, bytes) and not config.files:
        raise UsageError(_BODY_NEEDS_READER, exit_code=1)
    container = session.engine.containers.create_from(config, name)
    try:
        if detach:
            container.start()
            return Started(container=container, running=True, warnings=tuple(container.warnings))
        foreground = container.start_attached(stdin)
        warnings = tuple(container.warnings)
        return Running(foreground=foreground, container=container, verb="run", warnings=warnings)
    except EngineError as error:
        warnings = tuple(container.warnings)
        if config.auto_remove:
            with suppress(NotFound):  # its monitor may have been faster
                container.remove(force=True)
        if detach:
            return Started(container=container, running=False, errors=(error,), warnings=warnings)
        return Done(errors=(error,), warnings=warnings)


@verb(
    "create",
    "Create a new container",
    "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    least=1,
    interspersed=False,
)
@creation_options
def create(session: Session, name: str, **options: Any) -> Outcome:
    """Return the container, not started."""
    config = configuration(session, **options)
    config, _ = _with_body(session, config, options["interactive"])
    if isinstance(session.stdin, bytes) and not config.files:
        raise UsageError(
            "create starts no program that could read the body of the cell", exit_code=1
        )
    container = session.engine.containers.create_from(config, name)
    return Started(container=container, running=False, warnings=tuple(container.warnings))


def _with_body(
    session: Session, config: ContainerConfig, interactive: bool
) -> tuple[ContainerConfig, Stdin]:
    """Return the configuration and the program's input; a cell's body may be its script instead."""
    body = session.stdin
    if not isinstance(body, bytes) or config.entrypoint:
        return config, _input(session, config)
    image = session.engine.images.get(config.image).record.config
    script = script_of(body, config.command, image)
    if script is None:
        return config, body
    kept = replace(config, open_stdin=interactive, attach_stdin=interactive)
    return with_script(kept, script), b"" if interactive else None


def _input(session: Session, config: ContainerConfig) -> Stdin:
    """Return the program's input; a line of a notebook has none to give, so it ends at once."""
    if not config.open_stdin:
        return None
    return b"" if session.stdin is None else session.stdin


@verb(
    "start",
    "Start one or more stopped containers",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    least=1,
)
@click.option("-a", "--attach", is_flag=True, help="Attach STDOUT/STDERR and forward signals")
@click.option("-i", "--interactive", is_flag=True, help="Attach container's STDIN")
@click.argument("containers", nargs=-1)
def start(
    session: Session, attach: bool, interactive: bool, containers: tuple[str, ...]
) -> Outcome:
    """Return the names as typed, or with -a or -i the foreground of the one container."""
    interactive = interactive or isinstance(session.stdin, bytes)
    if attach or interactive:
        if len(containers) > 1:
            raise UsageError("you cannot start and attach multiple containers at once", exit_code=1)
        container = session.engine.containers.get(containers[0])
        stdin = _input(session, container.record.config) if interactive else None
        foreground = container.start_attached(stdin, stdout=attach, stderr=attach)
        warnings = tuple(container.warnings)
        return Running(foreground=foreground, container=container, verb="start", warnings=warnings)
    done: list[str] = []
    errors: list[EngineError] = []
    missed: list[str] = []
    warnings_: list[str] = []
    for name in containers:
        try:
            container = session.engine.containers.get(name)
            container.start()
            warnings_ += container.warnings
            done.append(name)
        except EngineError as error:
            errors.append(error)
            missed.append(name)
    failure = f"Error: failed to start containers: {', '.join(missed)}" if missed else ""
    return Done(names=tuple(done), errors=tuple(errors), failure=failure, warnings=tuple(warnings_))


@verb(
    "exec",
    "Execute a command in a running container",
    "[OPTIONS] CONTAINER COMMAND [ARG...]",
    least=2,
    interspersed=False,
)
@click.option("-d", "--detach", is_flag=True, help="Run command in the background")
@click.option("-e", "--env", type=Assignment(), multiple=True, help="Set an environment variable")
@click.option("-i", "--interactive", is_flag=True, help="Keep STDIN open even if not attached")
@click.option("-u", "--user", default="", help="Username or UID: <name|uid>[:<group|gid>]")
@click.option("-w", "--workdir", default="", help="Working directory inside the container")
@click.argument("container")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def exec_(
    session: Session,
    detach: bool,
    env: tuple[str, ...],
    interactive: bool,
    user: str,
    workdir: str,
    container: str,
    command: tuple[str, ...],
) -> Outcome:
    """Return the foreground; with -d nothing, and the program's output is lost."""
    has_body = isinstance(session.stdin, bytes)
    if detach and has_body:
        raise UsageError(_BODY_NEEDS_READER, exit_code=1)
    target = session.engine.containers.get(container)
    stdin = session.stdin if interactive or has_body else None
    if isinstance(session.stdin, bytes):
        image = session.engine.images.get(target.record.image_id).record.config
        script = script_of(session.stdin, command, image)
        if script is not None:
            command, stdin = script.in_running
    foreground = target.exec(
        command,
        environment=resolve((), env, session.environment, session.cwd),
        user=user,
        workdir=workdir,
        stdin=None if detach else stdin,
        detach=detach,
    )
    if detach:
        foreground.detach()
        return Done()
    return Running(foreground=foreground, container=target, verb="exec")
