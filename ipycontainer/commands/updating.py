"""The verb update: change the limits of containers, of running ones at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ipycontainer.commands import lookup
from ipycontainer.commands.limit_options import UPDATE_OPTIONS, limits_of, says_nothing
from ipycontainer.commands.policies import restart_policy, restart_words
from ipycontainer.commands.records import Lines, Outcome
from ipycontainer.commands.verb import Session, verb
from ipycontainer.errors import EngineError, UsageError

__all__ = ["update"]

Function = TypeVar("Function", bound=Callable[..., Any])


def _update_options(function: Function) -> Function:
    for declare in reversed(UPDATE_OPTIONS):
        function = declare(function)
    return function


def _check_form(restart: str) -> None:
    """Refuse what docker's client cannot read, with 1; what its daemon refuses is each name's."""
    try:
        restart_words(restart)
    except UsageError as error:
        raise UsageError(error.message, exit_code=1) from None


@verb(
    "update",
    "Update configuration of one or more containers",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    least=1,
)
@_update_options
@click.option("--restart", help="Restart policy to apply when a container exits")
@click.argument("containers", nargs=-1)
def update(
    session: Session, containers: tuple[str, ...], restart: str | None, **options: Any
) -> Outcome:
    """Return the names as typed, and after them the warnings: docker prints those as plain lines.

    The limits are looked at before the names, as docker does.
    """
    wanted = limits_of(options)
    _check_form(restart or "no")
    if says_nothing(options) and restart is None:
        raise UsageError("you must provide one or more flags when using this command", exit_code=1)
    engine = session.engine
    names: list[str] = []
    warnings: list[str] = []
    errors: list[EngineError] = []
    checked, dropped = engine.containers.check_limits(wanted)
    for name in containers:
        try:
            policy = restart_policy(restart) if restart else None
            lookup.container(session, name).change(checked, policy)
            names.append(name)
            warnings += dropped
        except EngineError as error:
            errors.append(error)
    return Lines(lines=(*names, *warnings), errors=tuple(errors))
