"""A container that a spare monitor has made ready for whoever asks next, if it is the expected one.

It has an id, its directories and its cgroup, and its init has gone ahead (`launch.advance`); it has
no row: it is none before an engine writes one. The engine learns of it from the spare monitor that
it has reserved, and takes it where it would have made the same: the directory moves from the trash,
where all is that is not whole yet, to its place.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ipycontainer.errors import EngineError, NoSuchContainer
from ipycontainer.model import oci_json
from ipycontainer.model.oci import ANNOTATION_OVERLAYS, Spec
from ipycontainer.model.state import Overlay
from ipycontainer.runtime import launch
from ipycontainer.runtime.defaults import ETC_FILES
from ipycontainer.runtime.sandbox import Sandbox
from ipycontainer.runtime.steps import Stdio
from ipycontainer.storage import snapshots, trash, vacated
from ipycontainer.store import containers
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from ipycontainer.supervise import expectation

__all__ = ["Reservation", "reserve"]

_Shown = tuple[tuple[str, int, int], ...]  # path, device, inode


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is ready, in `place`; the sandbox is one that has gone ahead."""

    id: str
    place: Path
    sandbox: Sandbox
    overlays: tuple[Overlay, ...]
    shown: _Shown
    config: bytes  # what its bundle will say, if it is the same program

    def to_wire(self) -> Mapping[str, Any]:
        """Return what an engine must know to take it."""
        overlays = [asdict(overlay) for overlay in self.overlays]
        return {"id": self.id, "place": str(self.place), "overlays": overlays}

    def stands(self) -> bool:
        """Tell whether all that is shown in it is still at its place, and no other thing."""
        return self.shown == tuple(_looks(path for path, _, _ in self.shown))

    def rehearse(self, store: Store) -> None:
        """Read what the start will read, while its engine makes the container.

        What was not used for a moment has left the processor's caches: once more costs a third.
        """
        expectation.parse(self.config)
        with store.read() as tx, suppress(NoSuchContainer):
            containers.get(tx, self.id)

    def give_back(self, home: Home, store: Store, *, asked: bool) -> None:
        """Let go of it; an engine that was told of it (`asked`) may have written its row."""
        self.sandbox.end()
        trash.delete(home, self.place.name)
        if asked and not _is_known(store, self.id):
            snapshots.discard(home, self.id)


def reserve(home: Home, container_id: str, config: str, sandbox: Sandbox) -> Reservation | None:
    """Make an expected container ready; None, with nothing left, where that cannot be.

    Its place may be vacated by another one. The sandbox belongs to this call.
    """
    place = trash.place(home, container_id)
    final = str(home.container(container_id))
    try:
        text = config.replace(final, str(place))
        raw = json.loads(text)
        spec = oci_json.from_json(raw)
        written, overlays = (
            tuple(
                Overlay(each["target"], tuple(each["lowers"]), each["upper"], each["work"])
                for each in json.loads(layers)
            )
            for layers in (
                spec.annotations[ANNOTATION_OVERLAYS],
                spec.annotations[ANNOTATION_OVERLAYS].replace(str(place), final),
            )
        )
        vacated.move_in(place)
        snapshots.make(home, place, written)
        for name in ETC_FILES:
            (place / name).touch(0o644)
        (place / "config.json").write_text(text, encoding="utf-8")
        shown = tuple(_looks(_paths(spec, overlays, f"{place}/")))
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        advanced = launch.advance(sandbox, spec, raw, str(place), Stdio(null, null, null))
        os.close(null)
        if advanced is not None:
            # A rename over it would have ext4 write the bundle that comes to the disk (ext4(5)).
            (place / "config.json").unlink()
            return Reservation(container_id, place, advanced, overlays, shown, config.encode())
    except (OSError, EngineError, ValueError, KeyError, TypeError):
        sandbox.end()
    trash.delete(home, place.name)
    return None


def _paths(spec: Spec, overlays: tuple[Overlay, ...], own: str) -> Iterator[str]:
    """Yield the paths of what is not the container's own."""
    for overlay in overlays:
        yield from overlay.lowers
    for mount in spec.mounts:
        if mount.source.startswith("/") and not mount.source.startswith(own):
            yield mount.source


def _looks(paths: Iterator[str]) -> Iterator[tuple[str, int, int]]:
    for path in paths:
        with suppress(OSError):
            status = os.stat(path)
            yield path, status.st_dev, status.st_ino


def _is_known(store: Store, container_id: str) -> bool:
    try:
        with store.read() as tx:
            containers.get(tx, container_id)
    except NoSuchContainer:
        return False
    return True
