"""The verbs that keep a container's files: export and commit."""

from __future__ import annotations

import click

from ipycontainer.commands.records import Done, Lines, Outcome, Streamed
from ipycontainer.commands.types import List
from ipycontainer.commands.verb import Session, verb
from ipycontainer.errors import InvalidArgument, InvalidReference, UsageError
from ipycontainer.model.reference import parse

__all__ = ["UNPAUSED", "commit", "export"]

# What --pause=false means, to whoever thinks of it.
UNPAUSED = "with false it runs on, and what it writes meanwhile may be kept in part"

_TERMINAL = "cowardly refusing to save to a terminal. Use the -o flag or redirect"


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
    """Write the archive to a file, or return it as a stream."""
    target = session.engine.containers.get(container)
    if not output:
        return Streamed(pieces=target.export(), what=container, refused=_TERMINAL)
    try:
        with session.progress(f"Exporting {container}") as progress:
            target.export_to(session.cwd / output, progress=progress)
    except InvalidArgument as error:
        message = f"failed to export container: {error.message}"
        raise UsageError(message, exit_code=1) from None
    return Done()


@verb(
    "commit",
    "Create a new image from a container's changes",
    "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    least=1,
    most=2,
)
@click.option("-a", "--author", default="", help='Author (e.g., "John Hannibal Smith")')
@click.option(
    "-c", "--change", type=List(), multiple=True, help="Apply Dockerfile instruction to the image"
)
@click.option("-m", "--message", default="", help="Commit message")
@click.option(
    "-p",
    "--pause/--no-pause",
    default=True,
    help=f"Pause container during commit (default true); {UNPAUSED}",
)
@click.argument("container")
@click.argument("reference", required=False)
def commit(
    session: Session,
    author: str,
    change: tuple[str, ...],
    message: str,
    pause: bool,
    container: str,
    reference: str | None,
) -> Outcome:
    """Return the id of the image."""
    repository, tag = "", ""
    if reference:
        try:
            name = parse(reference)
        except InvalidReference as error:
            raise UsageError(error.message, exit_code=1) from None
        repository, tag = name.familiar_name, name.tag
    target = session.engine.containers.get(container)
    with session.progress(f"Committing {container}") as progress:
        image = target.commit(
            repository,
            tag,
            message,
            author,
            pause,
            change,
            progress=progress,
        )
    return Lines(lines=(image.id,))
