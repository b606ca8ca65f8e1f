"""Go's template lexer: a text becomes items, the same ones with the same errors.

Source: Go 1.24, text/template/parse/lex.go. One method a state; a state returns the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from ipycontainer.commands.go_quoting import go_quote

__all__ = ["KEYWORDS", "Item", "Kind", "items"]

_LEFT, _RIGHT = "{{", "}}"
_SPACES = " \t\r\n"
_TRIM = 2  # length of a trim marker: the minus and its space
_END = ""  # the character after the last
_DECIMAL, _HEX = "0123456789_", "0123456789abcdefABCDEF_"


class Kind(Enum):
    """What an item is."""

    ERROR = auto()
    EOF = auto()
    BOOL = auto()
    CHAR = auto()
    CHAR_CONSTANT = auto()
    COMPLEX = auto()
    ASSIGN = auto()
    DECLARE = auto()
    FIELD = auto()
    IDENTIFIER = auto()
    LEFT_DELIM = auto()
    LEFT_PAREN = auto()
    NUMBER = auto()
    PIPE = auto()
    RAW_STRING = auto()
    RIGHT_DELIM = auto()
    RIGHT_PAREN = auto()
    SPACE = auto()
    STRING = auto()
    TEXT = auto()
    VARIABLE = auto()
    DOT = auto()
    BLOCK = auto()
    BREAK = auto()
    CONTINUE = auto()
    DEFINE = auto()
    ELSE = auto()
    END = auto()
    IF = auto()
    NIL = auto()
    RANGE = auto()
    TEMPLATE = auto()
    WITH = auto()


KEYWORDS = {
    ".": Kind.DOT,
    "block": Kind.BLOCK,
    "break": Kind.BREAK,
    "continue": Kind.CONTINUE,
    "define": Kind.DEFINE,
    "else": Kind.ELSE,
    "end": Kind.END,
    "if": Kind.IF,
    "nil": Kind.NIL,
    "range": Kind.RANGE,
    "template": Kind.TEMPLATE,
    "with": Kind.WITH,
}
_SHOWN_CHARACTERS = 10


@dataclass(frozen=True, slots=True)
class Item:
    """One item, with its place: characters from the start of the text, and its line from 1."""

    kind: Kind
    position: int
    text: str
    line: int

    def __str__(self) -> str:
        """Return the item as Go's errors show it."""
        if self.kind is Kind.EOF:
            return "EOF"
        if self.kind is Kind.ERROR:
            return self.text
        if self.kind in KEYWORDS.values():
            return f"<{self.text}>"
        if len(self.text.encode(errors="surrogateescape")) > _SHOWN_CHARACTERS:
            return f"{go_quote(self.text[:_SHOWN_CHARACTERS])}..."
        return go_quote(self.text)


def items(text: str) -> Iterator[Item]:
    """Yield the items of a text: the last is EOF or an error."""
    lexer = _Lexer(text)
    state: _State | None = lexer.in_text
    while state is not None:
        state = state()
        yield from lexer.found
        lexer.found.clear()


_State = Callable[[], "_State | None"]


