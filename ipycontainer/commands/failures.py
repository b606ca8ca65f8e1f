"""Errors as docker's shell prints them, with their exit codes.

Who refuses decides the form: the client (UsageError, Unsupported) speaks plainly, the daemon (all
else) after `Error response from daemon: `; `run` puts the program's name before both.
"""

from __future__ import annotations

from ipycontainer.commands.records import Inspected, Outcome
from ipycontainer.errors import (
    AmbiguousId,
    CommandNotExecutable,
    Conflict,
    EngineError,
    InvalidReference,
    NotFound,
    OperationTimeout,
    Unsupported,
    UsageError,
)

__all__ = ["exit_code", "failure_text", "goes_to_stdout"]

PROGRAM = "ipycontainer"
_DAEMON = "Error response from daemon: "
# docker/cli `cli/command/container/run.go`, toStatusError
_CODES_BY_WORDS = (
    ("executable file not found", 127),
    ("no such file or directory", 127),
    ("permission denied", 126),
    ("is a directory", 126),
)
_TIME_IS_OVER = 124  # timeout(1)'s
_NO_EXEC = 126  # docker 26.1.5 ends `exec` so, whatever kept the program from starting


def exit_code(error: EngineError, verb: str, *, detached: bool = False) -> int:
    """Return the code with which docker ends a verb that this error stopped."""
    if isinstance(error, UsageError):
        return error.exit_code
    if isinstance(error, OperationTimeout):
        return _TIME_IS_OVER
    if verb == "run":
        return _run_code(error)
    if isinstance(error, Unsupported) and verb == "create":
        return error.run_code
    return _NO_EXEC if goes_to_stdout(error, verb, detached=detached) else 1


def _run_code(error: EngineError) -> int:
    """Return the code of `run`: docker's client takes it from the daemon's words."""
    if error.run_code == EngineError.run_code and not isinstance(error, Unsupported):
        for words, code in _CODES_BY_WORDS:
            if words in error.message:
                return code
    return error.run_code


def goes_to_stdout(error: EngineError, verb: str, *, detached: bool = False) -> bool:
    """Tell whether docker 26.1.5 prints it where the program's output would have been.

    So it does with whatever kept a program of `exec` from starting in a container that runs.
    """
    before = isinstance(
        error, (UsageError, Unsupported, NotFound, AmbiguousId, Conflict, OperationTimeout)
    )
    return verb == "exec" and not before and not detached


def failure_text(
    error: EngineError, verb: str, outcome: Outcome | None = None, *, detached: bool = False
) -> str:
    """Return the lines that docker prints for an error, newline included."""
    if isinstance(error, UsageError) and error.usage:
        return f"{error.message}\n{error.usage}\n"
    if isinstance(error, OperationTimeout):  # ours: no daemon has said it
        return f"{error.message}\n"
    see = f"See '{PROGRAM} {verb} --help'."
    if isinstance(error, (UsageError, Unsupported)):
        if verb in ("run", "create") and exit_code(error, verb) >= EngineError.run_code:
            return f"{PROGRAM}: {_sentence(error.message)}\n{see}\n"
        return f"{error.message}\n"
    if isinstance(error, InvalidReference) and verb in ("run", "create"):  # the client looks first
        text = f"{PROGRAM}: {_sentence(error.message)}\n{see}" if verb == "run" else error.message
        return f"{text}\n"
    words = _words(error)
    if goes_to_stdout(error, verb, detached=detached):
        return f"{words}\r\n"  # the daemon writes it into the program's stream, for a terminal
    if verb == "run":
        text = f"{PROGRAM}: {_DAEMON}{_sentence(words)}\n"
        # An error of the start comes with an outcome: then there is no word about the usage.
        return text if outcome is not None else f"{text}{see}\n"
    if isinstance(outcome, Inspected) and type(error) is NotFound:
        return f"Error: {words}\n"
    return f"{_DAEMON}{words}\n"


def _words(error: EngineError) -> str:
    """Return the error's words; Go says of a directory also that it may not be executed."""
    if isinstance(error, CommandNotExecutable) and error.message.endswith(
        "is a directory: unknown"
    ):
        return f"{error.message}: permission denied"
    return error.message


def _sentence(text: str) -> str:
    """Return a text with one full stop, as docker's `run` ends its errors."""
    return text.removesuffix(".") + "."
