"""Words for yes and no, as Go's strconv.ParseBool reads them."""

from __future__ import annotations

__all__ = ["NO", "YES", "go_bool"]

YES = ("1", "t", "T", "true", "TRUE", "True")
NO = ("0", "f", "F", "false", "FALSE", "False")


def go_bool(text: str) -> bool | None:
    """Return what a word says, None where it is neither."""
    return True if text in YES else False if text in NO else None
