"""The rows of what lists something, as shell and notebook render them in columns and frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = [
    "CheckpointSummary",
    "ContainerSummary",
    "DiskSummary",
    "HistorySummary",
    "ImageSummary",
    "NetworkSummary",
    "PortSummary",
    "VolumeSummary",
]


@dataclass(frozen=True, slots=True)
class ContainerSummary:
    """A row of `ps`, in raw values: a face makes "Up 3 minutes" of them.

    Times are nanoseconds since the epoch, 0 for never. `command` is what runs, quoted as docker
    joins it. `exit_code` means something once `status` is exited or dead. `image` is the name as
    it was typed, or the image's id once that name stands for another image. `written` and `whole`
    are bytes, without and with the image's; -1: not counted. `link_names` are what links of the
    default network call it, `LINKER/ALIAS`, where that was looked up.
    """

    id: str
    name: str
    image: str
    command: str
    created_ns: int
    status: str
    exit_code: int = 0
    started_ns: int = 0
    finished_ns: int = 0
    ports: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    pid: int = 0
    image_id: str = ""
    mounts: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    health: str = ""
    local_volumes: int = 0
    written: int = -1
    whole: int = -1
    link_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageSummary:
    """A row of `images`: one for each tag, "<none>" where there is none.

    `size` and `shared` in bytes; `containers` counts those on the image. -1: not counted.
    """

    id: str
    repository: str
    tag: str
    created_ns: int
    size: int
    digest: str = "<none>"
    shared: int = -1
    containers: int = -1


@dataclass(frozen=True, slots=True)
class HistorySummary:
    """A row of `history`: one step of an image, `<missing>` as id below the newest.

    `size` is the layer's in bytes, 0 for a step that changed no file. `layer` counts from the base,
    -1 for no layer; `files` are those in it, counted for a frame only.
    """

    id: str
    created_ns: int
    created_by: str
    size: int
    comment: str
    layer: int = -1
    files: int = 0


@dataclass(frozen=True, slots=True)
class VolumeSummary:
    """A row of `volume ls`. `containers` are the names of those that have it."""

    name: str
    driver: str
    mountpoint: str
    created_ns: int
    labels: Mapping[str, str] = field(default_factory=dict)
    containers: tuple[str, ...] = ()
    anonymous: bool = False
    size: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSummary:
    """A row of `network ls`; `containers` counts those on it now."""

    id: str
    name: str
    driver: str
    created_ns: int
    subnets: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    internal: bool = False
    ipv6: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    containers: int = 0


@dataclass(frozen=True, slots=True)
class DiskSummary:
    """A row of `system df`: what one kind of things takes, in bytes."""

    type: str
    total: int
    active: int
    size: int
    reclaimable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PortSummary:
    """A row of `port`: where on this machine a container's port is reached."""

    container: str
    container_id: str
    port: int
    protocol: str
    address: str
    host_port: int


@dataclass(frozen=True, slots=True)
class CheckpointSummary:
    """A row of `checkpoints`: `size` is that of the files that it keeps, in bytes."""

    name: str
    created_ns: int
    size: int
