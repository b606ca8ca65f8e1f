"""`%container run?`: the question mark of IPython, for a verb, and how help looks in a page.

IPython takes `%container run?` for a question about an object of that name; a transformer turns it
into `%container run --help` before that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kernel_ext.visible import escaped

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["HelpPage", "questions", "register", "unregister"]

_QUESTION = re.compile(r"(\s*%{1,2}container(?:\s+[a-z]\w*){1,2})\s*\?{1,2}\s*")
_OPTION = re.compile(r"^  ( *(?:-\w, )?--[\w-]+)(?: (\S+))?  +(.*)$")


def questions(lines: list[str]) -> list[str]:
    """Return a cell's lines with a question about a verb as a call for its help."""
    if len(lines) == 1 and (found := _QUESTION.fullmatch(lines[0].rstrip("\n"))):
        return [f"{found[1].replace('%%', '%')} --help\n"]
    return lines


def register(shell: InteractiveShell) -> None:
    """Add the transformer, in place of an earlier load's."""
    unregister(shell)
    shell.input_transformers_cleanup.append(questions)


def unregister(shell: InteractiveShell) -> None:
    """Take it back."""
    kept = shell.input_transformers_cleanup
    kept[:] = [each for each in kept if getattr(each, "__name__", "") != questions.__name__]


class HelpPage:
    """The text of --help: as docker prints it, and as a page with a table of options."""

    def __init__(self, text: str) -> None:
        self._text = text.strip("\n")

    def __str__(self) -> str:
        return self._text

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        del cycle  # holds text only
        for number, line in enumerate(self._text.split("\n")):
            if number:
                printer.break_()
            printer.text(line)

    def _repr_html_(self) -> str:
        head, _, options = self._text.partition("\n\nOptions:\n")
        usage, _, about = head.partition("\n\n")
        parts = [
            f"<div><code>{escaped(usage.removeprefix('Usage:').strip())}</code></div>",
            *(f"<p>{_lines(block)}</p>" for block in about.split("\n\n") if block),
        ]
        if options:
            parts.append(_table(options.split("\n")))
        return f'<div style="line-height:1.6">{"".join(parts)}</div>'


def _lines(block: str) -> str:
    if block.startswith("Commands:"):
        rows = (line.strip().partition(" ") for line in block.split("\n")[1:])
        return (
            "<table>" + "".join(_row(name, "", text.strip()) for name, _, text in rows) + "</table>"
        )
    return "<br>".join(escaped(line.strip()) for line in block.split("\n"))


def _table(lines: Sequence[str]) -> str:
    rows: list[tuple[str, str, str]] = []
    for line in lines:
        if found := _OPTION.match(line):
            rows.append((found[1].strip(), found[2] or "", found[3]))
        elif rows and line.strip():
            name, kind, text = rows.pop()
            rows.append((name, kind, f"{text} {line.strip()}"))
    return "<table>" + "".join(_row(*row) for row in rows) + "</table>"


def _row(name: str, kind: str, text: str) -> str:
    cell = '<td style="text-align:left;vertical-align:top">'
    shown = f" <em>{escaped(kind)}</em>" if kind else ""
    return f"<tr>{cell}<code>{escaped(name)}</code>{shown}</td>{cell}{escaped(text)}</td></tr>"
