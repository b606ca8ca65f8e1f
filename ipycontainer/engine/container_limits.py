"""What a container may use and uses, and whether it stands still.

A part of `engine.container.Container`, in docker-py's names where it has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ipycontainer.engine import control, stats
from ipycontainer.engine.container_part import ContainerPart
from ipycontainer.engine.docker_py.limit_options import limits_from_options
from ipycontainer.linux.usage import Usage
from ipycontainer.model.limits import Limits
from ipycontainer.model.restart import checked_policy

if TYPE_CHECKING:
    pass

__all__ = ["ContainerLimits"]


class ContainerLimits(ContainerPart):
    """The switches of a container, and the readings of its cgroup."""

    def pause(self) -> None:
        """Stop all its processes where they stand; Conflict when it is paused already."""
        control.pause(self._self)

    def unpause(self) -> None:
        """Let its processes go on; Conflict when it is not paused."""
        control.unpause(self._self)

    def update(self, **options: Any) -> dict[str, Any]:
        """Change limits and `restart_policy`, with docker-py's options; of a running one at once.

        Returns `{"Warnings": [...]}` of what this machine cannot limit. Raises Unsupported for an
        option that is not there, InvalidArgument and Conflict in docker's words.
        """
        asked = options.pop("restart_policy", None)
        policy = asked and checked_policy(asked["Name"], int(asked.get("MaximumRetryCount", 0)))
        wanted = limits_from_options(options)
        kept, dropped = self._self.engine.containers.check_limits(wanted)
        self.change(kept, policy)
        return {"Warnings": list(dropped) or None}

    def change(self, wanted: Limits, policy: tuple[str, int] | None = None) -> None:
        """Change the limits that `wanted` gives, and the restart policy; they have been checked."""
        control.update(self._self, wanted, policy)

    def usage(self) -> Usage:
        """Return what it uses now, typed: cpu, memory, block devices, network, processes."""
        self._self._self.reload()
        return stats.usage_of(self._self.record)

    def stats(
        self, decode: bool | None = None, stream: bool = True
    ) -> dict[str, Any] | Iterator[dict[str, Any]]:
        """Return docker's stats object of two readings, or with `stream` one each second."""
        del decode  # docker-py's: what comes here is never bytes
        readings = stats.api_readings(self._self)
        return readings if stream else next(readings)
