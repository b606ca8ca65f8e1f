"""What a program has drawn on its terminal: pyte's screen, with what vim, less and top need.

Between the bytes of a terminal and the rows of a page. Text stays text: a page gets it by
textContent, and colours as styles from a fixed table. pyte (0.8) has no alternate screen, no
scrolling by count, no repeated characters, and prints the sequences that it does not know.
"""

from __future__ import annotations

import codecs
import html
import re
from collections import deque
from collections.abc import Callable, Iterator
from copy import copy
from typing import Any

import pyte
from pyte.screens import Char

__all__ = ["BACKGROUND", "COLOURS", "FOREGROUND", "Row", "Screen"]

# Text and style of each run of characters that look alike; the style is CSS, "" for none.
Row = list[tuple[str, str]]

KEPT_LINES = 1000  # above the screen
HELD_LIMIT = 4096  # characters of a sequence that has not ended; more than that is no sequence
_ALTERNATE = {mode << 5 for mode in (47, 1047, 1049)}  # pyte marks private modes by the shift
_CURSOR_KEYS, _PASTE, _VISIBLE = 1 << 5, 2004 << 5, 25 << 5

_UNKNOWN = re.compile(
    r"\x1b\[[<=>][0-?]*[ -/]*[@-~]"  # private markers that are not `?`
    r"|\x1b\[[0-?]*[ -/]+[@-~]"  # with an intermediate: cursor styles, soft reset
    r"|\x1b[PX^_][^\x1b\x07]*(?:\x1b\\|\x07)"  # strings for devices and applications
    r"|\x1b[=>]"  # the keypad's mode
    r"|\x1b\[\?[0-9;]*[nqtu]"  # questions that only newer terminals answer
)
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[PX^_\]][^\x1b\x07]*\x1b?|[ -/]*)?\Z")

# As pyte names them, its misspelling included; the colours are those of many terminals.
_NAMES = "black red green brown blue magenta cyan white"
_DARK = "000000 cd3131 0dbc79 e5e510 2472c8 bc3fbc 11a8cd e5e5e5"
_LIGHT = "666666 f14c4c 23d18b f5f543 3b8eea d670d6 29b8db ffffff"
COLOURS = dict(zip(_NAMES.split(), _DARK.split(), strict=True))
COLOURS |= {f"bright{name}": c for name, c in zip(_NAMES.split(), _LIGHT.split(), strict=True)}
COLOURS["bfightmagenta"] = COLOURS["brightmagenta"]
_HEX = re.compile(r"[0-9a-f]{6}\Z")
FOREGROUND, BACKGROUND = "d4d4d4", "1e1e1e"


class _Stream(pyte.Stream):
    """pyte's parser with a few more sequences; one that raises is dropped, the rest goes on."""

    csi = pyte.Stream.csi | {"S": "scroll_up", "T": "scroll_down", "b": "repeat"}
    events = pyte.Stream.events | {"scroll_up", "scroll_down", "repeat"}

    def _send_to_parser(self, data: str) -> bool | None:
        try:
            return super()._send_to_parser(data)
        except Exception:  # noqa: BLE001 - what a program prints must not end its watcher
            return True


