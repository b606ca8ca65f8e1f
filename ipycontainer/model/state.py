"""What happened to a container: the record that its monitor writes and everybody reads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ipycontainer.model.config import ContainerConfig

__all__ = ["DEFAULT_DRIVER", "ContainerRecord", "ContainerState", "Overlay", "Status"]


DEFAULT_DRIVER = "overlay2"  # docker's name of the kernel's overlayfs


class Status(StrEnum):
    """A container's state, in docker's words."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"

    @property
    def alive(self) -> bool:
        """Tell whether a monitor must be holding this container's liveness lock."""
        return self in (Status.RUNNING, Status.PAUSED, Status.RESTARTING)


@dataclass(frozen=True, slots=True)
class ContainerState:
    """Status and the facts of the last start and end.

    `pid` is init's in the host's pid namespace (0: none), `start_ticks` field 22 of its
    /proc/PID/stat: together with `boot_id` they name a process for good. Times are nanoseconds
    since the epoch, 0 for never. `error` says why a start failed or a container died unsaid.
    """

    status: Status = Status.CREATED
    pid: int = 0
    start_ticks: int = 0
    boot_id: str = ""
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    started_ns: int = 0
    finished_ns: int = 0


@dataclass(frozen=True, slots=True)
class Overlay:
    """One writable view: read-only `lowers` (topmost first) seen at `target` inside the container.

    A container of an ordinary image has one, at `/`. One of the `host` image has one more for each
    shown tree. Changes go to `upper`; `work` is overlayfs's own, on the same file system. `driver`
    (of storage.drivers, by docker's name) makes one tree of them.
    """

    target: str
    lowers: tuple[str, ...]
    upper: str
    work: str
    driver: str = DEFAULT_DRIVER


@dataclass(frozen=True, slots=True)
class ContainerRecord:
    """A container as the store knows it.

    `image_id` is `sha256:...` of the image's config; `config.image` is the name as it was typed.
    `overlays` were decided at creation, since the `host` image differs from kernel to kernel.
    """

    id: str
    name: str
    image_id: str
    created_ns: int
    config: ContainerConfig
    state: ContainerState
    overlays: tuple[Overlay, ...] = ()
    restart_count: int = 0

    @property
    def driver(self) -> str:
        """Return the storage driver that it was made with."""
        return self.overlays[0].driver if self.overlays else DEFAULT_DRIVER

    @property
    def short_id(self) -> str:
        """Return the first twelve digits, as docker shows an id."""
        return self.id[:12]
