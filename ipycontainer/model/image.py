"""What an image is: OCI's config and descriptors as frozen records.

Sources: OCI image-spec `config.md`, `manifest.md`, `descriptor.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ipycontainer.model.health import Healthcheck

__all__ = ["Descriptor", "History", "ImageConfig", "ImageRecord", "Layer"]


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A blob by media type, digest (`sha256:` and 64 hex digits) and size in bytes."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layer:
    """An unpacked layer of `size` bytes.

    `chain_id` names it with all that lie below it, `diff_id` its own tar.
    """

    chain_id: str
    diff_id: str
    size: int


@dataclass(frozen=True, slots=True)
class History:
    """One row of `docker history`."""

    created_ns: int
    created_by: str = ""
    comment: str = ""
    empty_layer: bool = False


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """The settings that an image gives its containers (the `config` object of the OCI config).

    `empty_command`: that there is no command was said, by `CMD []`, and is shown so.
    """

    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    workdir: str = ""
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""
    on_build: tuple[str, ...] = ()
    healthcheck: Healthcheck | None = None
    empty_command: bool = False


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image as the store knows it.

    `id` is the digest of its OCI config; `manifest` that of its manifest in the layout; `layers`
    run from the base upwards; `tags` are familiar names with tag (`busybox:latest`). `size` is the
    sum of the unpacked layers in bytes. `digests` say what a registry calls it
    (`busybox@sha256:...`). `source` is the manifest as it came, where that was docker's own kind:
    the layout has it as OCI's, under `manifest`. `base` is `host` for an image that was
    committed from a container of this machine: its layers lie upon what the machine has. `parent`
    is the id of the image whose container was committed; what came from elsewhere has none.
    `tagged_ns` is when it got its last tag here, 0 for never. `of_container` is what docker shows
    in the settings of an image that was committed, and no other container gets: by its names.
    `engine_version` is that of the engine that made it, docker or this one, where that was written.
    """

    id: str
    manifest: str
    created_ns: int
    size: int
    config: ImageConfig
    layers: tuple[Layer, ...] = ()
    tags: tuple[str, ...] = ()
    architecture: str = "amd64"
    os: str = "linux"
    author: str = ""
    comment: str = ""
    history: tuple[History, ...] = ()
    variant: str = ""
    digests: tuple[str, ...] = ()
    source: Descriptor | None = None
    base: str = ""
    parent: str = ""
    tagged_ns: int = field(default=0, compare=False)
    of_container: Mapping[str, Any] = field(default_factory=dict)
    engine_version: str = ""

    def layer_numbers(self) -> list[int]:
        """Return for each row of the history the number of the layer that it made, -1 for none."""
        numbers, following = [], 0
        for step in self.history:
            has_layer = not step.empty_layer and following < len(self.layers)
            numbers.append(following if has_layer else -1)
            following += has_layer
        return numbers
