"""What docker's daemon looks at before it looks for the image, in its order.

So a limit that cannot be had is told even where the image would have to be pulled first. Source:
moby 26.1 `daemon/container.go`, verifyContainerSettings.
"""

from __future__ import annotations

from ipycontainer.engine import limits, mounts, privileges, sharing, single_choices
from ipycontainer.engine.capacity import Capacity
from ipycontainer.errors import InvalidArgument
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.signals import parse_stop_signal

__all__ = ["verified"]


def verified(
    config: ContainerConfig, capacity: Capacity | None, *, rootless: bool
) -> tuple[ContainerConfig, tuple[str, ...]]:
    """Return the config with the limits that it can have, and WARNINGs.

    `capacity` is needed for one with limits alone. Raises InvalidArgument in docker's words.
    """
    if config.workdir and not config.workdir.startswith("/"):
        raise InvalidArgument(
            f"the working directory '{config.workdir}' is invalid, it needs to be an absolute path"
        )
    if config.stop_signal:
        parse_stop_signal(config.stop_signal)
    mounts.check_sources(config.mounts)
    privileges.effective(config.privileges, rootless=rootless)
    warnings: tuple[str, ...] = ()
    if capacity is not None:
        config, warnings = limits.admit(config, capacity)
    single_choices.check_runtime(config.runtime)
    sharing.check_modes(config)
    return config, warnings
