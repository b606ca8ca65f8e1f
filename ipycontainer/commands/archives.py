"""The verbs that move images as archives: load and save."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from ipycontainer.commands.records import Done, Lines, Outcome
from ipycontainer.commands.verb import Session, silently, verb
from ipycontainer.errors import ImageFormatError, OutputPathError, ReaderGone, UsageError

__all__ = ["TERMINAL_REFUSED", "load", "save"]

TERMINAL_REFUSED = "cowardly refusing to save to a terminal. Use the -o flag or redirect"


@verb("load", "Load an image from a tar archive or STDIN", "[OPTIONS]", most=0)
@click.option("-i", "--input", "source", default="", help="Read from a file, instead of STDIN")
@click.option("--platform", default="", help="Load only that platform of what the archive has")
@click.option("-q", "--quiet", is_flag=True, help="Suppress the load output")
def load(session: Session, source: str, platform: str, quiet: bool) -> Outcome:
    """Return a line for each image that was loaded."""
    with _readable(session, source) as fd:
        transfer = session.engine.images.loading(fd, platform=platform)
        try:
            done = silently(transfer) if quiet or source == "" else session.attend(transfer)
        except ImageFormatError as error:
            raise UsageError(error.message, exit_code=1, hint=error.hint) from None
    lines: list[str] = []
    warnings: list[str] = []
    for image in done:
        lines += _loaded(image)
        warnings += image["warnings"]
    return Lines(lines=tuple(lines), warnings=tuple(warnings))


def _loaded(image: Any) -> list[str]:
    lines = [
        f"The image {tag} already exists, renaming the old one with ID {held} to empty string"
        for tag, held in image["renamed"]
    ]
    lines += [f"Loaded image: {tag}" for tag in image["tags"]]
    return lines if image["tags"] else [*lines, f"Loaded image ID: {image['image_id']}"]


@contextmanager
def _readable(session: Session, source: str) -> Iterator[int]:
    if not source:
        if not isinstance(session.stdin, int) or os.isatty(session.stdin):
            raise UsageError(
                "requested load from stdin, but stdin is empty",
                exit_code=1,
                hint="ipycontainer load -i FILE",
            )
        yield session.stdin
        return
    try:
        fd = os.open(session.cwd / source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise UsageError(f"open {source}: {reason}", exit_code=1) from None
    try:
        if stat.S_ISDIR(os.fstat(fd).st_mode):  # which can be opened, and not read
            raise UsageError(f"read {source}: is a directory", exit_code=1)
        yield fd
    finally:
        os.close(fd)


@verb(
    "save",
    "Save one or more images to a tar archive (streamed to STDOUT by default)",
    "[OPTIONS] IMAGE [IMAGE...]",
    least=1,
)
@click.option("-o", "--output", default="", help="Write to a file, instead of STDOUT")
@click.option("--platform", default="", help="Save only an image for this platform")
@click.argument("images", nargs=-1)
def save(session: Session, output: str, platform: str, images: tuple[str, ...]) -> Outcome:
    """Write the archive; nothing is left of one that could not be finished."""
    if not output:
        if session.stdout is None or os.isatty(session.stdout):
            raise UsageError(TERMINAL_REFUSED, exit_code=1)
        try:
            silently(session.engine.images.saving(images, session.stdout, platform=platform))
        except ReaderGone:
            raise BrokenPipeError from None  # `save | head`: of which a shell's command dies
        return Done()
    from ipycontainer.engine import output_file

    path = os.path.join(session.cwd, output)
    try:
        output_file.check(path, output)
    except OutputPathError as error:
        message = f"failed to save image: {error.message}"
        raise UsageError(message, exit_code=1) from None
    try:
        with output_file.written(path, output) as fd:
            session.attend(session.engine.images.saving(images, fd, platform=platform))
    except OutputPathError as error:
        raise UsageError(error.message, exit_code=1) from None
    return Done()
