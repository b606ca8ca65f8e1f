"""Split a magic's line into words as a POSIX shell does, remembering what was quoted how.

First station of a cell (magics -> split -> expand -> commands). `shlex` forgets the quotes, and
without them nobody can tell `'{x}'` (text) from `{x}` (a Python expression). Quoting rules: POSIX
Shell Command Language, 2.2. Pure: knows nothing of commands, variables or the engine.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from IPython.core.error import UsageError

__all__ = ["Fragment", "Word", "field_end", "join_continued", "refuse_shell", "silenced", "split"]

_SPACE = " \t\r\n"
_ESCAPABLE_IN_DOUBLE_QUOTES = '$`"\\\n'


@dataclass(frozen=True, slots=True)
class Fragment:
    """A run of characters under one kind of quoting: `""` none, `"'"` or `'"'`.

    A character after a backslash counts as single-quoted: nothing in it is expanded.
    """

    text: str
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """One word of the line; an empty one was written as a pair of quotes."""

    fragments: tuple[Fragment, ...]

    @property
    def text(self) -> str:
        """Return the word as a program would get it."""
        return "".join(fragment.text for fragment in self.fragments)

    @property
    def bare(self) -> str:
        """Return the text if no part of the word was quoted or escaped, else nothing."""
        return self.text if all(fragment.quote == "" for fragment in self.fragments) else ""


class _Builder:
    """Collect fragments into words; adjacent characters of one quoting become one fragment."""

    def __init__(self) -> None:
        self.words: list[Word] = []
        self._fragments: list[Fragment] | None = None

    def add(self, text: str, quote: str = "") -> None:
        if self._fragments is None:
            self._fragments = []
        if self._fragments and self._fragments[-1].quote == quote:
            text = self._fragments.pop().text + text
        self._fragments.append(Fragment(text, quote))

    def end_word(self) -> None:
        if self._fragments is not None:
            kept = [part for part in self._fragments if part.text]
            self.words.append(Word(tuple(kept or self._fragments[:1])))
        self._fragments = None


def split(line: str) -> list[Word]:
    """Return the words of the line.

    An unquoted `{expression}` stays in one word, its own quotes and blanks included, so that
    `{row['id']}` means what it means in Python; braces that hold no expression are plain text.
    Raises UsageError for a quote that nobody closes.
    """
    words = _Builder()
    position = 0
    while position < len(line):
        character = line[position]
        if character in _SPACE:
            words.end_word()
            position += 1
        elif character == "'":
            end = _closing(line, position, "'")
            words.add(line[position + 1 : end], "'")
            position = end + 1
        elif character == '"':
            position = _double_quoted(line, position, words)
        elif character == "\\":
            position = _escaped(line, position, words)
        elif line.startswith(("{{", "}}", "${", "{}"), position):
            words.add(line[position : position + 2])
            position += 2
        elif character == "{" and (end := field_end(line, position)):
            words.add(line[position:end])
            position = end
        else:
            words.add(character)
            position += 1
    words.end_word()
    return words.words


def _closing(line: str, start: int, quote: str) -> int:
    end = line.find(quote, start + 1)
    if end < 0:
        raise UsageError(f"no closing {quote} for {line[start:]}")
    return end


def _double_quoted(line: str, start: int, words: _Builder) -> int:
    words.add("", '"')
    position = start + 1
    while position < len(line):
        character = line[position]
        if character == '"':
            return position + 1
        following = line[position + 1 : position + 2]
        if character == "\\" and following and following in _ESCAPABLE_IN_DOUBLE_QUOTES:
            if following != "\n":
                words.add(following, "'")
            position += 2
        else:
            words.add(character, '"')
            position += 1
    raise UsageError(f'no closing " for {line[start:]}')


def _escaped(line: str, start: int, words: _Builder) -> int:
    if start + 1 == len(line):
        raise UsageError("the line ends with a backslash, and no line follows")
    if line[start + 1] != "\n":
        words.add(line[start + 1], "'")
    return start + 2


def field_end(text: str, start: int) -> int:
    r"""Return the position after the `}` that ends the field opened at `start`; 0 if none does.

    The first closing brace that leaves a valid expression wins: `{d['}']}` is one field.
    """
    end = text.find("}", start + 1)
    while end >= 0:
        expression = text[start + 1 : end].strip()
        if expression and _is_expression(expression):
            return end + 1
        end = text.find("}", end + 1)
    return 0


def _is_expression(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "invalid escape sequence" in what may be no Python at all
        try:
            compile(text, "<field>", "eval", dont_inherit=True)
        except (SyntaxError, ValueError, MemoryError, RecursionError):  # NUL bytes, deep nesting
            return False
    return True


def join_continued(line: str, body: str) -> tuple[str, str]:
    r"""Move the lines that a cell's first line continues onto (`\` at its end) out of the body.

    IPython joins such lines for a line magic, but takes only the first for a cell magic.
    """
    while _continues(line) and body:
        following, _, body = body.partition("\n")
        line = f"{line[:-1]} {following}"
    return line, body


def _continues(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def silenced(words: Sequence[Word]) -> tuple[list[Word], bool]:
    """Return the words without one unquoted `;` at the very end, and whether there was one."""
    if not words or words[-1].fragments[-1].quote or not words[-1].text.endswith(";"):
        return list(words), False
    *before, last = words
    *head, tail = last.fragments
    rest = [*head, *([Fragment(tail.text[:-1])] if tail.text != ";" else [])]
    return [*before, *([Word(tuple(rest))] if rest else [])], True


# A redirection may stick to its file (`2>/dev/null`); the others are words of their own, as in
# `pip install 'x>=3'` a reader would expect them to be.
_OPERATOR = re.compile(r"\|\|?&?|&&?|;;?|\d*(?:>>?|<<?<?|<>|>\|)(?:&?[^\s=].*|&?)|&>>?.*")
_ADVICE = {
    "|": "a magic line has no pipes: give the container the whole pipe, sh -c '... | ...'",
    ">": "no shell reads this line: %%container --stdout NAME keeps the output in a variable",
    "<": "no shell reads this line: the body of a %%container cell is the program's input",
    "$": "put the result in a variable: ids = %container ps -aq, then %container rm {ids}",
    "&": "a magic line runs one command: run -d starts a container in the background",
    ";": "a magic line runs one command: put the next on a line of its own",
}


def refuse_shell(words: Sequence[Word]) -> None:
    """Raise UsageError for what only a shell understands, naming the way to do it here.

    Only unquoted words count: `sh -c 'a | b'` is the container's own business.
    """
    for word in words:
        for sign in ("$(", "`"):
            if any(sign in part.text and not part.quote for part in word.fragments):
                raise UsageError(f"{word.text}: no shell reads this line; {_ADVICE['$']}")
        if word.bare and _OPERATOR.fullmatch(word.bare):
            sign = word.bare.lstrip("0123456789")[0]
            if sign == "&" and ">" in word.bare:
                sign = ">"
            raise UsageError(f"{word.bare}: {_ADVICE[sign]} (or quote it: '{word.bare}')")
