"""The storage driver of new containers, and what it does before there is one.

With overlays that is a few directories, made here. A plain copy is made by a worker, which may give
files their owners.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ipycontainer.engine import config_file
from ipycontainer.errors import EngineError
from ipycontainer.model import oci
from ipycontainer.model.image import ImageRecord
from ipycontainer.model.state import DEFAULT_DRIVER, Overlay
from ipycontainer.storage import flat, snapshots
from ipycontainer.storage.drivers import choice
from ipycontainer.storage.drivers.choice import Choice
from ipycontainer.storage.drivers.fuse import FuseOverlay
from ipycontainer.storage.drivers.vfs import Copies

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = ["COPIES", "WORDS", "choose", "prepare", "prepare_image"]

COPIES = Copies.name
# What a bundle says of a container's trees besides: nothing is to be merged, or it has been.
WORDS = {COPIES: {"by": oci.BY_BIND}, FuseOverlay.name: {"by": oci.BY_PARENT}}


def choose(engine: Engine) -> Choice:
    """Return the driver that is configured, else the first that works, tried once a boot.

    Raises InvalidArgument or Unsupported.
    """
    forced = config_file.storage_driver()
    decided = choice.choose(choice.known(engine.home), forced)
    if decided is None:
        found = engine.supervisor.work("probe-drivers", {"forced": forced})
        decided = choice.choose(found, forced)
    if decided is None:
        raise EngineError("no storage driver was tried")
    return decided


def prepare(
    engine: Engine, container_id: str, layers: Sequence[str], made: snapshots.Made | None = None
) -> tuple[Overlay, ...]:
    """Make what a container of an image writes to. What a failure leaves is an orphan's.

    What is `made` is taken; raises snapshots.Unlike where something else is wanted.
    """
    home, driver = engine.home, engine.driver.name
    if driver != COPIES:
        return snapshots.prepare(home, container_id, layers, driver=driver, made=made)
    if made is not None:
        raise snapshots.Unlike
    shown = [("/", (str(flat.place(home, layers)),))]
    (overlay,) = snapshots.prepare(home, container_id, shown=shown, driver=driver)
    engine.supervisor.work("flatten", {"layers": list(layers), "upper": overlay.upper})
    return (overlay,)


def prepare_image(engine: Engine, image: ImageRecord) -> None:
    """Make what an image is shown from in a container: one tree, where there are no overlays."""
    if engine.driver.name != DEFAULT_DRIVER:
        layers = [layer.chain_id for layer in image.layers]
        engine.supervisor.work("flatten", {"layers": layers})
