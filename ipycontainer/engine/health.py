"""A container's health, as its monitor last wrote it: for `inspect` and `ps`."""

from __future__ import annotations

import json
from typing import Any

from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.health import HEALTH_FILE, STARTING
from ipycontainer.model.state import ContainerRecord, Status
from ipycontainer.store.home import Home

__all__ = ["of_request", "state", "status"]


def of_request(config: ContainerConfig) -> dict[str, Any] | None:
    """Return what a monitor must know to check the health; None where there is nothing to check."""
    check = config.healthcheck
    return check.to_docker() if check is not None and check.is_active else None


def state(home: Home, record: ContainerRecord) -> dict[str, Any] | None:
    """Return docker's `State.Health`; None for a container without checks, or that never ran."""
    if of_request(record.config) is None or record.state.status is Status.CREATED:
        return None
    try:
        text = (home.container(record.id) / HEALTH_FILE).read_text(encoding="utf-8")
    except OSError:
        return {"Status": STARTING, "FailingStreak": 0, "Log": []}
    found: dict[str, Any] = json.loads(text)
    return found


def status(home: Home, record: ContainerRecord) -> str:
    """Return `starting`, `healthy` or `unhealthy`, empty without checks."""
    found = state(home, record)
    return "" if found is None else str(found["Status"])
