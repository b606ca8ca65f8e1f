"""Docker's question before something is removed that nobody named."""

from __future__ import annotations

import os
import sys

from ipycontainer.commands.verb import Session
from ipycontainer.errors import UsageError

__all__ = ["agreed"]


def agreed(session: Session, warning: str, forced: str) -> bool:
    """Ask the shell's user; anything but `y` is no. A notebook has nobody to ask: UsageError.

    `forced` is the line that does it without a question.
    """
    if not isinstance(session.stdin, int):
        raise UsageError(f"{warning} Say -f to do it", exit_code=1, hint=f"%container {forced}")
    sys.stdout.write(f"WARNING! {warning}\nAre you sure you want to continue? [y/N] ")
    sys.stdout.flush()
    answer = b""
    while not answer.endswith(b"\n") and (letter := os.read(session.stdin, 1)):
        answer += letter
    return answer.strip().lower() == b"y"
