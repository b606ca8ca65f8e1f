"""Small acts on a monitor's own children."""

from __future__ import annotations

import os

__all__ = ["SIGNALLED", "open_null", "reap"]

# Docker's exit code of a program that signal n killed is 128 + n, of one that never ran 128 alone.
SIGNALLED = 128


def reap(pid: int) -> int:
    """Return the exit code of an ended child, in the shell's numbers."""
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else SIGNALLED - code


def open_null() -> int:
    """Open what stands for a stream that nobody gave."""
    return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
