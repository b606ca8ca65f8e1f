"""Lines of bytes, as programs print them."""

from __future__ import annotations

__all__ = ["headed"]


def headed(head: bytes, text: bytes) -> bytes:
    """Return lines with a head before each; the last may have no end."""
    if text.endswith(b"\n"):
        return head + text[:-1].replace(b"\n", b"\n" + head) + b"\n"
    return head + text.replace(b"\n", b"\n" + head)
