"""How the shell shows a transfer: docker's lines, and on a terminal a bar for each layer.

Docker's own rules: in a file each new state is a line and bytes are not told; on a terminal each
layer has one line that is drawn over. Source: moby `pkg/jsonmessage`.
"""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any, TextIO

from ipycontainer.commands.go_quoting import safe_for_terminal
from ipycontainer.model.transfer import Progress
from ipycontainer.model.units import human_size

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import Transfer

__all__ = ["Bars", "attend", "bar"]

_EACH_SECONDS = 0.1
_BAR_COLUMNS = 50


def attend(transfer: Transfer, notice: str, stream: TextIO, *, terminal: bool) -> Any:
    """Show a transfer on a stream until its end, and return its result.

    Whatever keeps it from ending, an interrupt above all, stops the transfer too.
    """
    if notice:
        stream.write(f"{notice}\n")
        stream.flush()
    bars = Bars(stream) if terminal else None
    try:
        for progress in transfer:
            if bars is not None:
                bars.show(progress)
            elif not progress.total:
                stream.write(f"{_line(progress)}\n")
                stream.flush()
        if bars is not None:
            bars.draw()
        return transfer.result()
    except BaseException:
        transfer.cancel()
        if bars is not None:
            bars.draw()
        raise


def _line(progress: Progress) -> str:
    return f"{progress.id}: {progress.status}" if progress.id else progress.status


class Bars:
    """A line for each layer, drawn over in place; other lines stay above or below."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: dict[str, Progress] = {}
        self._drawn = 0
        self._drawn_at = 0.0

    def show(self, progress: Progress) -> None:
        """Take a piece of progress, and draw when it is time again."""
        if not progress.id:
            self.draw()
            self._write(f"{safe_for_terminal(progress.status)}\n")
            self._lines, self._drawn = {}, 0
            return
        self._lines[progress.id] = progress
        if time.monotonic() - self._drawn_at >= _EACH_SECONDS:
            self.draw()

    def draw(self) -> None:
        """Draw all lines over what was drawn before (ECMA-48: CUU, EL)."""
        columns = shutil.get_terminal_size().columns
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        lines = [f"\r\x1b[2K{_bar_line(each, columns)}\n" for each in self._lines.values()]
        self._write(up + "".join(lines))
        self._drawn = len(lines)
        self._drawn_at = time.monotonic()

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _bar_line(progress: Progress, columns: int) -> str:
    text = safe_for_terminal(_line(progress))
    if progress.total:
        text += f" {bar(progress.current, progress.total, min(_BAR_COLUMNS, columns - 50))}"
        text += f"  {human_size(progress.current, 4)}/{human_size(progress.total, 4)}"
    return text[: columns - 1]


def bar(current: int, total: int, columns: int) -> str:
    """Return docker's bar: `[=====>     ]`."""
    if columns < 5:
        return ""
    done = min(columns, columns * current // total)
    head = "=" * done if done == columns else "=" * done + ">"
    return f"[{head.ljust(columns)[:columns]}]"
