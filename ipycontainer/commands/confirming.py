"""Ask before something is removed for good, as docker's `prune` verbs do."""

from __future__ import annotations

import os

from ipycontainer.commands.verb import Session
from ipycontainer.errors import UsageError

__all__ = ["confirmed", "read_line"]

_LONGEST_ANSWER = 1024


def confirmed(session: Session, warning: str) -> bool:
    """Ask whether to go on. Raises UsageError where there is nobody to ask."""
    question = f"{warning}\nAre you sure you want to continue? [y/N] "
    if session.ask is not None:
        answer = session.ask(question, False)
    elif isinstance(session.stdin, int) and session.stdout is not None:
        os.write(session.stdout, question.encode())
        answer = read_line(session.stdin)
    else:
        raise UsageError(f"{warning} Say --force to do it", exit_code=1)
    return answer.strip().lower() == "y"


def read_line(fd: int) -> str:
    """Read one line, and nothing of what follows it."""
    line = b""
    while len(line) < _LONGEST_ANSWER and not line.endswith(b"\n"):
        byte = os.read(fd, 1)
        if not byte:
            break
        line += byte
    return line.decode(errors="replace")
