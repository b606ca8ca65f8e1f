"""Options of `run` and `create` that have one answer here: others get docker's refusal.

Sources: docker/cli 26.1 `cli/command/container/opts.go`, moby 26.1 `daemon/daemon_unix.go`.
"""

from __future__ import annotations

from typing import Any

import click

from ipycontainer.commands.types import List, String
from ipycontainer.engine import single_choices
from ipycontainer.errors import InvalidArgument, Unsupported, UsageError
from ipycontainer.model import platform as platforms

__all__ = ["OPTIONS", "TRUST_OPTION", "check", "check_platform", "check_trust"]

TRUST_OPTION = click.option(
    "--disable-content-trust/--no-disable-content-trust",
    default=True,
    help="Skip image verification",
    hidden=True,
)

OPTIONS = (
    TRUST_OPTION,
    click.option("--isolation", type=String(), default="", help="Container isolation technology"),
    click.option("--runtime", type=String(), default="", help="Runtime to use for this container"),
    click.option("--storage-opt", type=List(), multiple=True, help="Storage driver options"),
)


def check_platform(platform: str, *, exit_code: int = 125) -> None:
    """Refuse a platform that is none."""
    if platform:
        try:
            platforms.parse(platform)
        except InvalidArgument as error:
            text = f"error parsing specified platform: {error.message}"
            raise UsageError(text, exit_code=exit_code) from None


def check_trust(disabled: bool) -> None:
    """Refuse what would have signatures of images looked at: nobody here does."""
    if not disabled:
        raise Unsupported("--disable-content-trust=false is not supported yet")


def check(
    *,
    disable_content_trust: bool,
    isolation: str,
    storage_opt: tuple[str, ...],
    **_: Any,
) -> None:
    """Refuse in docker's words what is not the one answer."""
    check_trust(disable_content_trust)
    single_choices.check_isolation(isolation)
    if not all("=" in word for word in storage_opt):
        raise UsageError("invalid storage option")
