"""The files of a container, as its user asks for them: copies and archives.

A part of `engine.container.Container`, in docker-py's names where it has them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ipycontainer.engine import copy_values, copying, exporting, undo
from ipycontainer.engine.container_part import ContainerPart
from ipycontainer.storage import checkpoints
from ipycontainer.storage.checkpoints import Checkpoint
from ipycontainer.supervise.supervisor import Progress

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container
    from ipycontainer.engine.images import Image
    from ipycontainer.storage.changes import Change

__all__ = ["ContainerFiles"]


class ContainerFiles(ContainerPart):
    """What a container's user does with its files, whether it runs or not."""

    def names(self, directory: str) -> Sequence[str]:
        """Return the names in a directory, those of directories with a slash; at most 1000."""
        arguments = {"id": self._self.id, "path": directory}
        found: list[str] = self._self.engine.supervisor.work("names", arguments)
        return found

    def copy_in(
        self,
        source: Any,
        path: str,
        *,
        archive: bool = False,
        follow_link: bool = False,
        progress: Progress | None = None,
        shown: str = "",
    ) -> int:
        """Copy into the container, and return the bytes that were copied.

        `source` is a path of this machine (a file or directory, by the rules of `cp`), bytes, an
        open file, or a data frame, which becomes CSV, or Parquet where `path` ends with .parquet.
        Owners are kept by their numbers; with `archive` all belongs to the user that the container
        runs as, where one was named. A value is root's.
        """
        self._self.reload()
        if isinstance(source, str | os.PathLike):
            return copying.copy_in(
                self._self,
                os.fspath(cast("str | os.PathLike[str]", source)),
                path,
                archive=archive,
                follow=follow_link,
                progress=progress,
                shown=shown,
            )
        return copy_values.write_value(self._self, source, path)

    def copy_out(
        self,
        path: str,
        target: Any = None,
        *,
        follow_link: bool = False,
        progress: Progress | None = None,
        shown: str = "",
    ) -> Any:
        """Copy out of the container.

        `target` is a path of this machine, by the rules of `cp`: then the bytes that were copied
        are returned. Without one the content of a file is, as bytes; with a class of data frames
        (`pandas.DataFrame`) as such a frame; an open file is written to.
        """
        self._self.reload()
        if isinstance(target, str | os.PathLike):
            return copying.copy_out(
                self._self,
                path,
                os.fspath(cast("str | os.PathLike[str]", target)),
                follow=follow_link,
                progress=progress,
                shown=shown,
            )
        return copy_values.read_value(self._self, path, bytes if target is None else target)

    def get_archive(
        self, path: str, *, follow_link: bool = False, shown: str = ""
    ) -> tuple[Iterator[bytes], dict[str, Any]]:
        """Return what stands at a path as a tar, in pieces, and facts about it."""
        self._self.reload()
        return copying.get_archive(self._self, path, follow=follow_link, shown=shown)

    def put_archive(
        self,
        path: str,
        data: bytes | BinaryIO | Iterable[bytes],
        *,
        archive: bool = False,
        overwrite: bool = True,
        progress: Progress | None = None,
        shown: str = "",
    ) -> bool:
        """Unpack a tar, plain or compressed, into a directory of the container.

        Owners are the tar's; with `archive` all belongs to the user that the container runs as.
        """
        self._self.reload()
        copying.put_archive(
            self._self,
            path,
            data,
            archive=archive,
            overwrite=overwrite,
            progress=progress,
            shown=shown,
        )
        return True

    def export(self, chunk_size: int = 2 << 20) -> Iterator[bytes]:
        """Yield the container's files as a tar, in pieces; what is mounted is left out."""
        self._self.reload()
        return exporting.pieces(self._self, chunk_size)

    def export_to(
        self,
        path: str | os.PathLike[str],
        *,
        progress: Progress | None = None,
        shown: str = "",
    ) -> None:
        """Write the container's files as a tar to a file, which appears when it is whole.

        `shown` is what errors call it, where that is not the path. Raises OutputPathError where no
        file can be put there.
        """
        self._self.reload()
        place = os.fspath(path)
        exporting.to_file(self._self, place, progress, shown or place)

    def commit(
        self,
        repository: str | None = None,
        tag: str | None = None,
        message: str | None = None,
        author: str | None = None,
        pause: bool = True,
        changes: str | Sequence[str] | None = None,
        *,
        progress: Progress | None = None,
    ) -> Image:
        """Make an image of what the container changed, upon the image that it stands on.

        A running container is paused meanwhile, unless `pause` is off.
        """
        self._self.reload()
        lines = [changes] if isinstance(changes, str) else list(changes or ())
        return exporting.commit(
            self._self, repository or "", tag or "", message or "", author or "", lines,
            pause=pause, progress=progress,
        )  # fmt: skip

    # ── what it did to them ──────────────────────────────────────────────────────────────────

    def changes(self) -> list[Change]:
        """Return what it changed in its file tree, in docker's order."""
        self._self.reload()
        return self._self.engine.changes_of(self._self.record)

    def diff(self) -> list[dict[str, Any]]:
        """Return docker-py's form of `changes`: Path and Kind (0 changed, 1 added, 2 deleted)."""
        kinds = {"C": 0, "A": 1, "D": 2}
        return [{"Path": change.path, "Kind": kinds[change.kind]} for change in self.changes()]

    # ── try and undo ─────────────────────────────────────────────────────────────────────────

    def checkpoint(
        self, tag: str, *, pause: bool = True, progress: Progress | None = None
    ) -> Checkpoint:
        """Keep its files under a name, at the cost of what it changed.

        A running container is paused meanwhile, unless `pause` is off.
        """
        self._self.reload()
        return undo.checkpoint(self._self, tag, pause=pause, progress=progress)

    def checkpoints(self) -> list[Checkpoint]:
        """Return its checkpoints, oldest first."""
        return checkpoints.listed(self._self.engine.home, self._self.id)

    def drop_checkpoint(self, tag: str) -> None:
        """Remove a checkpoint."""
        arguments = {"id": self._self.id, "tag": tag}
        self._self.engine.supervisor.work("drop-checkpoint", arguments)

    def rollback(self, tag: str, *, progress: Progress | None = None) -> bool:
        """Bring its files back to a checkpoint; a running one is restarted: then True."""
        self._self.reload()
        return undo.rollback(self._self, tag, progress)

    def branch(self, name: str, *, progress: Progress | None = None) -> Container:
        """Make another container with the same settings and the same files."""
        self._self.reload()
        return undo.branch(self._self, name, progress)

    def diff_content(self) -> tuple[list[Change], str]:
        """Return what it changed, and how the texts of files differ from the image's."""
        self._self.reload()
        return undo.content(self._self)
