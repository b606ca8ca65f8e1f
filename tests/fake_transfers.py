"""Transfers in memory, for `tests.fakes`: what a pull tells, and what comes of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ipycontainer.errors import EngineError, ImageNotFound
from ipycontainer.model.transfer import Progress

if TYPE_CHECKING:
    from tests.fakes import FakeImage

__all__ = ["FakeTransfer", "Transferring"]


class FakeTransfer:
    """Tells `told`, then gives `outcome` or raises it; `cancelled` keeps whether it was stopped."""

    def __init__(self, told: Sequence[Progress | BaseException], outcome: Any) -> None:
        self.told = list(told)
        self.outcome = outcome
        self.cancelled = False

    def __iter__(self) -> Iterator[Progress]:
        for each in self.told:
            if isinstance(each, BaseException):
                raise each
            yield each
        if isinstance(self.outcome, EngineError):
            raise self.outcome

    def result(self) -> Any:
        for _ in self:
            pass
        return self.outcome() if callable(self.outcome) else self.outcome

    def cancel(self) -> None:
        self.cancelled = True


class Transferring:
    """What `engine.images` has for registries and archives.

    `remote` maps names to what a pull tells before the image is there; any other is an error.
    """

    if TYPE_CHECKING:
        everything: list[FakeImage]

        def add(self, name: str, **facts: Any) -> FakeImage: ...
        def get(self, ref: str) -> FakeImage: ...

    def __init__(self) -> None:
        self.remote: dict[str, list[Progress | BaseException]] = {}
        self.transfers: list[FakeTransfer] = []
        self.asked: list[tuple[Any, ...]] = []

    def _begin(self, told: Sequence[Progress | BaseException], outcome: Any) -> FakeTransfer:
        self.transfers.append(FakeTransfer(told, outcome))
        return self.transfers[-1]

    def pulling(
        self,
        repository: str,
        tag: str = "",
        *,
        all_tags: bool = False,
        platform: str = "",
    ) -> FakeTransfer:
        name = f"{repository}:{tag}" if tag else repository
        self.asked.append(("pull", name, all_tags, platform))
        if name not in self.remote:
            missing = f"manifest for {name} not found: manifest unknown: manifest unknown"
            return self._begin((), ImageNotFound(missing))

        def arrive() -> list[dict[str, Any]]:
            image: FakeImage = self.add(name)
            return [{"image_id": image.id, "was_here": False, "warnings": []}]

        return self._begin(self.remote[name], arrive)

    def pushing(self, repository: str, tag: str = "", *, all_tags: bool = False) -> FakeTransfer:
        name = f"{repository}:{tag}" if tag else repository
        self.asked.append(("push", name, all_tags))
        if not any(name in (t, t.rpartition(":")[0]) for i in self.everything for t in i.tags):
            raise ImageNotFound(f"An image does not exist locally with the tag: {repository}")
        return self._begin([Progress("", "1: digest: sha256:d size: 527")], [])

    def loading(self, fd: int, *, platform: str = "") -> FakeTransfer:
        self.asked.append(("load", os.pread(fd, 100, 0), platform))

        def arrive() -> list[dict[str, Any]]:
            image: FakeImage = self.add("loaded:1")
            moved = [("loaded:1", "sha256:old")]
            return [{"image_id": image.id, "tags": image.tags, "renamed": moved, "warnings": []}]

        return self._begin((), arrive)

    def saving(self, names: Sequence[str], fd: int, *, platform: str = "") -> FakeTransfer:
        self.asked.append(("save", tuple(names)))
        for name in names:
            self.get(name)
        os.write(fd, b"archive")
        return self._begin((), None)

    def prune(self, filters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        self.asked.append(("prune", dict(filters or {})))
        return {"ImagesDeleted": [{"Deleted": "sha256:d"}], "SpaceReclaimed": 2_027_980}
