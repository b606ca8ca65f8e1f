"""Plain HTML for the still pictures: tables and badges with inline styles, text escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from kernel_ext.visible import visible

__all__ = ["Cell", "number", "table", "word"]

Cell = str  # a <td>, made by one of the functions below
_CELL = "text-align:left;white-space:nowrap;padding:.25em .7em"
_RIGHT = ";text-align:right"
_NUMBER = f'<td style="{_CELL}{_RIGHT}"'


def word(text: str, extra: str = "") -> Cell:
    """Return a cell of text, whatever it holds."""
    return f'<td style="{_CELL}{extra}">{html.escape(visible(text))}</td>'


def number(text: str) -> Cell:
    """Return a cell that stands to the right."""
    return word(text, _RIGHT)


def marked(inner: str) -> Cell:
    """Return a cell of HTML that is ours."""
    return f'<td style="{_CELL}">{inner}</td>'


def table(titles: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a table; what it stands in scrolls. A title stands as what is below it does."""
    lines = list(rows)
    first = lines[0] if lines else ("",) * len(titles)
    head = "".join(
        f'<th scope="col" style="{_CELL}{_RIGHT if cell.startswith(_NUMBER) else ""}">'
        f"{html.escape(title)}</th>"
        for title, cell in zip(titles, first, strict=True)
    )
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in lines)
    note = "" if body else '<div style="padding:.25em .7em">nothing to show</div>'
    return (
        '<table style="border-collapse:collapse">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"
    )
