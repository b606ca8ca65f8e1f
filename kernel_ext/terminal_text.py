"""Turn a program's bytes into text that a notebook may show.

Between foreground and output. A program may write anything, and the page is the user's: colours
(SGR) pass, every other control sequence goes, since one front end or another acts on them (links of
OSC 8, titles, clearing), and what turns the direction of text is shown by its number. Sequences and
characters may be cut anywhere by the transport.
Sources: ECMA-48 5.4 (CSI), xterm's ctlseqs (OSC, DCS, ST). Pure.
"""

from __future__ import annotations

import codecs
import re

from kernel_ext.visible import without_turns

__all__ = ["TerminalText"]

_STRING_LIMIT = 4096  # characters of an unfinished sequence that are waited for

_SGR = r"\x1b\[[0-9;:]*m"
# Tried in this order at every ESC or C1: what is complete is consumed whole.
_SEQUENCE = re.compile(
    rf"(?P<keep>{_SGR})"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI ... final byte
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c|(?=[\n\x1b]))"
    r"|\x1b[ -/]+[0-~]"  # nF: ESC ( B
    r"|\x1b[0-OQ-WYZ`-~\\]"  # two characters; those that open a string or CSI are above
    r"|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x8f\x91-\x97\x99\x9a\x9c]"
)
_START = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class TerminalText:
    """Decode one stream piece by piece; UTF-8 that is broken becomes U+FFFD."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._waiting = ""

    def feed(self, data: bytes) -> str:
        """Return what the bytes so far allow to show."""
        return self._clean(self._waiting + self._decoder.decode(data))

    def end(self) -> str:
        """Return the rest; a sequence that was never finished is dropped."""
        text = self._clean(self._waiting + self._decoder.decode(b"", final=True))
        self._waiting = ""
        return text

    def _clean(self, text: str) -> str:
        self._waiting = ""
        text = without_turns(text)
        shown: list[str] = []
        position = 0
        while (start := _START.search(text, position)) is not None:
            shown.append(text[position : start.start()])
            position = start.start()
            found = _SEQUENCE.match(text, position)
            if found is not None:
                shown.append(found["keep"] or "")
                position = found.end()
            elif len(text) - position <= _STRING_LIMIT and _unfinished(text, position):
                self._waiting = text[position:]
                return "".join(shown)
            else:
                position += 1  # a lone introducer: drop it, show what follows
        shown.append(text[position:])
        return "".join(shown)


_UNFINISHED = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*\x1b?"
    r"|\x1b[ -/]*"
)


def _unfinished(text: str, position: int) -> bool:
    """Tell whether the rest of the text is the beginning of a sequence."""
    found = _UNFINISHED.match(text, position)
    return found is not None and found.end() == len(text)
