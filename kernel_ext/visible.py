"""Text of strangers as text: what would act on the page, or on the order of what is read, is shown.

Names are checked, but labels, commands, paths and lines of a log may hold anything. Escaping HTML
is the page's part; this is about characters that are no HTML: those of Unicode that turn the
direction of what stands around them (CVE-2021-42574, "Trojan Source"), and control characters.
"""

from __future__ import annotations

import html
import re

__all__ = ["escaped", "visible", "visible_markup", "without_turns"]

# Embeddings, overrides, isolates and their ends (Unicode Bidirectional Algorithm, section 2).
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
# Besides them marks of direction, and what is no text at all; tab and newline stay.
_UNSEEN = re.compile(
    "[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]"
)


def visible(text: str) -> str:
    """Return the text with its unseen characters by their numbers, as less(1) shows them."""
    return _UNSEEN.sub(_number, text)


def escaped(text: str) -> str:
    """Return the text as HTML that shows it."""
    return html.escape(visible(text))


def visible_markup(markup: str) -> str:
    """Return HTML that is escaped already, with its unseen characters by their numbers."""
    return _UNSEEN.sub(lambda found: html.escape(_number(found)), markup)


def without_turns(text: str) -> str:
    """Return a program's text where only that is shown by number which turns what stands around it.

    Marks of direction stay: who writes Hebrew uses them, and they turn nothing but themselves.
    """
    return _TURNS.sub(_number, text)


def _number(found: re.Match[str]) -> str:
    return f"<U+{ord(found[0]):04X}>"
