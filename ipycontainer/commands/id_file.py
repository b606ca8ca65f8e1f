"""`--cidfile`: the file that a new container's id is written to. Source: docker/cli `create.go`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ipycontainer.errors import UsageError

__all__ = ["ContainerIdFile", "id_file"]


class ContainerIdFile:
    """The file of `--cidfile` while a container is made; without a name it does nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def write(self, container_id: str) -> None:
        """Write the id."""
        if self._path is not None:
            self._path.write_text(container_id, encoding="ascii")


@contextmanager
def id_file(name: str, cwd: Path, exit_code: int = 125) -> Iterator[ContainerIdFile]:
    """Make the file before the container, and remove it where there comes to be none.

    Raises UsageError where it is there already: two containers shall not share one.
    """
    if not name:
        yield ContainerIdFile(None)
        return
    path = cwd / name
    if os.path.lexists(path):
        raise UsageError(
            "container ID file found, make sure the other container isn't running or delete "
            f"{name}",
            exit_code=exit_code,
        )
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        if exit_code != 1 and isinstance(error, FileNotFoundError):
            exit_code = 127  # `run` takes any missing file for the command's, as docker's client
        raise UsageError(
            f"failed to create the container ID file: open {name}: {words}", exit_code=exit_code
        ) from None
    try:
        yield ContainerIdFile(path)
    except BaseException:
        with suppress(FileNotFoundError):
            path.unlink()
        raise
