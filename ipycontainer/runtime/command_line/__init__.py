"""The OCI runtime command line, on anybody's bundle: `python -m ipycontainer.runtime`.

runc's commands, options, exit codes and messages (runtime-spec runtime.md; runc man/), as a thin
front of the steps that the engine uses. Without root it first becomes root of a user namespace,
unless the bundle asks for one itself. What it does not do, it refuses by name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ipycontainer.errors import EngineError, Unsupported
from ipycontainer.model.oci_json import OCI_VERSION
from ipycontainer.runtime.command_line import (
    creation,
    describing,
    ending,
    execution,
    grammar,
    listing,
    updating,
)
from ipycontainer.runtime.command_line.report import Log
from ipycontainer.runtime.state import StateDir
from ipycontainer.version import __version__

__all__ = ["main"]

_COMMANDS = {
    "create": creation.create,
    "run": creation.run,
    "start": ending.start,
    "kill": ending.kill,
    "pause": ending.pause,
    "resume": ending.resume,
    "delete": ending.delete,
    "exec": execution.execute,
    "state": listing.state,
    "list": listing.list_containers,
    "ps": listing.ps,
    "update": updating.update,
    "spec": describing.spec,
    "features": describing.features,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: the program's, or 1 with the reason on stderr."""
    _fill_streams()
    options = grammar.parse(None if argv is None else list(argv))
    if options.version:
        print(f"ipycontainer runtime {__version__}\nspec: {OCI_VERSION}")
        return 0
    if options.command in (None, "help"):
        grammar.parse(["--help"])
    log = Log(options.log, options.log_format, options.debug)
    try:
        log.begin()
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        if options.systemd_cgroup:
            raise Unsupported(
                "systemd cgroup flag passed, but systemd support for managing cgroups is not "
                "available"
            )
        states = StateDir(os.path.abspath(options.root or _default_root()))
        asked = {name: value for name, value in vars(options).items() if value}
        log.debug(f"{asked.pop('command')} by {sys.executable}, state in {states.root}: {asked}")
        return _COMMANDS[options.command](options, states, log)
    except EngineError as error:
        log.fail(error.message + (f" ({error.hint})" if error.hint else ""))
    except OSError as error:
        log.fail(str(error))
    return 1


def _fill_streams() -> None:
    """Have something open as standard input, output and error, as every Go program has.

    Else the next file that is opened here would take their number, and be the container's.
    """
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)


def _default_root() -> str:
    if os.geteuid() == 0:
        return "/run/ipycontainer-runtime"
    return f"{os.environ.get('XDG_RUNTIME_DIR') or '/tmp'}/ipycontainer-runtime-{os.geteuid()}"
