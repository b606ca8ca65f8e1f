"""A line of a log as runs of text that look alike: colours become styles from a fixed table.

What reaches the page is text and our own CSS, nothing else; control sequences other than colours
have been taken out by TerminalText. ECMA-48 8.3.117 (SGR), xterm's 256 colours.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from kernel_ext.screen import BACKGROUND, COLOURS, FOREGROUND
from kernel_ext.terminal_text import TerminalText
from kernel_ext.visible import visible

__all__ = ["Run", "as_html", "plain", "runs"]

Run = tuple[str, str]  # text, and its CSS

LINE_CHARACTERS = 4096
_SGR = re.compile(r"\x1b\[([0-9;:]*)m")
_LEVELS = (0, 95, 135, 175, 215, 255)
# Dark letters on the log's dark ground would not be read: these stand in for black and blue.
_READABLE = {"000000": "8a8a8a", "2472c8": "4c96e8", "cd3131": "f0706a", "bc3fbc": "d670d6"}


def runs(line: bytes) -> list[Run]:
    """Return a line's runs; one that is very long ends with how much is missing."""
    cut = line[: LINE_CHARACTERS * 4]
    cleaner = TerminalText()
    text = cleaner.feed(cut.rstrip(b"\r\n")) + cleaner.end()
    # A program that draws a bar goes back to the line's begin: the last drawing is what one sees.
    text = text.rpartition("\r")[2]
    left_out = len(line) - len(cut) + max(0, len(text) - LINE_CHARACTERS)
    found = list(_styled(text[:LINE_CHARACTERS]))
    if left_out:
        found.append((f" … {left_out} more bytes", "font-style:italic"))
    return found


def plain(line: list[Run]) -> str:
    """Return a line's text."""
    return "".join(text for text, _ in line)


def as_html(line: list[Run]) -> str:
    """Return a line's HTML, which an untrusted page keeps."""
    return "".join(
        f'<span style="{style}">{html.escape(text)}</span>' if style else html.escape(text)
        for text, style in line
    )


def _styled(text: str) -> Iterator[Run]:
    look = _Look()
    position = 0
    for found in _SGR.finditer(text):
        if found.start() > position:
            yield visible(text[position : found.start()]), look.css
        look.take(found[1])
        position = found.end()
    if position < len(text):
        yield visible(text[position:]), look.css


class _Look:
    """How the next characters look."""

    def __init__(self) -> None:
        self._clear()
        self.css = ""

    def _clear(self) -> None:
        self._front = self._back = ""
        self._marks: set[str] = set()
        self._is_reversed = False

    def take(self, words: str) -> None:
        """Take the numbers of one sequence."""
        numbers = [int(word) if word else 0 for word in re.split("[;:]", words)]
        while numbers:
            number = numbers.pop(0)
            if number in (38, 48):
                colour = _given(numbers)
                if number == 38:
                    self._front = colour
                else:
                    self._back = colour
            else:
                self._one(number)
        self.css = self._style()

    def _one(self, number: int) -> None:
        if number == 0:
            self._clear()
        elif number in _MARKS:
            self._marks.add(_MARKS[number])
        elif number in _ENDS:
            self._marks -= _ENDS[number]
        elif number in (7, 27):
            self._is_reversed = number == 7
        elif 30 <= number <= 37:
            self._front = _ANSI[number - 30]
        elif 90 <= number <= 97:
            self._front = _ANSI[number - 82]
        elif 40 <= number <= 47:
            self._back = _ANSI[number - 40]
        elif 100 <= number <= 107:
            self._back = _ANSI[number - 92]
        elif number == 39:
            self._front = ""
        elif number == 49:
            self._back = ""

    def _style(self) -> str:
        front, back = self._front, self._back
        if self._is_reversed:
            front, back = back or BACKGROUND, front or FOREGROUND
        elif front and not back:
            front = _READABLE.get(front, front)
        parts = [f"color:#{front}"] if front else []
        parts += [f"background:#{back}"] if back else []
        return ";".join([*parts, *sorted(self._marks)])


_MARKS = {
    1: "font-weight:bold",
    3: "font-style:italic",
    4: "text-decoration:underline",
    9: "text-decoration:line-through",
}
_ENDS = {
    22: {"font-weight:bold"},
    23: {"font-style:italic"},
    24: {"text-decoration:underline"},
    29: {"text-decoration:line-through"},
}
_ANSI = tuple(COLOURS.values())[:16]


def _given(numbers: list[int]) -> str:
    """Take a colour by its number of 256, or by its parts, from the front; "" for neither."""
    kind = numbers.pop(0) if numbers else 0
    if kind == 5 and numbers:
        return _of_256(numbers.pop(0))
    if kind == 2 and len(numbers) >= 3:
        red, green, blue = (min(numbers.pop(0), 255) for _ in range(3))
        return f"{red:02x}{green:02x}{blue:02x}"
    return ""


def _of_256(number: int) -> str:
    if number < 16:
        return _ANSI[number]
    if number < 232:
        number -= 16
        red, green, blue = number // 36, number // 6 % 6, number % 6
        return f"{_LEVELS[red]:02x}{_LEVELS[green]:02x}{_LEVELS[blue]:02x}"
    grey = min(8 + (number - 232) * 10, 238)
    return f"{grey:02x}" * 3
