"""Words for yes and no, as Go's strconv.ParseBool reads them."""

from __future__ import annotations

__all__ = ["go_bool"]

_WORDS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


def go_bool(text: str) -> bool | None:
    """Return what a word says, None where it is neither."""
    return _WORDS.get(text)
