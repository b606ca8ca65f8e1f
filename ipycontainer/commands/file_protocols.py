"""What the verbs ask of a container's files: a part of commands.engine_protocols."""

# ruff: noqa: D102  the names are documented where they are implemented, by the engine

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from ipycontainer.commands.record_protocols import Change

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import Image

__all__ = ["Checkpoint", "ContainerFiles"]


class Checkpoint(Protocol):
    """What `checkpoint` has kept."""

    @property
    def tag(self) -> str: ...
    @property
    def created_ns(self) -> int: ...
    @property
    def size(self) -> int: ...


class ContainerFiles(Protocol):
    """What is done with the files of a container."""

    def changes(self) -> Sequence[Change]: ...
    def diff_content(self) -> tuple[Sequence[Change], str]: ...

    def copy_in(
        self,
        source: Any,
        path: str,
        *,
        archive: bool = False,
        follow_link: bool = False,
        progress: Callable[[int], object] | None = None,
        shown: str = "",
    ) -> int: ...

    def copy_out(
        self,
        path: str,
        target: Any = None,
        *,
        follow_link: bool = False,
        progress: Callable[[int], object] | None = None,
        shown: str = "",
    ) -> Any: ...

    def get_archive(
        self, path: str, *, follow_link: bool = False, shown: str = ""
    ) -> tuple[Iterator[bytes], Mapping[str, Any]]: ...

    def put_archive(
        self,
        path: str,
        data: bytes | BinaryIO,
        *,
        archive: bool = False,
        overwrite: bool = True,
        progress: Callable[[int], object] | None = None,
        shown: str = "",
    ) -> bool: ...

    def export(self, chunk_size: int = ...) -> Iterator[bytes]: ...

    def export_to(
        self,
        path: str | Path,
        *,
        progress: Callable[[int], object] | None = None,
        shown: str = "",
    ) -> None: ...

    def commit(
        self,
        repository: str | None = None,
        tag: str | None = None,
        message: str | None = None,
        author: str | None = None,
        pause: bool = True,
        changes: str | Sequence[str] | None = None,
        *,
        progress: Callable[[int], object] | None = None,
    ) -> Image: ...

    def checkpoint(
        self,
        tag: str,
        *,
        pause: bool = True,
        progress: Callable[[int], object] | None = None,
    ) -> Checkpoint: ...

    def checkpoints(self) -> Sequence[Checkpoint]: ...
    def drop_checkpoint(self, tag: str) -> None: ...

    def rollback(self, tag: str, *, progress: Callable[[int], object] | None = None) -> bool: ...

    def branch(self, name: str, *, progress: Callable[[int], object] | None = None) -> object: ...
