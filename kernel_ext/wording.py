"""Errors in the words of a cell: what leads on is typed here, not in a shell.

The engine and the verbs name commands as a shell has them (`ipycontainer rm -f web`). Below magics.
"""

from __future__ import annotations

import re

from ipycontainer.errors import EngineError, Unsupported, UsageError

__all__ = ["in_words_of_a_cell", "named", "spoken"]

# What is typed in a shell, and what does the same in a cell. A whole pipe stays in its shell.
_FORMS = (
    (re.compile(r"(?<!shell: )(?<!terminal: )(?<!\| )\bipycontainer (?=-*[a-z])"), "%container "),
    (re.compile(r"(?<![\w%])pip install "), "%pip install "),
    (re.compile(r"(?<![\w%])export (?=\w+=)"), "%env "),
)


def spoken(text: str) -> str:
    """Return a next step as it is typed in a cell."""
    for shell, cell in _FORMS:
        text = shell.sub(cell, text)
    return text


def named(text: str) -> str:
    """Return a text with the program's name as it is typed here; in a sentence it stays."""
    return re.sub(r"(?<![a-z] )\bipycontainer(?=:| )", "%container", text)


def in_words_of_a_cell(error: EngineError) -> None:
    """Have an error name verbs as they are typed here, and the usage after a wrong number."""
    error.hint = spoken(error.hint)
    if not isinstance(error, UsageError | Unsupported):
        return
    said = error.message.replace("an ipycontainer command", "a %container command")
    error.message = named(said).strip("\n")
    usage = error.usage.splitlines() if isinstance(error, UsageError) else []
    lines = [line for line in usage if line.startswith("Usage:")]
    if lines and not error.hint:
        error.hint = " ".join(spoken(lines[0]).split())