class _Grid(pyte.Screen):
    """The cells; `scrolled` gets each line that leaves the main screen at its top."""

    def __init__(self, columns: int, rows: int, scrolled: Callable[[Any], None]) -> None:
        self._scrolled = scrolled
        self._main: tuple[Any, Any, Any] | None = None
        self._last = ""
        self.answers: list[str] = []
        super().__init__(columns, rows)

    @property
    def is_alternate(self) -> bool:
        return self._main is not None

    def set_mode(self, *modes: int, **kwargs: Any) -> None:
        super().set_mode(*modes, **kwargs)
        if self._main is None and _is_alternate(modes, kwargs):
            self._main = (dict(self.buffer), copy(self.cursor), self.margins)
            self.margins = None
            self.buffer.clear()
            self.dirty.update(range(self.lines))

    def reset_mode(self, *modes: int, **kwargs: Any) -> None:
        super().reset_mode(*modes, **kwargs)
        if self._main is not None and _is_alternate(modes, kwargs):
            kept, self.cursor, self.margins = self._main
            self._main = None
            self.buffer.clear()
            self.buffer.update(kept)
            self.ensure_hbounds()
            self.ensure_vbounds()
            self.dirty.update(range(self.lines))

    def reset(self) -> None:
        self._main = None
        super().reset()

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Take another size; a lower one keeps the cursor's line, and drops empty ones below it.

        pyte drops lines at the top, needed or not, and leaves the cursor where it was.
        """
        excess = self.cursor.y + 1 - (lines or self.lines)
        self.margins = None
        if excess > 0:
            x = self.cursor.x
            self.cursor.y = self.lines - 1
            for _ in range(excess):
                self.index()
            self.cursor.x, self.cursor.y = x, (lines or self.lines) - 1
        for number in [each for each in self.buffer if each >= (lines or self.lines)]:
            del self.buffer[number]
        y = self.cursor.y
        self.lines = min(self.lines, lines or self.lines)  # nothing is left for pyte to drop
        super().resize(lines, columns)
        self.cursor.y = y
        self.ensure_hbounds()

    def index(self) -> None:
        top, bottom = self.margins or (0, self.lines - 1)
        if self.cursor.y == bottom and top == 0 and self._main is None:
            self._scrolled(self.buffer[0])
        super().index()

    def draw(self, data: str) -> None:
        self._last = data[-1:]
        super().draw(data)

    def repeat(self, count: int = 1, **_: Any) -> None:
        """Draw the last character again (REP)."""
        self.draw(self._last * min(count or 1, self.columns * self.lines))

    def scroll_up(self, count: int = 1, **_: Any) -> None:
        """Move the lines between the margins upwards (SU); the cursor stays."""
        self._at_margin(0, self.delete_lines, count)

    def scroll_down(self, count: int = 1, **_: Any) -> None:
        """Move the lines between the margins downwards (SD)."""
        self._at_margin(0, self.insert_lines, count)

    def _at_margin(self, edge: int, act: Callable[[int], None], count: int) -> None:
        x, y = self.cursor.x, self.cursor.y
        self.cursor.y = (self.margins or (0, self.lines - 1))[edge]
        act(count or 1)
        self.cursor.x, self.cursor.y = x, y

    def report_device_status(self, mode: int = 0, **kwargs: Any) -> None:
        if not kwargs.get("private"):
            super().report_device_status(mode)

    def write_process_input(self, data: str) -> None:
        self.answers.append(data)


def _is_alternate(modes: tuple[int, ...], kwargs: dict[str, Any]) -> bool:
    return bool(kwargs.get("private") and {mode << 5 for mode in modes} & _ALTERNATE)


class Screen:
    """A terminal's rows, as the last byte left them."""

    def __init__(self, rows: int, columns: int) -> None:
        # Lines as pyte has them: in a flood most are gone before anybody wants to see them.
        self._history: deque[Any] = deque(maxlen=KEPT_LINES)
        self._new_history: deque[Any] = deque(maxlen=KEPT_LINES)
        self._grid = _Grid(columns, rows, self._scrolled)
        self._stream = _Stream(self._grid)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def feed(self, data: bytes) -> str:
        """Take what the program printed; return what the terminal answers to its questions."""
        text = self._held + self._decoder.decode(data)
        self._held = ""
        unfinished = _UNFINISHED.search(text)
        if unfinished is not None and len(unfinished[0]) < HELD_LIMIT:
            self._held, text = unfinished[0], text[: unfinished.start()]
        self._stream.feed(_UNKNOWN.sub("", text))
        answers, self._grid.answers = "".join(self._grid.answers), []
        return answers

    def skip(self) -> None:
        """Forget what was begun: bytes that follow were left out."""
        self._decoder.reset()
        self._held = ""

    def resize(self, rows: int, columns: int) -> None:
        """Take another size."""
        self._grid.resize(rows, columns)
        self._grid.dirty.update(range(rows))

    @property
    def size(self) -> tuple[int, int]:
        """Return rows and columns."""
        return self._grid.lines, self._grid.columns

    @property
    def cursor(self) -> tuple[int, int, bool]:
        """Return the cursor's row and column, and whether it is shown."""
        return self._grid.cursor.y, self._grid.cursor.x, _VISIBLE in self._grid.mode

    @property
    def title(self) -> str:
        """Return the title that the program gave."""
        return str(self._grid.title)

    @property
    def has_application_keys(self) -> bool:
        """Tell whether the arrow keys shall send what applications want (DECCKM)."""
        return _CURSOR_KEYS in self._grid.mode

    @property
    def brackets_paste(self) -> bool:
        """Tell whether the program wants to know what was pasted."""
        return _PASTE in self._grid.mode

    @property
    def is_alternate(self) -> bool:
        """Tell whether a full-screen program is shown, which has no lines above."""
        return self._grid.is_alternate

    def take_changes(self) -> tuple[list[Row], dict[int, Row]]:
        """Return the lines that scrolled out and the rows that changed, since the last call."""
        gone = [self._runs(line) for line in self._new_history]
        self._new_history.clear()
        rows = {number: self._row(number) for number in sorted(self._grid.dirty)}
        self._grid.dirty.clear()
        return gone, {number: row for number, row in rows.items() if number < self._grid.lines}

    def everything(self) -> tuple[list[Row], dict[int, Row]]:
        """Return all lines above, and all rows."""
        above = [self._runs(line) for line in self._history]
        return above, {number: self._row(number) for number in range(self.size[0])}

    def text(self) -> str:
        """Return lines and rows as text, without the empty ones at the end."""
        return "\n".join("".join(text for text, _ in row) for row in self._filled())

    def html(self) -> str:
        """Return lines and rows as HTML with inline styles, which survive in untrusted pages."""
        return "\n".join("".join(_span(*run) for run in row) for row in self._filled())

    def _filled(self) -> list[Row]:
        above, rows = self.everything()
        lines = [*above, *rows.values()]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def _scrolled(self, line: Any) -> None:
        self._history.append(line)
        self._new_history.append(line)

    def _row(self, number: int) -> Row:
        return self._runs(self._grid.buffer[number])

    def _runs(self, line: Any) -> Row:
        """Return a line as runs; spaces at its end that cannot be seen are left out."""
        row: Row = []
        for text, style in self._cells(line):
            if row and row[-1][1] == style:
                row[-1] = (row[-1][0] + text, style)
            else:
                row.append((text, style))
        if row and not row[-1][1]:
            row[-1] = (row[-1][0].rstrip(" "), "")
            if not row[-1][0]:
                row.pop()
        return row

    def _cells(self, line: Any) -> Iterator[tuple[str, str]]:
        last: tuple[Any, ...] = ()
        style = ""
        for column in range(min(max(line, default=-1) + 1, self._grid.columns)):
            char: Char = line[column]
            if char.data:  # the second half of a wide character has none
                if char[1:] != last:
                    last, style = char[1:], _style(char)
                yield char.data, style


def _style(char: Char) -> str:
    """Return the CSS of a character."""
    front, back = _colour(char.fg, FOREGROUND), _colour(char.bg, BACKGROUND)
    if char.reverse:
        front, back = back, front
    parts = []
    if front != FOREGROUND:
        parts.append(f"color:#{front}")
    if back != BACKGROUND:
        parts.append(f"background:#{back}")
    if char.bold:
        parts.append("font-weight:bold")
    if char.italics:
        parts.append("font-style:italic")
    lines = [
        name
        for name, on in (("underline", char.underscore), ("line-through", char.strikethrough))
        if on
    ]
    if lines:
        parts.append(f"text-decoration:{' '.join(lines)}")
    return ";".join(parts)


def _colour(name: str, default: str) -> str:
    if _HEX.match(name):
        return name
    return COLOURS.get(name, default)


def _span(text: str, style: str) -> str:
    escaped = html.escape(text)
    return f'<span style="{style}">{escaped}</span>' if style else escaped
