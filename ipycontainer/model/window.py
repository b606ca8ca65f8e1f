"""A window on a program's terminal: its size, and the keys that leave it running."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ipycontainer.errors import InvalidArgument

__all__ = ["DETACH_KEYS", "NO_WINDOW", "DetachKeys", "Window", "parse_keys"]

DETACH_KEYS = "ctrl-p,ctrl-q"  # docker's
_CONTROL = re.compile(r"ctrl-([a-z@\[\\\]^_])")


@dataclass(frozen=True, slots=True)
class Window:
    """Where a terminal is seen: `size` in rows and columns, (0, 0) for none.

    `detach_keys` is the sequence that takes the window away; empty: no keys do.
    """

    size: tuple[int, int] = (0, 0)
    detach_keys: bytes = b""


NO_WINDOW = Window()


def parse_keys(text: str) -> bytes:
    r"""Return the bytes of docker's `--detach-keys`: letters and `ctrl-<a-z@[\\]^_>`, by commas.

    Raises InvalidArgument for anything else.
    """
    codes = bytearray()
    for key in text.split(","):
        control = _CONTROL.fullmatch(key.lower())
        if control is not None:
            codes.append(ord(control[1].upper()) & 0x1F)
        elif len(key) == 1 and key.isascii():
            codes.append(ord(key))
        else:
            raise InvalidArgument(
                f"Unknown character: '{key}'",
                hint="Keys are single letters or ctrl- and one of a-z @ [ \\ ] ^ _, with commas",
            )
    return bytes(codes)


class DetachKeys:
    """Look for the sequence among what is typed."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._held = b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Return what is meant for the program, and whether the sequence was typed.

        The beginning of one is held back until the next key says what it is.
        """
        if not self._keys:
            return data, False
        typed = self._held + data
        self._held = b""
        at = typed.find(self._keys)
        if at >= 0:
            return typed[:at], True
        for length in range(min(len(self._keys) - 1, len(typed)), 0, -1):
            if typed.endswith(self._keys[:length]):
                self._held = typed[-length:]
                return typed[:-length], False
        return typed, False
