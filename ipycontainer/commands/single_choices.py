"""Options of `run` and `create` that have one answer here: others get docker's refusal.

Sources: docker/cli 26.1 `cli/command/container/opts.go`, moby 26.1 `daemon/daemon_unix.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from ipycontainer.commands.types import Bytes, Integer, List, String
from ipycontainer.engine import single_choices
from ipycontainer.errors import InvalidArgument, Unsupported, UsageError
from ipycontainer.model import platform as platforms

__all__ = ["OPTIONS", "check", "check_platform"]

# What docker's client sends to a daemon on Windows alone, in its order.
_OF_WINDOWS = {
    "--cpu-count": Integer(),
    "--cpu-percent": Integer(),
    "--io-maxbandwidth": Bytes(),
    "--io-maxiops": Integer(),
}

OPTIONS = (
    *(
        click.option(name, type=kind, hidden=True, help="Of a daemon on Windows alone")
        for name, kind in _OF_WINDOWS.items()
    ),
    click.option(
        "--disable-content-trust/--no-disable-content-trust",
        default=True,
        help="Skip image verification",
        hidden=True,
    ),
    click.option("--isolation", type=String(), default="", help="Container isolation technology"),
    click.option("--runtime", type=String(), default="", help="Runtime to use for this container"),
    click.option("--storage-opt", type=List(), multiple=True, help="Storage driver options"),
)


def check_platform(platform: str) -> None:
    """Refuse a platform that is none."""
    if platform:
        try:
            platforms.parse(platform)
        except InvalidArgument as error:
            raise UsageError(f"error parsing specified platform: {error.message}") from None


def check(
    *,
    disable_content_trust: bool,
    isolation: str,
    runtime: str,
    storage_opt: tuple[str, ...],
    **others: Any,
) -> None:
    """Refuse in docker's words what is not the one answer."""
    foreign = [
        f'"{name}" is only supported on a docker daemon running on windows, but the docker daemon '
        "is running on linux"
        for name in _OF_WINDOWS
        if others.get(name.removeprefix("--").replace("-", "_")) is not None
    ]
    if foreign:
        raise UsageError("\n".join(foreign), exit_code=1)
    if not disable_content_trust:
        raise Unsupported("--disable-content-trust=false is not supported yet")
    single_choices.check_isolation(isolation)
    single_choices.check_runtime(runtime)
    if storage_opt:
        _refuse_storage(storage_opt)


def _refuse_storage(words: Sequence[str]) -> None:
    """Refuse `--storage-opt` as docker's client and overlay2 do: a size needs quotas."""
    if not all("=" in word for word in words):
        raise UsageError("invalid storage option")
    names = sorted(word.partition("=")[0] for word in words)
    if "size" in names:
        raise InvalidArgument(
            "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"
        )
    raise InvalidArgument(f"Unknown option {names[0]}".rstrip())
