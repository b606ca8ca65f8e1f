"""The verb `cp`: which side is the container, and what `-` means. Source: docker/cli `cp.go`."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO

import click

from ipycontainer.commands import lookup
from ipycontainer.commands.records import Copied, Outcome, Streamed
from ipycontainer.commands.verb import Session, verb
from ipycontainer.errors import InvalidArgument, NotFound, UsageError

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import Container

__all__ = ["cp"]

# What docker's client finds wrong, and says without naming a daemon.
_CLIENTS = (
    "cannot copy directory",
    "no such directory",
    "not a directory",
    "invalid output path: ",
    "lstat ",
    "stat ",
)


@verb(
    "cp",
    "Copy files/folders between a container and the local filesystem",
    "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n"
    "\tipycontainer cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    least=2,
    most=2,
)
@click.option("-a", "--archive", is_flag=True, help="Archive mode (copy all uid/gid information)")
@click.option(
    "-L", "--follow-link", "follow", is_flag=True, help="Always follow symbol link in SRC_PATH"
)
@click.option("-q", "--quiet", is_flag=True, help="Suppress progress output during copy")
@click.argument("source")
@click.argument("target")
def cp(
    session: Session, archive: bool, follow: bool, quiet: bool, source: str, target: str
) -> Outcome:
    """Return how much was copied, or with `-` as target the archive itself.

    This machine's paths are looked at before the container, as docker's client does; what it makes
    here is its user's, with -a too, which is for what goes into a container.
    """
    from ipycontainer.engine import copy_local, output_file

    if not source:
        raise UsageError("source can not be empty", exit_code=1)
    if not target:
        raise UsageError("destination can not be empty", exit_code=1)
    (from_name, from_path), (to_name, to_path) = _split(source), _split(target)
    if from_name and to_name:
        raise UsageError("copying between containers is not supported", exit_code=1)
    if not from_name and not to_name:
        raise UsageError("must specify at least one container source", exit_code=1)
    # `:x` is the file x here, as docker reads it
    if from_name:
        target = to_path
    else:
        source = from_path
    try:
        if from_name:
            if target != "-":
                output_file.check(str(session.cwd / target) + _tail(target))
            if not from_path:
                raise InvalidArgument("bad parameter: pathcannot be empty")
            container, from_name = lookup.container(session, from_name), lookup.routed(from_name)
            return _out(session, container, from_name, from_path, to_path, follow, quiet)
        if source == "-":
            container = _receiver(session, to_name, to_path, target)
        else:
            copy_local.look(str(session.cwd / source) + _tail(source), follow=follow, must=True)
            if not to_path:
                raise UsageError("no such directory", exit_code=1)
            container = _sent_to(session, to_name, to_path, str(session.cwd / source))
        to_name = lookup.routed(to_name)
        return _in(session, container, to_name, from_path, target, to_path, archive, follow, quiet)
    except (InvalidArgument, NotFound) as error:
        if error.message.startswith(_CLIENTS) and not _is_daemons(error.message):
            raise UsageError(error.message, exit_code=1, hint=error.hint) from None
        raise


def _receiver(session: Session, name: str, path: str, shown: str) -> Container:
    """Return the container that takes an archive; docker's client says one thing of all that fail.

    What it was stands in the hint.
    """
    refused = f'destination "{shown}" must be a directory'
    if not path:
        raise UsageError(refused, exit_code=1)
    try:
        return lookup.container(session, name)
    except NotFound as error:
        raise UsageError(refused, exit_code=1, hint=error.message) from None


def _sent_to(session: Session, name: str, path: str, source: str) -> Container:
    """Return the container that takes a file; of a missing one docker's client looks at a path."""
    try:
        return lookup.container(session, name)
    except NotFound:
        if path.endswith(("/", "/.")) and not os.path.isdir(source):
            raise UsageError("no such directory", exit_code=1) from None
        raise


def _is_daemons(message: str) -> bool:
    return message.startswith("lstat ") and message.endswith(": not a directory")


def _split(text: str) -> tuple[str, str]:
    """Return the container's name, "" for none, and the path."""
    if text.startswith("/"):
        return "", text
    name, colon, path = text.partition(":")
    if not colon or name.startswith("."):
        return "", text
    return name, path


def _out(
    session: Session,
    container: Container,
    name: str,
    path: str,
    target: str,
    follow: bool,
    quiet: bool,
) -> Outcome:
    if target == "-":
        pieces, _ = container.get_archive(path, follow_link=follow, shown=name)
        return Streamed(pieces=pieces)
    with session.progress(f"Copying from {name}", quiet) as progress:
        size = container.copy_out(
            path,
            str(session.cwd / target) + _tail(target),
            follow_link=follow,
            progress=progress,
            shown=name,
        )
    return Copied(size=int(size), target=target, quiet=quiet)


def _in(
    session: Session,
    container: Container,
    name: str,
    source: str,
    target: str,
    path: str,
    archive: bool,
    follow: bool,
    quiet: bool,
) -> Outcome:
    with session.progress(f"Copying to {name}", quiet) as progress:
        if source == "-":
            try:
                with _stdin(session) as stdin:
                    container.put_archive(path, stdin, archive=archive, overwrite=False, shown=name)
            except (NotFound, InvalidArgument) as error:
                if isinstance(error, NotFound) or "not a directory" in error.message:
                    raise UsageError(
                        f'destination "{target}" must be a directory', exit_code=1
                    ) from None
                raise
            return Copied(size=0, target=target, quiet=True)
        size = container.copy_in(
            str(session.cwd / source) + _tail(source),
            path,
            archive=archive,
            follow_link=follow,
            progress=progress,
            shown=name,
        )
    return Copied(size=int(size), target=target, quiet=quiet)


def _tail(path: str) -> str:
    """Return what a path's end says and joining takes away: a directory, or its content."""
    if path == "." or path.endswith("/."):
        return "/."
    return "/" if path.endswith("/") and path != "/" else ""


def _stdin(session: Session) -> BinaryIO:
    if isinstance(session.stdin, bytes):
        return io.BytesIO(session.stdin)
    return os.fdopen(os.dup(session.stdin or 0), "rb")
