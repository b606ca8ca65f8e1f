"""JSON without its spaces, and what Go says of a text that is none.

Source: Go's encoding/json (scanner.go), whose messages docker's client shows.
"""

from __future__ import annotations

import re

from ipycontainer.commands.go_quoting import go_quote

__all__ = ["compacted"]

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LITERALS = {"t": "true", "f": "false", "n": "null"}
_MARK = "'"
_DEPTH = 1000  # of nesting; Go allows 10000, a profile has five


def compacted(text: str) -> str:
    """Return a JSON text without spaces between its tokens, else as it is.

    Raises ValueError in Go's words.
    """
    reader = _Reader(text)
    reader.value(0)
    if reader.next():
        raise reader.wrong("after top-level value")
    return "".join(reader.tokens)


class _Reader:
    """Goes through a text once and keeps its tokens."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.tokens: list[str] = []

    def next(self) -> str:
        """Return the next character that is no space, "" at the end, without taking it."""
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._text[self._at : self._at + 1]

    def wrong(self, where: str) -> ValueError:
        """Return the error about the character that is next."""
        found = self._text[self._at : self._at + 1]
        if not found:
            return ValueError("unexpected end of JSON input")
        return ValueError(f"invalid character {go_quote(found, _MARK)} {where}")

    def value(self, depth: int) -> None:
        """Take one value."""
        found = self.next()
        if found in ("{", "[") and depth < _DEPTH:
            self._take(1)
            self._members("}" if found == "{" else "]", depth)
        elif found == '"':
            self._string()
        elif found in _LITERALS:
            self._literal(_LITERALS[found])
        elif found and (number := _NUMBER.match(self._text, self._at)):
            self._take(len(number[0]))
        else:
            raise self.wrong("looking for beginning of value")

    def _members(self, closing: str, depth: int) -> None:
        if self.next() == closing:
            self._take(1)
            return
        while True:
            if closing == "}":
                if self.next() != '"':
                    raise self.wrong("looking for beginning of object key string")
                self._string()
                if self.next() != ":":
                    raise self.wrong("after object key")
                self._take(1)
            self.value(depth + 1)
            found = self.next()
            if found not in (",", closing) or not found:
                what = "object key:value pair" if closing == "}" else "array element"
                raise self.wrong(f"after {what}")
            self._take(1)
            if found == closing:
                return

    def _string(self) -> None:
        match = _STRING.match(self._text, self._at)
        assert match is not None  # it begins with a quote
        end = match.end()
        if self._text[end : end + 1] == '"':
            self._take(end + 1 - self._at)
            return
        self._at = end
        if self._text[end : end + 1] == "\\":
            self._at = end + 1
            if self._text[end + 1 : end + 2] == "u":
                self._at = end + 2
                while self._text[self._at : self._at + 1].isalnum() and self._is_hex():
                    self._at += 1
                raise self.wrong(r"in \u hexadecimal character escape")
            raise self.wrong("in string escape code")
        raise self.wrong("in string literal")

    def _is_hex(self) -> bool:
        return self._text[self._at] in "0123456789abcdefABCDEF"

    def _literal(self, word: str) -> None:
        start = self._at
        for letter in word:
            if self._text[self._at : self._at + 1] != letter:
                where = f"in literal {word} (expecting {go_quote(letter, _MARK)})"
                raise self.wrong(where)
            self._at += 1
        self._at = start
        self._take(len(word))

    def _take(self, count: int) -> None:
        self.tokens.append(self._text[self._at : self._at + count])
        self._at += count
