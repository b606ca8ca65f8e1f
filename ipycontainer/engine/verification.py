"""What docker's daemon looks at before it makes anything: what fails first is told.

Source: moby 26.1 `daemon/container.go` (verifyContainerSettings, before it looks for the image) and
`daemon/create.go` (the image, the log, the endpoints, the name, and what is set behind it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipycontainer.engine import (
    capacity,
    limits,
    log_options,
    mounts,
    privileges,
    sharing,
    single_choices,
    wishes,
)
from ipycontainer.engine.merging import require_command
from ipycontainer.errors import InvalidArgument
from ipycontainer.model import ids
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.image import ImageRecord
from ipycontainer.model.signals import parse_stop_signal
from ipycontainer.store import containers

if TYPE_CHECKING:
    from ipycontainer.engine.capacity import Capacity
    from ipycontainer.engine.engine import Engine

__all__ = ["before_image", "settled", "verified"]


def verified(
    config: ContainerConfig, able: Capacity | None, *, rootless: bool
) -> tuple[ContainerConfig, tuple[str, ...]]:
    """Return the config with the limits that it can have, and WARNINGs.

    `able` is needed for one with limits alone. Raises InvalidArgument in docker's words.
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
    if able is not None:
        config, warnings = limits.admit(config, able)
    single_choices.check_runtime(config.runtime)
    sharing.check_modes(config)
    return config, warnings


def before_image(
    engine: Engine, config: ContainerConfig
) -> tuple[ContainerConfig, tuple[str, ...]]:
    """Return `verified` of what this engine can have: an image need not be pulled to fail here."""
    able = capacity.of(engine) if config.is_limited else None
    return verified(config, able, rootless=engine.home.rootless)


def settled(
    engine: Engine, config: ContainerConfig, name: str
) -> tuple[ContainerConfig, ImageRecord, list[str]]:
    """Return the config as far as it can be settled without an image's own, the image and WARNINGs.

    Raises ImageNotFound, NameInUse, NoSuchContainer, InvalidArgument in docker's words.
    """
    config, dropped = before_image(engine, config)
    config = wishes.settled(config)
    if wishes.shares(config.network):
        with engine.store.read() as tx:
            config = wishes.checked(tx, config)
    image = engine.images.get(config.image).record
    warnings = [*dropped, *single_choices.for_platform(image, config)]
    if wishes.any_of(config):
        with engine.store.write() as tx:  # docker's own networks may have to be made
            wishes.check_endpoints(tx, config)
    find = engine.containers.get
    config = sharing.settled(config, lambda ref: find(ref).record)
    log_options.check(config.log_driver, config.log_options)
    if name:
        require_command(config, image)  # docker's daemon looks at the name behind it
        plain = name.removeprefix("/")
        ids.check_name(plain, shown=name)
        with engine.store.read() as tx:
            containers.check_free(tx, plain)
    single_choices.refuse_storage(config.storage_options)
    if config.links:
        with engine.store.read() as tx:
            config = wishes.linked(tx, config)
    return config, image, warnings
