"""The verb `python`: the body of a notebook's cell in a container, with values in and out.

The cell's text and the program that runs it are files of the container; values lie in its exchange
directory (engine.exchange). What they look like there is the notebook's business, which also reads
what comes back: this verb only brings both together.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import replace
from typing import Any

import click

from ipycontainer.commands.creation import configuration, creation_options
from ipycontainer.commands.id_file import id_file
from ipycontainer.commands.limit_options import client_warnings
from ipycontainer.commands.records import Done, Outcome, PythonCell
from ipycontainer.commands.registries import check_policy, fetch
from ipycontainer.commands.time_limit import limited, timeout_option
from ipycontainer.commands.types import List, String
from ipycontainer.commands.verb import Session, verb
from ipycontainer.errors import EngineError, InvalidArgument, NotFound, UsageError

__all__ = ["EXCHANGE", "python"]

EXCHANGE = "/cell"
_CELL, _PROGRAM = "/cell.py", f"{EXCHANGE}/run.py"
_HOST = "host"
# What `run` takes and a cell does not: the cell's own business, or what would leave it behind.
_NOT_OURS: dict[str, Any] = {
    "streams": (),
    "entrypoint": None,
    "interactive": False,
    "restart": "no",
    "rm": False,
    "tty": False,
}
_LEFT_OUT = frozenset({*_NOT_OURS, "name", "image", "command"})  # by the names of parameters


@verb("python", "Run a cell as Python in a container, with values in and out", "[OPTIONS]", most=0)
@click.option("--in", "inputs", type=List(), multiple=True, help="Variables that go in: df,x")
@click.option("--out", "results", type=List(), multiple=True, help="Variables that come back")
@click.option(
    "--image", "source", type=String(), default=_HOST, help="Image to run it in (default host)"
)
@click.option("--keep", type=String(), default="", help="Keep the container under this name")
@timeout_option
@creation_options
def python(
    session: Session,
    inputs: tuple[str, ...],
    results: tuple[str, ...],
    source: str,
    keep: str,
    timeout: float | None,
    pull: str,
    platform: str,
    quiet: bool,
    **options: Any,
) -> Outcome:
    """Return the program in the foreground; who shows it reads the results and removes it."""
    if session.values is None or not isinstance(session.stdin, bytes):
        raise UsageError(
            "python runs the body of a cell, which a line does not have",
            hint="in a notebook: %%container python --in NAME; in a shell: run host python",
            exit_code=1,
        )
    text = _text(session.stdin)
    names, wanted = _names("--in", inputs), _names("--out", results)
    modules = session.values.check(names)
    quiet_session = replace(session, stdin=None)
    config = configuration(quiet_session, image=source, command=(), **_NOT_OURS, **options)
    check_policy(pull)
    fetch(session, config, pull, platform, quiet)
    config = replace(
        config,
        command=("python" if source == _HOST else "python3", _PROGRAM, EXCHANGE, _CELL, *modules),
        entrypoint=(),
        open_stdin=True,
        attach_stdin=True,
        files={_CELL: text, _PROGRAM: session.values.program},
        exchange=EXCHANGE,
    )
    with id_file(config.id_file, session.cwd) as file:
        container = session.engine.containers.create_from(config, keep)
        file.write(container.id)
    # The values are written while Python starts inside; a line on its input says that they are
    # there, and an end without it that they will not come.
    gate, word = os.pipe()
    try:
        try:
            foreground = container.start_attached(gate)
            session.values.write(container.exchange / "in", names, wanted)
            os.write(word, b"go\n")
        finally:
            os.close(word)
    except BaseException as error:
        os.close(gate)
        with suppress(NotFound):
            container.remove(force=True)
        if isinstance(error, EngineError):
            return Done(errors=(error,), warnings=tuple(container.warnings))
        raise
    return PythonCell(
        foreground=limited(foreground, timeout, container.name),
        container=container,
        verb="python",
        warnings=(*client_warnings(config), *container.warnings),
        results=wanted,
        kept=bool(keep),
        gate=gate,
    )


# The parameters of `run` that are not a cell's: refused by name, since they are unknown here.
python.params = [param for param in python.params if param.name not in _LEFT_OUT]


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"the script of a cell must be UTF-8: {error}") from None


def _names(option: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of variables that an option lists, `a,b` or given twice."""
    names = [name.strip() for word in words for name in word.split(",")]
    for name in names:
        if not re.fullmatch(r"[^\W\d]\w*", name):
            raise UsageError(f"{option}: {name!r} is not a name for a variable", exit_code=1)
    return tuple(dict.fromkeys(names))
