"""The verbs that start programs: run, create, start, exec."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from ipycontainer.commands import lookup, single_choices
from ipycontainer.commands.cell_body import script_of, with_script
from ipycontainer.commands.creation import configuration, creation_options
from ipycontainer.commands.environment_files import resolve
from ipycontainer.commands.id_file import id_file
from ipycontainer.commands.limit_options import client_warnings
from ipycontainer.commands.records import Done, Explained, Outcome, Running, Started
from ipycontainer.commands.registries import check_policy, fetch
from ipycontainer.commands.terminals import (
    detach_keys_option,
    open_window,
    refuse_other_input,
    sig_proxy_option,
)
from ipycontainer.commands.time_limit import limited, timeout_option
from ipycontainer.commands.types import Assignment, List
from ipycontainer.commands.verb import Session, verb
from ipycontainer.errors import (
    Conflict,
    EngineError,
    ImageNotFound,
    InvalidArgument,
    NotFound,
    UsageError,
)
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.window import parse_keys

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import Stdin

__all__ = ["create", "exec_", "explain", "run", "start"]

_NO_LIMIT = "Conflicting options: --timeout and -d"
_BODY_NEEDS_READER = "the body of a cell is the input of a program in the foreground: leave out -d"


@verb(
    "run",
    "Create and run a new container from an image",
    "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    least=1,
    interspersed=False,
)
@click.option("-d", "--detach", is_flag=True, help="Run in background and print container ID")
@timeout_option
@click.option("--explain", is_flag=True, help="Show the steps of the start, and do none of them")
@detach_keys_option
@sig_proxy_option
@creation_options
def run(
    session: Session,
    detach: bool,
    timeout: float | None,
    explain: bool,
    detach_keys: str,
    sig_proxy: bool,
    name: str,
    pull: str,
    platform: str,
    quiet: bool,
    **options: Any,
) -> Outcome:
    """Return the foreground, or with -d the container.

    An error of the start comes in the outcome, not raised: docker words it in another way than one
    of the creation, and the container stays (without --rm).
    """
    if detach and timeout is not None:
        raise UsageError(_NO_LIMIT, exit_code=1)
    if detach and options["streams"]:
        raise UsageError("Conflicting options: -a and -d", exit_code=1)
    config = configuration(session, detach=detach, **options)
    check_policy(pull)
    if explain:
        return _explained(session, config, name, options["interactive"])
    single_choices.check_platform(platform)
    config = replace(config, platform=platform)
    told = fetch(session, config, pull, platform, quiet)
    config, stdin = _with_body(session, config, options["interactive"])
    if detach and isinstance(session.stdin, bytes) and not config.files:
        raise UsageError(_BODY_NEEDS_READER, exit_code=1)
    refuse_other_input(session, tty=config.tty, reads=config.attach_stdin)
    reads = config.attach_stdin and config.open_stdin
    tty = config.tty and not detach
    keys = "" if detach else detach_keys  # which docker looks at where it attaches
    keyboard = open_window(session, stdin, tty=tty, reads=reads, keys=keys)
    with session.engine.reserved(config):
        try:
            with id_file(config.id_file, session.cwd) as file:
                container = session.engine.containers.create_from(config, name)
                file.write(container.id)
        except BaseException:
            keyboard.close()
            raise
        early = () if told else client_warnings(config)
        try:
            if detach:
                container.start()
                warnings = (*early, *container.warnings)
                return Started(container=container, running=True, warnings=warnings)
            foreground = container.start_attached(
                keyboard.stdin if config.attach_stdin else None,
                stdout=config.attach_stdout,
                stderr=config.attach_stderr,
                window=keyboard.window,
            )
            return Running(
                foreground=limited(foreground, timeout, container.name),
                container=container,
                verb="run",
                warnings=(*early, *container.warnings),
                tty=tty,
                reads=reads,
                keyboard=keyboard.pipe,
                sig_proxy=sig_proxy,
                input_only=not config.attach_stdout and not config.attach_stderr,
            )
        except EngineError as error:
            keyboard.close()
            warnings = (*early, *container.warnings)
            if config.auto_remove:
                with suppress(NotFound):  # its monitor may have been faster
                    container.remove(force=True)
            if detach:
                return Started(
                    container=container, running=False, errors=(error,), warnings=warnings
                )
            return Done(errors=(error,), warnings=warnings)


def _explained(session: Session, config: ContainerConfig, name: str, interactive: bool) -> Outcome:
    """Return the steps of a start; an image that is not there is not fetched for that."""
    try:
        config, _ = _with_body(session, config, interactive)
        return Explained(steps=tuple(session.engine.containers.explain(config, name)))
    except ImageNotFound as error:
        hint = f"--explain fetches nothing: ipycontainer pull {config.image}"
        raise ImageNotFound(error.message, hint=hint) from None


@verb("explain", "Show the steps of a container's last start", "CONTAINER", least=1, most=1)
@click.argument("container")
def explain(session: Session, container: str) -> Outcome:
    """Return what was done, by whom, why, and what it took."""
    return Explained(steps=tuple(session.engine.containers.get(container).explain()))


@verb(
    "create",
    "Create a new container",
    "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    least=1,
    interspersed=False,
)
@creation_options
def create(
    session: Session, name: str, pull: str, platform: str, quiet: bool, **options: Any
) -> Outcome:
    """Return the container, not started."""
    config = configuration(session, **options)
    check_policy(pull)
    single_choices.check_platform(platform, exit_code=1)
    config = replace(config, platform=platform)
    told = fetch(session, config, pull, platform, quiet)
    config, _ = _with_body(session, config, options["interactive"])
    if isinstance(session.stdin, bytes) and not config.files:
        raise UsageError(
            "create starts no program that could read the body of the cell", exit_code=1
        )
    with id_file(config.id_file, session.cwd, exit_code=1) as file:
        container = session.engine.containers.create_from(config, name)
        file.write(container.id)
    early = () if told else client_warnings(config)
    warnings = (*early, *container.warnings)
    return Started(container=container, running=False, warnings=warnings)


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
@detach_keys_option
@click.option("-i", "--interactive", is_flag=True, help="Attach container's STDIN")
@click.argument("containers", nargs=-1)
def start(
    session: Session,
    attach: bool,
    detach_keys: str,
    interactive: bool,
    containers: tuple[str, ...],
) -> Outcome:
    """Return the names as typed, or with -a or -i the foreground of the one container."""
    interactive = interactive or isinstance(session.stdin, bytes)
    if attach or interactive:
        if len(containers) > 1:
            raise UsageError("you cannot start and attach multiple containers at once", exit_code=1)
        container = lookup.inspected(session, containers[0])
        if container.status == "paused":
            # docker's client attaches first, which its daemon refuses with this number alone
            hint = f"ipycontainer unpause {containers[0]}"
            raise UsageError("unable to upgrade to tcp, received 409", exit_code=1, hint=hint)
        config = container.record.config
        reads = interactive and config.open_stdin
        stdin = _input(session, config) if interactive else None
        keyboard = open_window(session, stdin, tty=config.tty, reads=reads, keys=detach_keys)
        try:
            foreground = container.start_attached(keyboard.stdin, window=keyboard.window)
        except BaseException:
            keyboard.close()
            raise
        return Running(
            foreground=foreground,
            container=container,
            verb="start",
            warnings=tuple(container.warnings),
            tty=config.tty,
            reads=reads,
            keyboard=keyboard.pipe,
            sig_proxy=not config.tty,
        )
    done: list[str] = []
    errors: list[EngineError] = []
    missed: list[str] = []
    warnings_: list[str] = []
    for name in containers:
        try:
            container = lookup.container(session, name)
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
@timeout_option
@click.option("-d", "--detach", is_flag=True, help="Run command in the background")
@detach_keys_option
@click.option("-e", "--env", type=Assignment(), multiple=True, help="Set an environment variable")
@click.option("--env-file", type=List(), multiple=True, help="Read variables from a file")
@click.option("-i", "--interactive", is_flag=True, help="Keep STDIN open even if not attached")
@click.option("-t", "--tty", is_flag=True, help="Allocate a pseudo-TTY")
@click.option("--privileged", is_flag=True, help="Give extended privileges to the command")
@click.option("-u", "--user", default="", help="Username or UID: <name|uid>[:<group|gid>]")
@click.option("-w", "--workdir", default="", help="Working directory inside the container")
@click.argument("container")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def exec_(
    session: Session,
    detach: bool,
    timeout: float | None,
    detach_keys: str,
    env: tuple[str, ...],
    env_file: tuple[str, ...],
    interactive: bool,
    privileged: bool,
    tty: bool,
    user: str,
    workdir: str,
    container: str,
    command: tuple[str, ...],
) -> Outcome:
    """Return the foreground; with -d nothing, and the program's output is lost."""
    has_body = isinstance(session.stdin, bytes)
    if detach and timeout is not None:
        raise UsageError(_NO_LIMIT, exit_code=1)
    if detach and has_body:
        raise UsageError(_BODY_NEEDS_READER, exit_code=1)
    environment = _exec_environment(session, env_file, env)
    target = lookup.inspected(session, container)
    stdin = session.stdin if interactive or has_body else None
    if isinstance(session.stdin, bytes):
        image = session.engine.images.get(target.record.image_id).record.config
        script = script_of(session.stdin, command, image)
        if script is not None:
            command, stdin = script.in_running
    if not detach:
        refuse_other_input(session, tty=tty, reads=interactive)
    _check_exec_keys(detach_keys)
    reads = interactive and not detach
    keyboard = open_window(session, stdin, tty=tty, reads=reads, keys=detach_keys)
    try:
        foreground = target.exec(
            command,
            environment=environment,
            user=user,
            workdir=workdir,
            stdin=None if detach else keyboard.stdin,
            detach=detach,
            tty=tty,
            window=keyboard.window,
            privileged=privileged,
        )
    except BaseException:
        keyboard.close()
        raise
    if detach:
        foreground.detach()
        return Done()
    return Running(
        foreground=limited(foreground, timeout, command[0]),
        container=target,
        verb="exec",
        tty=tty,
        reads=reads,
        keyboard=keyboard.pipe,
        sig_proxy=False,
    )


def _exec_environment(
    session: Session, files: Sequence[str], words: Sequence[str]
) -> tuple[str, ...]:
    """Return the variables of an exec, which docker's client reads before it asks for anything."""
    try:
        return resolve(files, words, session.environment, session.cwd)
    except UsageError as error:  # of which `run` makes a line about its usage, with 125
        raise UsageError(error.message, hint=error.hint, exit_code=1) from None


def _check_exec_keys(text: str) -> None:
    """Raise docker's refusal of the keys, which differs here from that of all other verbs."""
    if text:
        try:
            parse_keys(text)
        except InvalidArgument as error:
            message = f"Invalid escape keys ({text}) provided"
            raise Conflict(message, hint=error.hint) from None
