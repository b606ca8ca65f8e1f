"""A container's files as a whole: `export` and `commit`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from ipycontainer.engine.control import held
from ipycontainer.engine.copying import pipe
from ipycontainer.engine.output_file import written
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
    """Write the files of a container to a file; `shown` is the path as it was typed."""
    with written(path, shown) as fd:
        work = container.engine.supervisor.work
        work("export", {"id": container.id}, (fd,), progress=progress)
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
