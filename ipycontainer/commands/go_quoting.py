"""Go's quoting, for messages and columns that must be docker's to the byte.

Source: Go's strconv.Quote and strconv.ParseBool. Imports nothing of ours.
"""

from __future__ import annotations

from ipycontainer.model.booleans import go_bool

__all__ = ["go_quote", "parse_bool", "safe_for_terminal"]

_NAMED = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
}


def go_quote(text: str, mark: str = '"') -> str:
    """Return a text as Go's %q shows it, between double quotes (or `'` for a single character)."""
    return mark + "".join(_quoted(character, mark) for character in text) + mark


def _quoted(character: str, mark: str) -> str:
    if character == mark:
        return f"\\{mark}"
    if character in _NAMED:
        return _NAMED[character]
    # Go prints graphic characters and the ASCII space; other spaces are escaped as Python does.
    if character.isprintable():
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, by surrogateescape
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def parse_bool(text: str) -> bool:
    """Return what Go's strconv.ParseBool reads. Raises ValueError with Go's words."""
    if (said := go_bool(text)) is not None:
        return said
    raise ValueError(f"strconv.ParseBool: parsing {go_quote(text)}: invalid syntax")


def safe_for_terminal(text: str) -> str:
    r"""Return a text in which control characters cannot steer a terminal: ESC becomes `\x1b`.

    A label or command is the container's maker's word, and may hold escape sequences. Newlines and
    tabs stay, as they are the layout. Used only where a person looks: a pipe gets docker's bytes.
    """
    return "".join(
        character if character in "\n\t" or character.isprintable() else _quoted(character, "")
        for character in text
    )
