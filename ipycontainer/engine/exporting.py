"""A container's files as a whole: `export` and `commit`."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from ipycontainer.engine.control import held
from ipycontainer.engine.copying import pipe
from ipycontainer.errors import InvalidArgument, ResourceError
from ipycontainer.model import reference
from ipycontainer.supervise.supervisor import Progress

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container
    from ipycontainer.engine.images import Image

__all__ = ["commit", "pieces", "to_file"]


def pieces(container: Container, size: int) -> Iterator[bytes]:
    """Yield the files of a container as a tar."""
    reading, writing = pipe()
    with os.fdopen(reading, "rb", buffering=0) as stream:
        try:
            work = container.engine.supervisor.begin("export", {"id": container.id}, (writing,))
        finally:
            os.close(writing)
        with work:
            while piece := stream.read(size):
                yield piece
            work.finish()
    container.tell("export")


def to_file(container: Container, path: str, progress: Progress | None, shown: str) -> None:
    """Write the files of a container to a file: under another name first, then by one rename.

    `shown` is the path as it was typed. The other name is docker's, which tells it where the rename
    cannot be.
    """
    above = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(above):
        raise InvalidArgument(f'invalid output path: directory "{above}" does not exist')
    directory = os.path.isdir(path)
    if os.path.exists(path) and not os.path.isfile(path) and not directory:
        fd = _open(path, shown, os.O_WRONLY)  # a pipe or a device: /dev/null
        try:
            _export(container, fd, progress)
        finally:
            os.close(fd)
        return
    name = f".docker_temp_{secrets.randbelow(1 << 32)}"
    staged = os.path.join(os.path.dirname(path), name)
    told = f"{os.path.dirname(shown) or '.'}/{name}"
    fd = _open(staged, told, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        if directory:
            raise InvalidArgument(f"rename {told} {shown}: file exists")
        _export(container, fd, progress)
        os.rename(staged, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(staged)
        raise
    finally:
        os.close(fd)


def _open(path: str, shown: str, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ResourceError(f"open {shown}: {(error.strerror or '').lower()}") from error


def _export(container: Container, fd: int, progress: Progress | None) -> None:
    container.engine.supervisor.work("export", {"id": container.id}, (fd,), progress=progress)
    container.tell("export")


def commit(
    container: Container,
    repository: str,
    tag: str,
    message: str,
    author: str,
    changes: Sequence[str],
    *,
    pause: bool,
    progress: Progress | None,
) -> Image:
    """Make an image of a container's changes."""
    text = f"{repository}:{tag}" if tag else repository
    name = reference.parse(text) if text else None
    if name is not None:
        reference.check_new(name)
    arguments = {
        "id": container.id,
        "reference": "" if name is None else name.familiar,
        "author": author,
        "message": message,
        "changes": list(changes),
    }
    supervisor = container.engine.supervisor
    with held(container) if pause else nullcontext():
        done = supervisor.work("commit", arguments, progress=progress)
    return container.engine.images.get(str(done["id"]))
