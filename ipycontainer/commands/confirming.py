"""Ask before something is removed for good, as docker's `prune` verbs do."""

from __future__ import annotations

import os

from ipycontainer.commands.prompt import read_line
from ipycontainer.commands.verb import Session
from ipycontainer.errors import UsageError

__all__ = ["confirmed"]


def confirmed(session: Session, warning: str) -> bool:
    """Ask whether to go on; who leaves the question says no. UsageError where there is nobody."""
    question = f"{warning}\nAre you sure you want to continue? [y/N] "
    try:
        if session.ask is not None:
            answer = session.ask(question, False)
        elif isinstance(session.stdin, int) and session.stdout is not None:
            os.write(session.stdout, question.encode())
            answer = read_line(session.stdin)
        else:
            raise UsageError(f"{warning} Say --force to do it", exit_code=1)
    except EOFError:
        return False
    except KeyboardInterrupt:
        if session.stdout is not None:
            os.write(session.stdout, b"\n")
        return False
    return answer.strip().lower() == "y"
