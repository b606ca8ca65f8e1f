"""A bar for each layer while images move, in the cell that moves them; text once it is done.

Between magics and the verbs' transfers. One display that is drawn over: whatever moment a notebook
is saved at, it holds the last picture, and needs neither a kernel nor a widget's code to show it.
Everything is escaped and styled inline; <progress> survives in an untrusted notebook.
"""

from __future__ import annotations

import getpass
import html
import time
from typing import TYPE_CHECKING, Any

from IPython.core.error import StdinNotImplementedError
from IPython.display import DisplayHandle, display

from ipycontainer.commands.transfers import bar
from ipycontainer.errors import EngineError, UsageError
from ipycontainer.model.transfer import Progress
from ipycontainer.model.units import human_size

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import Transfer

__all__ = ["Bars", "ask", "attend"]

_EACH_SECONDS = 0.1  # a front end draws no faster, and a server's rate limit is never near
_TEXT_COLUMNS = 30
_CELL = "padding:.1em .7em;white-space:nowrap;text-align:left"


def attend(transfer: Transfer, notice: str = "", *, to_errors: bool = False) -> Any:
    """Show a transfer until its end, and return its result; an interrupt stops the transfer."""
    del to_errors  # a notebook shows it in its own place
    bars = Bars(notice)
    try:
        for progress in transfer:
            bars.show(progress)
        result = transfer.result()
    except BaseException as error:
        transfer.cancel()
        bars.freeze("failed" if isinstance(error, EngineError) else "stopped")
        raise
    bars.freeze()
    return result


def ask(question: str, hidden: bool) -> str:
    """Ask the user, through the kernel's own input. Raises UsageError where nobody can answer."""
    try:
        return getpass.getpass(question) if hidden else input(question)
    except (EOFError, StdinNotImplementedError) as error:
        message = f"{question.rstrip(': ')} is asked for, and nobody is here to answer"
        raise UsageError(message, exit_code=1) from error


class Bars:
    """The picture: a row for each layer, lines about the whole below."""

    def __init__(self, notice: str = "") -> None:
        self._head = notice
        self._layers: dict[str, Progress] = {}
        self._lines: list[str] = []
        self._handle: DisplayHandle | None = None
        self._drawn_at = 0.0
        self._end = ""  # the word for an end that is none
        if notice:
            self._draw(live=True)

    def show(self, progress: Progress) -> None:
        """Take a piece of progress, and draw when it is time again."""
        if not progress.id:
            self._lines.append(progress.status)
        elif progress.status.startswith("Pulling from "):
            self._head = "\n".join(
                [*([self._head] if self._head else []), f"{progress.id}: {progress.status}"]
            )
        else:
            self._layers[progress.id] = progress
        if time.monotonic() - self._drawn_at >= _EACH_SECONDS:
            self._draw(live=True)

    def freeze(self, end: str = "") -> None:
        """Draw the last picture, which stays in the notebook."""
        self._end = end
        if self._handle is not None or self._layers or self._lines:
            self._draw(live=False)

    def _draw(self, *, live: bool) -> None:
        bundle = {"text/plain": self._text(), "text/html": self._html(live=live)}
        if self._handle is None:
            handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
            self._handle = handle if isinstance(handle, DisplayHandle) else None
        else:
            self._handle.update(bundle, raw=True)  # type: ignore[no-untyped-call]
        self._drawn_at = time.monotonic()

    def _text(self) -> str:
        lines = [self._head] if self._head else []
        for each in self._layers.values():
            line = f"{each.id}: {each.status}"
            if each.total:
                line += f" {bar(each.current, each.total, _TEXT_COLUMNS)} {_bytes(each)}"
            lines.append(line)
        return "\n".join([*lines, *self._lines, *filter(None, [self._end])])

    def _html(self, *, live: bool) -> str:
        live = live and not self._end
        rows = "".join(_row(each, live=live) for each in self._layers.values())
        table = f'<table style="border-collapse:collapse">{rows}</table>' if rows else ""
        head = "".join(f"<div>{html.escape(line)}</div>" for line in self._head.splitlines())
        lines = [*self._lines, *filter(None, [self._end])]
        tail = "".join(f"<div>{html.escape(line)}</div>" for line in lines)
        return f"<div>{head}{table}{tail}</div>"


def _row(progress: Progress, *, live: bool) -> str:
    picture = ""
    if progress.total and live:
        share = progress.current / progress.total
        picture = f'<progress max="1" value="{share:.4f}" style="width:14em"></progress>'
    size = _bytes(progress) if progress.total else ""
    cells = (
        f"<code>{html.escape(progress.id)}</code>",
        html.escape(progress.status),
        picture,
        html.escape(size),
    )
    return "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells) + "</tr>"


def _bytes(progress: Progress) -> str:
    return f"{human_size(progress.current, 3)}/{human_size(progress.total, 3)}"
