"""What a new container's files get before its first start: docker's daemon gives it at creation."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ipycontainer.engine import mounts
from ipycontainer.model.state import ContainerRecord

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = ["furnish"]


def furnish(engine: Engine, record: ContainerRecord) -> None:
    """Make the working directory, and let empty volumes take what the image has in their place."""
    wanted = mounts.fills(record.config.mounts)
    # What is started at once makes it itself, and may be mounted already.
    workdir = "" if engine.supervisor.is_reserved else _missing_workdir(record)
    if wanted or workdir:
        volumes = [[mount.source, mount.target] for mount in wanted]
        asked = {"id": record.id, "workdir": workdir, "volumes": volumes}
        engine.supervisor.work("furnish", asked)


def _missing_workdir(record: ContainerRecord) -> str:
    """Return the working directory where no layer has it, "" where one does.

    Only `host` has several overlays: it shows what this machine has, and its start makes the rest.
    """
    path = record.config.workdir
    if path in ("", "/") or len(record.overlays) > 1:
        return ""
    (overlay,) = record.overlays
    trees = (overlay.upper, *overlay.lowers)
    return "" if any(os.path.isdir(f"{tree}{path}") for tree in trees) else path
