"""Docker's sentence around what a runtime said of a start. Source: moby 26.1 `daemon/errors.go`."""

from __future__ import annotations

__all__ = ["sentence", "start_code"]

_NOT_A_DIRECTORY = "not a directory"
_MISMATCH = (
    ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified "
    "host path exists and is the expected type"
)


def sentence(form: str, message: str) -> str:
    """Put a runtime's message into docker's sentence, with docker's guess where it has one."""
    guess = _MISMATCH if _NOT_A_DIRECTORY in message else ""
    return form.format(message) + guess


def start_code(message: str, otherwise: int) -> int:
    """Return the exit code of a container that could not start."""
    return 127 if _NOT_A_DIRECTORY in message else otherwise
