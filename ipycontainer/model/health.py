"""A health check as docker's API shapes it: in an image's settings and in a container's.

Used by the engine (merging, inspect) and by monitors, which run the checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ipycontainer.errors import InvalidArgument

__all__ = ["HEALTH_FILE", "STARTING", "Healthcheck", "checked_health", "go_duration"]

# In a container's directory: what its monitor found last.
HEALTH_FILE = "health.json"
STARTING = "starting"  # the status before the first result that counts

SECOND = 1_000_000_000
_AT_LEAST_NS = 1_000_000
_NAMES = {
    "test": "Test",
    "interval_ns": "Interval",
    "timeout_ns": "Timeout",
    "start_period_ns": "StartPeriod",
    "start_interval_ns": "StartInterval",
    "retries": "Retries",
}


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """What to run and how often. Zero, or an empty `test`, takes the image's, else the default.

    `test` begins with NONE, CMD or CMD-SHELL.
    """

    test: tuple[str, ...] = ()
    interval_ns: int = 0
    timeout_ns: int = 0
    start_period_ns: int = 0
    start_interval_ns: int = 0
    retries: int = 0

    @property
    def is_active(self) -> bool:
        """Tell whether there is something to run."""
        return bool(self.test) and self.test[0] != "NONE"

    @property
    def command(self) -> tuple[str, ...]:
        """Return the words to execute."""
        if self.test[0] == "CMD-SHELL":
            return ("/bin/sh", "-c", *self.test[1:])
        return self.test[1:]

    def or_else(self, image: Healthcheck | None) -> Healthcheck:
        """Return this one with the image's values where it has none of its own."""
        if image is None:
            return self
        return Healthcheck(*(getattr(self, name) or getattr(image, name) for name in _NAMES))

    def with_defaults(self) -> Healthcheck:
        """Return this one with docker's defaults in place of zeros.

        While it starts docker (26.1.5) checks as often as later, whatever its manual says of 5 s.
        """
        interval_ns = self.interval_ns or 30 * SECOND
        return Healthcheck(
            self.test,
            interval_ns,
            self.timeout_ns or 30 * SECOND,
            self.start_period_ns,
            self.start_interval_ns or interval_ns,
            self.retries if self.retries > 0 else 3,
        )

    def to_docker(self) -> dict[str, Any]:
        """Return docker's object: values that are not set are left out."""
        shown = {key: getattr(self, name) for name, key in _NAMES.items() if getattr(self, name)}
        if self.test:
            shown["Test"] = list(self.test)
        return shown

    @classmethod
    def from_docker(cls, raw: Mapping[str, Any]) -> Healthcheck:
        """Return the record of docker's object."""
        found = {name: raw.get(key) or 0 for name, key in _NAMES.items() if name != "test"}
        return cls(test=tuple(raw.get("Test") or ()), **found)


def checked_health(check: Healthcheck) -> Healthcheck:
    """Return the check; raises InvalidArgument, in the words of docker's daemon, for a bad one."""
    for name, value in check.to_docker().items():
        if name not in ("Test", "Retries") and value < _AT_LEAST_NS:
            raise InvalidArgument(f"{name} in Healthcheck cannot be less than 1ms")
    if check.retries < 0:
        raise InvalidArgument("Retries in Healthcheck cannot be negative")
    return check


def go_duration(ns: int) -> str:
    """Return a duration as Go prints it: `1m30s`, `300ms`, `1.5s`, `0s`."""
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if 0 < ns < size * 1000:
            return f"{_decimal(ns, size)}{unit}"
    minutes, rest = divmod(ns, 60 * SECOND)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(rest, SECOND)}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text


def _decimal(number: int, unit: int) -> str:
    whole, rest = divmod(number, unit)
    digits = str(rest).zfill(len(str(unit)) - 1) if rest else ""
    return f"{whole}.{digits}".rstrip("0").rstrip(".") if digits else str(whole)