class _Lexer:
    """Goes through a text once; `found` are the items that a state has emitted."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._start = self._at = 0
        self._depth = 0  # of parentheses
        self.found: list[Item] = []

    # what is next

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        character = self._peek()
        self._at += 1 if character else 0
        return character

    def _accept(self, valid: str) -> bool:
        character = self._peek()
        if character and character in valid:
            self._at += 1
            return True
        return False

    def _accept_run(self, valid: str) -> None:
        while self._accept(valid):
            pass

    def _at_right(self) -> tuple[bool, bool]:
        """Tell whether the action ends here, and whether with a trim marker."""
        text, at = self._text, self._at
        marked = text[at : at + 1] in tuple(_SPACES) and text[at + 1 : at + 2] == "-"
        if marked and text.startswith(_RIGHT, at + _TRIM):
            return True, True
        return text.startswith(_RIGHT, at), False

    def _at_terminator(self) -> bool:
        character = self._peek()
        return character in (_END, ".", ",", "|", ":", ")", "(", *_SPACES) or self._text.startswith(
            _RIGHT, self._at
        )

    # what is found

    def _emit(self, kind: Kind) -> None:
        text = self._text[self._start : self._at]
        line = self._text.count("\n", 0, self._start) + 1
        self.found.append(Item(kind, self._start, text, line))
        self._start = self._at

    def _fail(self, message: str) -> None:
        line = self._text.count("\n", 0, self._start) + 1
        self.found.append(Item(Kind.ERROR, self._start, message, line))

    def _skip_space(self) -> None:
        while self._peek() in tuple(_SPACES):
            self._at += 1

    # states

    def in_text(self) -> _State | None:
        """Take what stands outside of actions."""
        end = self._text.find(_LEFT, self._at)
        if end < 0:
            self._at = len(self._text)
            if self._at > self._start:
                self._emit(Kind.TEXT)
            self._emit(Kind.EOF)
            return None
        inner = self._text[end + len(_LEFT) : end + len(_LEFT) + _TRIM]
        trimmed = len(inner) == _TRIM and inner[0] == "-" and inner[1] in _SPACES
        self._at = end
        if trimmed:
            self._at = self._start + len(self._text[self._start : end].rstrip(_SPACES))
        if self._at > self._start:
            self._emit(Kind.TEXT)
        self._start = self._at = end
        after = end + len(_LEFT) + (_TRIM if trimmed else 0)
        if self._text.startswith("/*", after):
            self._start = self._at = after
            return self._comment()
        self._at = end + len(_LEFT)
        self._emit(Kind.LEFT_DELIM)
        self._start = self._at = after
        self._depth = 0
        return self._in_action

    def _comment(self) -> _State | None:
        end = self._text.find("*/", self._at + 2)
        if end < 0:
            self._fail("unclosed comment")
            return None
        self._at = end + 2
        closed, trimmed = self._at_right()
        if not closed:
            self._fail("comment ends before closing delimiter")
            return None
        self._at += len(_RIGHT) + (_TRIM if trimmed else 0)
        if trimmed:
            self._skip_space()
        self._start = self._at
        return self.in_text

    def _right(self) -> _State | None:
        _, trimmed = self._at_right()
        if trimmed:
            self._at += _TRIM
            self._start = self._at
        self._at += len(_RIGHT)
        self._emit(Kind.RIGHT_DELIM)
        if trimmed:
            self._skip_space()
            self._start = self._at
        return self.in_text

    def _in_action(self) -> _State | None:
        if self._at_right()[0]:
            if self._depth == 0:
                return self._right
            self._fail("unclosed left paren")
            return None
        character = self._next()
        if character in _SIGNS:
            self._emit(_SIGNS[character])
        elif character in tuple(_SPACES):
            return self._space
        elif character == ":":
            if self._next() != "=":
                self._fail("expected :=")
                return None
            self._emit(Kind.DECLARE)
        elif character in ('"', "'"):
            return self._quoted(character)
        elif character == "`":
            return self._raw_quoted
        elif character == "$":
            return self._field_or_variable(Kind.VARIABLE)
        elif character == "." and not ("0" <= self._peek() <= "9"):
            return self._field_or_variable(Kind.FIELD)
        elif character and character in "+-.0123456789":
            self._at -= 1
            return self._number
        elif _is_alphanumeric(character):
            return self._identifier
        elif character in ("(", ")"):
            return self._parenthesis(character)
        elif character.isascii() and character.isprintable() and character:
            self._emit(Kind.CHAR)
        else:
            what = f"unrecognized character in action: {_code_point(character)}"
            self._fail(what if character else "unclosed action")
            return None
        return self._in_action

    def _space(self) -> _State | None:
        count = 1
        while self._peek() in tuple(_SPACES):
            self._at += 1
            count += 1
        self._at -= 1  # the last may belong to a trim marker
        if self._at_right()[1]:
            if count == 1:
                return self._right
        else:
            self._at += 1
        self._emit(Kind.SPACE)
        return self._in_action

    def _parenthesis(self, character: str) -> _State | None:
        self._depth += 1 if character == "(" else -1
        if self._depth < 0:
            self._fail("unexpected right paren")
            return None
        self._emit(Kind.LEFT_PAREN if character == "(" else Kind.RIGHT_PAREN)
        return self._in_action

    def _identifier(self) -> _State | None:
        while _is_alphanumeric(self._peek()):
            self._at += 1
        word = self._text[self._start : self._at]
        if not self._at_terminator():
            self._fail(f"bad character {_code_point(self._peek())}")
            return None
        if word in KEYWORDS:
            self._emit(KEYWORDS[word])
        else:
            self._emit(Kind.BOOL if word in ("true", "false") else Kind.IDENTIFIER)
        return self._in_action

    def _field_or_variable(self, kind: Kind) -> _State | None:
        if self._at_terminator():
            self._emit(Kind.DOT if kind is Kind.FIELD else kind)
            return self._in_action
        while _is_alphanumeric(self._peek()):
            self._at += 1
        if not self._at_terminator():
            self._fail(f"bad character {_code_point(self._peek())}")
            return None
        self._emit(kind)
        return self._in_action

    def _quoted(self, mark: str) -> _State | None:
        what = "quoted string" if mark == '"' else "character constant"
        while (character := self._next()) != mark:
            if character == "\\":
                character = self._next()
            if character in (_END, "\n"):
                self._fail(f"unterminated {what}")
                return None
        self._emit(Kind.STRING if mark == '"' else Kind.CHAR_CONSTANT)
        return self._in_action

    def _raw_quoted(self) -> _State | None:
        end = self._text.find("`", self._at)
        if end < 0:
            self._fail("unterminated raw quoted string")
            return None
        self._at = end + 1
        self._emit(Kind.RAW_STRING)
        return self._in_action

    def _number(self) -> _State | None:
        whole = self._scan_number()
        kind = Kind.NUMBER
        if whole and self._peek() in ("+", "-"):
            whole = self._scan_number() and self._text[self._at - 1] == "i"
            kind = Kind.COMPLEX
        if not whole:
            self._fail(f"bad number syntax: {go_quote(self._text[self._start : self._at])}")
            return None
        self._emit(kind)
        return self._in_action

    def _scan_number(self) -> bool:
        self._accept("+-")
        digits = _DECIMAL
        if self._accept("0"):
            if self._accept("xX"):
                digits = _HEX
            elif self._accept("oO"):
                digits = "01234567_"
            elif self._accept("bB"):
                digits = "01_"
        self._accept_run(digits)
        if self._accept("."):
            self._accept_run(digits)
        if (digits == _DECIMAL and self._accept("eE")) or (digits == _HEX and self._accept("pP")):
            self._accept("+-")
            self._accept_run(_DECIMAL)
        self._accept("i")
        if _is_alphanumeric(self._peek()):
            self._at += 1
            return False
        return True


_SIGNS = {"=": Kind.ASSIGN, "|": Kind.PIPE}


def _is_alphanumeric(character: str) -> bool:
    return character == "_" or character.isalpha() or character.isdecimal()


def _code_point(character: str) -> str:
    """Return a character as Go's %#U shows it."""
    if not character:
        return "U+FFFFFFFFFFFFFFFF"  # Go's eof is -1
    shown = f" '{character}'" if character.isprintable() else ""
    return f"U+{ord(character):04X}{shown}"
