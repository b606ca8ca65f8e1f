"""The verbs that keep a container's files: export and commit."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import click

from ipycontainer.commands import lookup
from ipycontainer.commands.archives import TERMINAL_REFUSED
from ipycontainer.commands.records import Done, Lines, Outcome, Streamed
from ipycontainer.commands.types import List
from ipycontainer.commands.verb import Session, verb
from ipycontainer.errors import InvalidReference, OutputPathError, UsageError
from ipycontainer.model.reference import NO_DIGEST, parse

__all__ = ["commit", "export", "is_paused", "pausing"]

F = TypeVar("F", bound=Callable[..., object])


def pausing(what: str) -> Callable[[F], F]:
    """Give a verb both of docker's words for it: --no-pause since 29, --pause before."""

    def decorate(function: F) -> F:
        older = click.option(
            "-p",
            "--pause/--unpaused",
            default=None,
            help=f"Pause container during {what} (default true); docker's older word",
        )
        newer = click.option(
            "--no-pause",
            is_flag=True,
            help=f"Disable pausing container during {what}: it runs on, and what it writes "
            "meanwhile may be kept in part",
        )
        return newer(older(function))

    return decorate


def is_paused(pause: bool | None, no_pause: bool) -> bool:
    """Tell whether a container is to be held still; docker's error for both words at once."""
    if no_pause and pause is not None:
        raise UsageError(
            "conflicting options: --no-pause and --pause cannot be used together", exit_code=1
        )
    return not no_pause if pause is None else pause


@verb(
    "export",
    "Export a container's filesystem as a tar archive",
    "[OPTIONS] CONTAINER",
    least=1,
    most=1,
)
@click.option(
    "-o",
    "--output",
    "--outputs",
    "output",
    default="",
    help="Write to a file, instead of STDOUT",
)
@click.argument("container")
def export(session: Session, output: str, container: str) -> Outcome:
    """Write the archive to a file, or return it as a stream.

    Where to is looked at before the container, as docker's client does.
    """
    from ipycontainer.engine import output_file

    try:
        if output:
            output_file.check(str(session.cwd / output), output)
    except OutputPathError as error:
        message = f"failed to export container: {error.message}"
        raise UsageError(message, exit_code=1) from None
    if not output and session.stdout is not None and os.isatty(session.stdout):
        raise UsageError(TERMINAL_REFUSED, exit_code=1)
    target = lookup.container(session, container)
    if not output:
        return Streamed(pieces=target.export())
    try:
        with session.progress(f"Exporting {container}") as progress:
            path = os.path.join(session.cwd, output)  # with the slash that a Path would drop
            target.export_to(path, progress=progress, shown=output)
    except OutputPathError as error:
        raise UsageError(error.message, exit_code=1, hint=error.hint) from None
    return Done()


@verb(
    "commit",
    "Create a new image from a container's changes",
    "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    least=1,
    most=2,
    interspersed=False,
)
@click.option("-a", "--author", default="", help='Author (e.g., "John Hannibal Smith")')
@click.option(
    "-c", "--change", type=List(), multiple=True, help="Apply Dockerfile instruction to the image"
)
@click.option("-m", "--message", default="", help="Commit message")
@pausing("commit")
@click.argument("container")
@click.argument("reference", required=False)
def commit(
    session: Session,
    author: str,
    change: tuple[str, ...],
    message: str,
    pause: bool | None,
    no_pause: bool,
    container: str,
    reference: str | None,
) -> Outcome:
    """Return the id of the image."""
    paused = is_paused(pause, no_pause)
    repository, tag = "", ""
    if reference:
        try:
            name = parse(reference)
        except InvalidReference as error:
            raise UsageError(error.message, exit_code=1) from None
        if name.digest:
            raise UsageError(NO_DIGEST, exit_code=1)
        repository, tag = name.familiar_name, name.tag
    target = session.engine.containers.get(container)
    with session.progress(f"Committing {container}") as progress:
        image = target.commit(
            repository,
            tag,
            message,
            author,
            paused,
            change,
            progress=progress,
        )
    return Lines(lines=(image.id,))
