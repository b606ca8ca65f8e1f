"""Constants in a template: numbers, characters and quoted texts, as Go reads them.

Source: Go 1.24, text/template/parse/node.go (newNumber), strconv (Unquote, ParseInt, ParseFloat).
"""

from __future__ import annotations

import re

from ipycontainer.commands.go_quoting import go_quote
from ipycontainer.commands.templates.nodes import Number

__all__ = ["number", "unquoted"]

_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))"
)
_NAMED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_WRONG = "invalid syntax"
_LEAST, _MOST, _MOST_UNSIGNED = -(1 << 63), (1 << 63) - 1, (1 << 64) - 1


def unquoted(text: str) -> str:
    """Return what a quoted text says. Raises ValueError with Go's words."""
    mark, inner = text[0], text[1:-1]
    if mark == "`":
        return inner.replace("\r", "")
    found, at = bytearray(), 0
    while at < len(inner):
        if inner[at] != "\\":
            found += inner[at].encode(errors="surrogateescape")
            at += 1
            continue
        escape = _ESCAPE.match(inner, at)
        if escape is None or escape[1] == ("'" if mark == '"' else '"'):
            raise ValueError(_WRONG)
        found += _escaped(escape)
        at = escape.end()
    return found.decode(errors="surrogateescape")


def _escaped(escape: re.Match[str]) -> bytes:
    named, byte, short, long, octal = escape.groups()
    if named is not None:
        return _NAMED.get(named, named).encode()
    if byte is not None or octal is not None:
        value = int(byte, 16) if byte is not None else int(octal, 8)
        if value > 0xFF:
            raise ValueError(_WRONG)
        return bytes([value])
    code = int(short or long, 16)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise ValueError(_WRONG)
    return chr(code).encode()


def number(position: int, text: str) -> Number:
    """Return the node of a number or character. Raises ValueError with Go's words."""
    if text.startswith("'"):
        try:
            character = unquoted(text)
        except ValueError:
            character = ""
        if len(character) != 1:
            raise ValueError(f"malformed character constant: {text}")
        return Number(position, text, ord(character), float(ord(character)))
    if text.endswith("i"):
        return _complex(position, text)
    whole = _whole(text)
    if whole is not None:
        if not _LEAST <= whole <= _MOST_UNSIGNED:
            raise ValueError(f"integer overflow: {go_quote(text)}")
        return Number(position, text, whole, float(whole))
    real = _real(text)
    if real is None:
        raise ValueError(f"illegal number syntax: {go_quote(text)}")
    # Go takes 1e3 and 1.0 where an integer is wanted
    exact = int(real) if real.is_integer() and _LEAST <= real <= _MOST else None
    return Number(position, text, exact, real)


def _complex(position: int, text: str) -> Number:
    try:
        value = complex(text[:-1].replace("_", "") + "j")
    except ValueError:
        raise ValueError(f"illegal number syntax: {go_quote(text)}") from None
    real = value.real if value.imag == 0 else None
    return Number(position, text, None if real is None else int(real), real, value)


def _whole(text: str) -> int | None:
    sign, digits = (text[0], text[1:]) if text[:1] in ("+", "-") else ("", text)
    if re.fullmatch(r"0_?[0-7]+(_[0-7]+)*", digits):
        digits = "0o" + digits[1:].lstrip("_")  # as in C
    try:
        return int(sign + digits, 0) if digits[:1].isdigit() else None
    except ValueError:
        return None


def _real(text: str) -> float | None:
    try:
        if re.search("[xX]", text):
            return float.fromhex(text.replace("_", "")) if re.search("[pP]", text) else None
        return float(text) if re.search(r"\d", text) else None
    except ValueError:
        return None
