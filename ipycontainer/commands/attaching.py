"""The verb `attach`: watch a container that runs already."""

from __future__ import annotations

import click

from ipycontainer.commands import lookup
from ipycontainer.commands.records import Outcome, Running
from ipycontainer.commands.terminals import (
    detach_keys_option,
    open_window,
    refuse_other_input,
    sig_proxy_option,
)
from ipycontainer.commands.verb import Session, verb
from ipycontainer.errors import UsageError
from ipycontainer.model.state import Status

__all__ = ["attach"]

# What docker's client says of a container that is in no state to be attached to.
_NOT_NOW = {
    Status.PAUSED: "You cannot attach to a paused container, unpause it first",
    Status.RESTARTING: "You cannot attach to a restarting container, wait until it is running",
}
_STOPPED = "You cannot attach to a stopped container, start it first"


@verb(
    "attach",
    "Attach local standard input, output, and error streams to a running container",
    "[OPTIONS] CONTAINER",
    least=1,
    most=1,
)
@detach_keys_option
@click.option("--no-stdin", is_flag=True, help="Do not attach STDIN")
@sig_proxy_option
@click.argument("container")
def attach(
    session: Session, detach_keys: str, no_stdin: bool, sig_proxy: bool, container: str
) -> Outcome:
    """Return the foreground: what the program prints from now on, and its exit code."""
    target = lookup.inspected(session, container)
    config, status = target.record.config, target.record.state.status
    if status is not Status.RUNNING:
        raise UsageError(_NOT_NOW.get(status, _STOPPED), exit_code=1)
    refuse_other_input(session, tty=config.tty, reads=not no_stdin)
    reads = config.open_stdin and not no_stdin
    stdin = session.stdin if reads else None
    keyboard = open_window(session, stdin, tty=config.tty, reads=reads, keys=detach_keys)
    try:
        foreground = target.attached(keyboard.stdin, keyboard.window)
    except BaseException:
        keyboard.close()
        raise
    return Running(
        foreground=foreground,
        container=target,
        verb="attach",
        tty=config.tty,
        reads=reads,
        keyboard=keyboard.pipe,
        sig_proxy=sig_proxy and not config.tty,
    )
