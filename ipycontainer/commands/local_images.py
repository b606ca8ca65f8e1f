"""The verbs on local images: import, tag, rmi, image prune."""

from __future__ import annotations

import io
import os
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

import click

from ipycontainer.commands.confirming import confirmed
from ipycontainer.commands.records import Done, Lines, Outcome
from ipycontainer.commands.types import Filter
from ipycontainer.commands.verb import Session, verb
from ipycontainer.errors import (
    EngineError,
    ImageNotFound,
    InvalidArgument,
    InvalidReference,
    UsageError,
)
from ipycontainer.model.reference import NO_DIGEST, check_new, parse
from ipycontainer.model.units import human_size

__all__ = ["import_", "prune", "rmi", "tag"]


@verb(
    "import",
    "Import the contents from a tarball to create a filesystem image",
    "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    least=1,
)
@click.option("-c", "--change", multiple=True, help="Apply Dockerfile instruction to the image")
@click.option("-m", "--message", default="", help="Set commit message for imported image")
@click.option("--platform", default="", help="Set platform if server is multi-platform capable")
@click.argument("source")
@click.argument("reference", required=False)
@click.argument("others", nargs=-1)
def import_(
    session: Session,
    change: tuple[str, ...],
    message: str,
    platform: str,
    source: str,
    reference: str | None,
    others: tuple[str, ...],
) -> Outcome:
    """Return the id of the image made from a tar, plain or compressed, or from a directory."""
    del others  # docker takes more words and asks nothing of them
    repository, tag_ = _name(reference) if reference else ("", "")
    if reference and parse(reference).digest:
        raise InvalidArgument("cannot import digest reference")
    remote = source.startswith(("http://", "https://"))
    opened: Path | BinaryIO | str = source if remote else _opened(session, source)
    held = nullcontext() if isinstance(opened, str | Path) else opened
    with held, session.progress(f"Importing {source}") as progress:
        image = session.engine.images.import_(
            opened,
            repository=repository,
            tag=tag_,
            changes=change,
            message=message or f"Imported from {source if remote else '-'}",
            platform=platform,
            progress=progress,
        )
    told = (f"Downloading from {source}",) if remote else ()
    return Lines(lines=(*told, image.id), warnings=tuple(image.warnings))


def _opened(session: Session, source: str) -> Path | BinaryIO:
    if source != "-":
        path = session.cwd / source
        if not source or not path.exists():
            raise UsageError(f"open {source}: no such file or directory", exit_code=1)
        return path
    if isinstance(session.stdin, bytes):
        return io.BytesIO(session.stdin)
    return os.fdopen(os.dup(session.stdin or 0), "rb")


def _name(text: str) -> tuple[str, str]:
    """Return repository and tag of an image's new name. Raises UsageError, as docker's client."""
    try:
        reference = parse(text)
    except InvalidReference as error:
        raise UsageError(error.message, exit_code=1) from None
    return reference.familiar_name, reference.tag


@verb(
    "tag",
    "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    least=2,
    most=2,
    interspersed=False,
)
@click.argument("source")
@click.argument("target")
def tag(session: Session, source: str, target: str) -> Outcome:
    """Give an image one more name; docker prints nothing."""
    for text in (source, target):
        try:
            repository, name = _name(text)
        except UsageError as error:
            raise UsageError(
                f'Error parsing reference: "{text}" is not a valid repository/tag: {error.message}',
                exit_code=1,
            ) from None
    if parse(target).digest:
        raise UsageError(NO_DIGEST, exit_code=1)
    check_new(parse(target))
    session.engine.images.get(source).tag(repository, name)
    return Done()


@verb("rmi", "Remove one or more images", "[OPTIONS] IMAGE [IMAGE...]", least=1)
@click.option("-f", "--force", is_flag=True, help="Force removal of the image")
@click.option("--no-prune", is_flag=True, help="Do not delete untagged parents")
@click.argument("images", nargs=-1)
def rmi(session: Session, force: bool, no_prune: bool, images: tuple[str, ...]) -> Outcome:
    """Return what was untagged and deleted, and go on past images that cannot be removed."""
    lines: list[str] = []
    errors: list[EngineError] = []
    for name in images:
        try:
            if not name:
                raise ImageNotFound("page not found")  # docker's client asks for nothing by no name
            if not name.strip():
                raise InvalidArgument("image name cannot be blank")
            removed = session.engine.images.remove(name, force=force, noprune=no_prune)
            lines += [f"{what}: {text}" for what, text in removed]
        except EngineError as error:
            errors.append(error)
    forgiven = force and all(isinstance(error, ImageNotFound) for error in errors)
    return Done(names=tuple(lines), errors=tuple(errors), forgiven=forgiven)


@verb("prune", "Remove unused images", "[OPTIONS]", most=0, path="image prune")
@click.option(
    "-a", "--all", "everything", is_flag=True, help="Remove all unused images, not just dangling"
)
@click.option(
    "--filter",
    "filters",
    type=Filter(),
    multiple=True,
    help='Provide filter values (e.g. "until=<timestamp>")',
)
@click.option("-f", "--force", is_flag=True, help="Do not prompt for confirmation")
def prune(
    session: Session, everything: bool, filters: tuple[tuple[str, str], ...], force: bool
) -> Outcome:
    """Return what was removed and how much room that gave; asks before, as docker does."""
    warning = _PRUNES_ALL if everything else _PRUNES_DANGLING
    if not force and not confirmed(session, warning):
        return Lines()
    wanted: dict[str, list[str]] = {"dangling": ["false" if everything else "true"]}
    for key, value in filters:
        wanted.setdefault(key, []).append(value)
    done = session.engine.images.prune(wanted)
    deeds = [
        f"{what.lower()}: {name}" for each in done["ImagesDeleted"] for what, name in each.items()
    ]
    head = ["Deleted Images:", *deeds, ""] if deeds else []
    freed = human_size(done["SpaceReclaimed"], 4)
    return Lines(lines=(*head, f"Total reclaimed space: {freed}"))


_PRUNES_ALL = (
    "WARNING! This will remove all images without at least one container associated to them."
)
_PRUNES_DANGLING = "WARNING! This will remove all dangling images."
