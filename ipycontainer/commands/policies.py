"""Options of `run` and `create` about what becomes of a container: docker's words, our records.

What docker's client checks raises UsageError, what its daemon checks InvalidArgument.
"""

from __future__ import annotations

from typing import Any

import click

from ipycontainer.commands.types import Duration, Integer, List, String
from ipycontainer.errors import UsageError
from ipycontainer.model.health import Healthcheck, checked_health
from ipycontainer.model.restart import checked_policy

__all__ = [
    "LOG_OPTIONS",
    "health_check",
    "health_options",
    "logging",
    "read_policy",
    "restart_policy",
]


def restart_policy(text: str) -> tuple[str, int]:
    """Return a restart policy and its number. Raises UsageError, InvalidArgument as docker does."""
    return checked_policy(*read_policy(text))


def read_policy(text: str) -> tuple[str, int]:
    """Return any name and its number, as docker's client reads them. Raises UsageError."""
    name, colon, count = text.partition(":")
    limit = 0
    if colon and not name:
        raise UsageError("invalid restart policy format: no policy provided before colon")
    if count:
        try:
            limit = int(count)
        except ValueError:
            words = "invalid restart policy format: maximum retry count must be an integer"
            raise UsageError(words) from None
    return name, limit


health_options = (
    click.option("--health-cmd", type=String(), default="", help="Command to run to check health"),
    click.option(
        "--health-interval", type=Duration(), default=0, help="Time between running the check"
    ),
    click.option(
        "--health-timeout", type=Duration(), default=0, help="Maximum time to allow one to run"
    ),
    click.option(
        "--health-start-period",
        type=Duration(),
        default=0,
        help="Time for the container to initialize before failures count",
    ),
    click.option(
        "--health-start-interval",
        type=Duration(),
        default=0,
        help="Time between running the check during the start period",
    ),
    click.option(
        "--health-retries",
        type=Integer(),
        default=0,
        help="Consecutive failures needed to report unhealthy",
    ),
    click.option("--no-healthcheck", is_flag=True, help="Disable any HEALTHCHECK"),
)


def health_check(
    *,
    health_cmd: str,
    health_interval: int,
    health_timeout: int,
    health_start_period: int,
    health_start_interval: int,
    health_retries: int,
    no_healthcheck: bool,
    **_: Any,
) -> Healthcheck | None:
    """Return the check that the options ask for, None for the image's own."""
    times = {
        "interval": health_interval,
        "timeout": health_timeout,
        "start-period": health_start_period,
        "start-interval": health_start_interval,
    }
    given = health_cmd or health_retries or any(times.values())
    if no_healthcheck:
        if given:
            raise UsageError("--no-healthcheck conflicts with --health-* options")
        return Healthcheck(("NONE",))
    if not given:
        return None
    for name, value in (*times.items(), ("retries", health_retries)):
        if value < 0:
            raise UsageError(f"--health-{name} cannot be negative")
    return checked_health(
        Healthcheck(
            ("CMD-SHELL", health_cmd) if health_cmd else (),
            health_interval,
            health_timeout,
            health_start_period,
            health_start_interval,
            health_retries,
        )
    )


LOG_OPTIONS = (
    click.option(
        "--log-driver", type=String(), default="json-file", help="json-file, local or none"
    ),
    click.option("--log-opt", type=List(), multiple=True, help="Log driver options"),
)


def logging(log_driver: str, log_opt: tuple[str, ...], **_: Any) -> tuple[str, dict[str, str]]:
    """Return the log's driver and its options by name."""
    options = dict(word.partition("=")[::2] for word in log_opt)
    if log_driver == "none" and options:
        raise UsageError("invalid logging opts for driver none")
    return log_driver or "json-file", options
