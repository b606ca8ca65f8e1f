"""What the OCI command line remembers of a container between its calls: one directory a container.

`<root>/<id>/state.json` says which process it is and what its bundle said, `exec.fifo` beside it
exists until `start`. Status is never stored: it follows from the process, the fifo and the freezer.
Imports linux and model only.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipycontainer.errors import InvalidArgument, NameInUse, NoSuchContainer
from ipycontainer.linux import freezer, pidfd
from ipycontainer.linux.cgroups import Cgroup
from ipycontainer.model import hooks, oci_json
from ipycontainer.model.oci import Spec

__all__ = ["FIFO", "ContainerState", "StateDir"]

FIFO = "exec.fifo"
_STATE = "state.json"
_ID = re.compile(r"[A-Za-z0-9_+.-]+")  # runc's rule


@dataclass(frozen=True, slots=True)
class ContainerState:
    """A container of the OCI command line; pid and start ticks name its init for good.

    `config` is the bundle's config.json as it was at the creation, `created` when (RFC 3339).
    """

    id: str
    pid: int
    start_ticks: int
    bundle: str
    created: str
    config: Mapping[str, Any]
    cgroup: Cgroup | None = None

    @property
    def spec(self) -> Spec:
        """Return what the bundle asked for."""
        return oci_json.from_json(self.config)

    def shown(self, status: str) -> hooks.State:
        """Return the state that hooks and others are shown; what has stopped has no pid."""
        return hooks.State(
            str(self.config.get("ociVersion", oci_json.OCI_VERSION)),
            self.id,
            status,
            0 if status == "stopped" else self.pid,
            self.bundle,
            {str(key): str(value) for key, value in (self.config.get("annotations") or {}).items()},
        )

    def to_json(self) -> dict[str, Any]:
        """Return the object that is stored."""
        return {
            "id": self.id,
            "pid": self.pid,
            "startTicks": self.start_ticks,
            "bundle": self.bundle,
            "created": self.created,
            "config": dict(self.config),
            "cgroup": self.cgroup.to_json() if self.cgroup else None,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> ContainerState:
        """Return what `to_json` wrote."""
        cgroup = raw.get("cgroup")
        return cls(
            str(raw["id"]),
            int(raw["pid"]),
            int(raw["startTicks"]),
            str(raw["bundle"]),
            str(raw["created"]),
            raw["config"],
            Cgroup.from_json(cgroup) if cgroup else None,
        )

    def open_init(self) -> int:
        """Return a pidfd of init. Raises ProcessLookupError when it has ended."""
        fd = pidfd.open_verified(self.pid, self.start_ticks)
        if pidfd.wait_exit(fd, 0):  # a zombie has ended too
            os.close(fd)
            raise ProcessLookupError(3, "init has ended")
        return fd


class StateDir:
    """The directory that holds the state of all containers of one `--root`."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def path(self, container_id: str) -> Path:
        """Return a container's directory. Raises InvalidArgument for an id that is no file name."""
        if not _ID.fullmatch(container_id) or container_id in (".", ".."):
            raise InvalidArgument(f"invalid container ID format: {container_id!r}")
        return self.root / container_id

    def reserve(self, container_id: str) -> Path:
        """Make a container's directory with its fifo. Raises NameInUse."""
        path = self.path(container_id)
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            path.mkdir(mode=0o700)
        except FileExistsError as error:
            raise NameInUse(f"container with given ID already exists: {container_id}") from error
        os.mkfifo(path / FIFO, 0o600)
        return path

    def save(self, state: ContainerState) -> None:
        """Write a container's state, whole or not at all."""
        path = self.path(state.id)
        partial = path / f"{_STATE}.new"
        partial.write_text(json.dumps(state.to_json()), encoding="utf-8")
        partial.replace(path / _STATE)

    def load(self, container_id: str) -> ContainerState:
        """Return a container's state. Raises NoSuchContainer."""
        try:
            text = (self.path(container_id) / _STATE).read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise NoSuchContainer("container does not exist") from error
        return ContainerState.from_json(json.loads(text))

    def names(self) -> tuple[str, ...]:
        """Return the ids of all containers, also of those in the making. Raises OSError."""
        if not self.root.exists():
            return ()
        return tuple(sorted(path.name for path in self.root.iterdir() if path.is_dir()))

    def status(self, state: ContainerState) -> str:
        """Return created, running, paused or stopped, in the runtime-spec's words and runc's."""
        try:
            os.close(state.open_init())
        except ProcessLookupError:
            return "stopped"
        if state.cgroup is not None and freezer.is_frozen(state.cgroup):
            return "paused"
        return "created" if (self.path(state.id) / FIFO).exists() else "running"

    def forget(self, container_id: str) -> None:
        """Remove a container's directory."""
        path = self.path(container_id)
        for name in (FIFO, _STATE, f"{_STATE}.new"):
            (path / name).unlink(missing_ok=True)
        path.rmdir()
