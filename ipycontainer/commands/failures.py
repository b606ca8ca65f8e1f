"""Errors as docker's shell prints them, with their exit codes.

Who refuses decides the form: the client (UsageError, Unsupported) speaks plainly, the daemon (all
else) after `Error response from daemon: `; `run` puts the program's name before both. Where a
program cannot be started, docker shows the chain of programs through which the reason came.
"""

from __future__ import annotations

from ipycontainer.commands.records import Inspected, Outcome
from ipycontainer.errors import (
    CommandNotExecutable,
    CommandNotFound,
    EngineError,
    NotFound,
    StepFailed,
    Unsupported,
    UsageError,
)

__all__ = ["daemon_words", "exit_code", "failure_text", "goes_to_stdout"]

PROGRAM = "ipycontainer"
_DAEMON = "Error response from daemon: "
_RUN_CHAIN = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: "
    "runc create failed: unable to start container process: "
)
_EXEC_CHAIN = "OCI runtime exec failed: exec failed: unable to start container process: "
_NO_EXEC = 126  # docker 26.1.5 ends `exec` so, whatever kept the program from starting


def daemon_words(error: EngineError, verb: str) -> str:
    """Return what docker prints after its prefix for an error of a program's start."""
    if not isinstance(error, (CommandNotFound, CommandNotExecutable)):
        return error.message
    chain = _EXEC_CHAIN if verb == "exec" else _RUN_CHAIN
    end = ": unknown: permission denied" if "is a directory" in error.message else ": unknown"
    return f"{chain}{error.message}{end}"


def exit_code(error: EngineError, verb: str, *, detached: bool = False) -> int:
    """Return the code with which docker ends a verb that this error stopped."""
    if isinstance(error, UsageError):
        return error.exit_code
    if verb == "run":
        return error.run_code
    if isinstance(error, Unsupported) and verb == "create":
        return error.run_code
    if verb == "exec" and isinstance(error, StepFailed) and not detached:
        return _NO_EXEC
    return 1


def goes_to_stdout(error: EngineError, verb: str, *, detached: bool = False) -> bool:
    """Tell whether docker 26.1.5 prints it where the program's output would have been."""
    return verb == "exec" and isinstance(error, StepFailed) and not detached


def failure_text(
    error: EngineError, verb: str, outcome: Outcome | None = None, *, detached: bool = False
) -> str:
    """Return the lines that docker prints for an error, newline included."""
    if isinstance(error, UsageError) and error.usage:
        return f"{error.message}\n{error.usage}\n"
    see = f"See '{PROGRAM} {verb} --help'."
    if isinstance(error, (UsageError, Unsupported)):
        if verb in ("run", "create") and exit_code(error, verb) == EngineError.run_code:
            return f"{PROGRAM}: {_sentence(error.message)}\n{see}\n"
        return f"{error.message}\n"
    words = daemon_words(error, verb)
    if goes_to_stdout(error, verb, detached=detached):
        return f"{words}\n"
    if verb == "run":
        text = f"{PROGRAM}: {_DAEMON}{_sentence(words)}\n"
        return text if isinstance(error, StepFailed) or outcome is not None else f"{text}{see}\n"
    if isinstance(outcome, Inspected) and type(error) is NotFound:
        return f"Error: {words}\n"
    return f"{_DAEMON}{words}\n"


def _sentence(text: str) -> str:
    """Return a text with one full stop, as docker's `run` ends its errors."""
    return text.removesuffix(".") + "."
