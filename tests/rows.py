"""Records for tests of the store: an image with one layer, and containers on it."""

from __future__ import annotations

import time

from ipycontainer.model import ids
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.image import History, ImageConfig, ImageRecord, Layer
from ipycontainer.model.state import ContainerRecord, ContainerState, Overlay

LAYER = Layer(chain_id="sha256:" + "1" * 64, diff_id="sha256:" + "1" * 64, size=10)


def image(digit: str = "a", *tags: str, layers: tuple[Layer, ...] = (LAYER,)) -> ImageRecord:
    """Return an image whose id is one digit repeated."""
    return ImageRecord(
        id="sha256:" + digit * 64,
        manifest="sha256:" + "e" * 64,
        created_ns=1_000,
        size=sum(layer.size for layer in layers),
        config=ImageConfig(env=("A=1",), command=("sh",), labels={"k": "v"}),
        layers=layers,
        tags=tags,
        history=(History(created_ns=1_000, comment="made"),),
    )


def container(name: str, image_id: str = "sha256:" + "a" * 64, **fields: object) -> ContainerRecord:
    """Return a container that was created just now."""
    given = {
        "id": ids.new_id(),
        "name": name,
        "image_id": image_id,
        "created_ns": time.time_ns(),
        "config": ContainerConfig("busybox", command=("true",), labels={"l": "1"}),
        "state": ContainerState(),
        "overlays": (Overlay("/", ("/lower",), "/upper", "/work"),),
    } | fields
    return ContainerRecord(**given)  # type: ignore[arg-type]
