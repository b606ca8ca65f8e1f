"""docker-py's keyword arguments about what becomes of a container: restarts, health, its log.

`healthcheck` and `log_config` are docker-py's types.Healthcheck and types.LogConfig, dictionaries
whose keys may be written either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ipycontainer.errors import InvalidArgument
from ipycontainer.model.health import Healthcheck, checked_health
from ipycontainer.model.restart import checked_policy

__all__ = ["take_upkeep_fields"]

_HEALTH = {
    "test": "Test",
    "interval": "Interval",
    "timeout": "Timeout",
    "start_period": "StartPeriod",
    "start_interval": "StartInterval",
    "retries": "Retries",
}
_LOG = {"type": "Type", "config": "Config"}


def take_upkeep_fields(given: dict[str, Any]) -> dict[str, Any]:
    """Take these options out of `given`, and return the fields that they mean.

    Raises InvalidArgument in docker's words.
    """
    policy = given.pop("restart_policy", {})
    restart, limit = checked_policy(
        str(policy.get("Name", "")), int(policy.get("MaximumRetryCount", 0))
    )
    log = _named("log_config", _LOG, given.pop("log_config", {}))
    options = log.get("Config") or {}
    return {
        "restart": restart,
        "restart_limit": limit,
        "healthcheck": _health(given.pop("healthcheck", None)),
        "log_driver": str(log.get("Type") or "json-file"),
        "log_options": {str(name): str(value) for name, value in options.items()},
    }


def _health(raw: Mapping[str, Any] | None) -> Healthcheck | None:
    """Return a check; times are nanoseconds, a test that is a text goes to the shell."""
    if raw is None:
        return None
    found = _named("healthcheck", _HEALTH, raw)
    test = found.get("Test")
    if isinstance(test, str):
        found["Test"] = ["CMD-SHELL", test]
    elif test and test[0] not in ("NONE", "CMD", "CMD-SHELL"):
        raise InvalidArgument(
            f"Unknown healthcheck type '{test[0]}' (expected 'NONE', 'CMD' or 'CMD-SHELL')"
        )
    return checked_health(Healthcheck.from_docker(found))


def _named(option: str, names: Mapping[str, str], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dictionary by docker's names of its keys."""
    found = {names.get(key, key): value for key, value in raw.items()}
    if unknown := set(found) - set(names.values()):
        raise InvalidArgument(f"{option} has no {sorted(unknown)[0]!r}")
    return found
