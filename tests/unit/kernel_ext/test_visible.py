"""Text of strangers is shown as text, with what is unseen by its number."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from kernel_ext.live.runs import plain, runs
from kernel_ext.terminal_text import TerminalText
from kernel_ext.visible import escaped, visible, without_turns

TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def test_what_turns_text_is_shown_by_number() -> None:
    """An override cannot make `exe.txt` of `txt.exe`, on a page or in a program's output."""
    assert visible("a\u202etxt.exe\x1b[2J\u200f") == "a<U+202E>txt.exe<U+001B>[2J<U+200F>"
    assert escaped("<b>\u2066") == "&lt;b&gt;&lt;U+2066&gt;"
    assert without_turns("\u202d\u200f") == "<U+202D>\u200f"
    assert TerminalText().feed("\x1b[31m\u202ered".encode()) == "\x1b[31m<U+202E>red"


@given(st.text())
def test_nothing_unseen_is_left(text: str) -> None:
    """Whatever the text, no character of it turns or controls, and words stay as they were."""
    shown = visible(text)
    assert not set(shown) & set(TURNS)
    assert all(unicodedata.category(each) != "Cc" or each in "\t\n" for each in shown)
    if text.isprintable() and text.isascii():
        assert shown == text


@given(st.binary(max_size=300))
def test_a_line_of_a_log_is_text_and_our_own_styles(line: bytes) -> None:
    """Whatever a program prints, styles come from the table, and text has no control characters."""
    for text, style in runs(line):
        assert not any(unicodedata.category(each) == "Cc" for each in text if each not in "\t\n")
        assert set(style) <= set("abcdefghijklmnopqrstuvwxyz0123456789:;#-")


def test_colours_of_a_line() -> None:
    """The sixteen, the 256 and the true colours, marks, their ends, and reversing."""
    line = runs(b"\x1b[1;31mred\x1b[22;39m \x1b[38;5;196mx\x1b[38;2;1;2;3my\x1b[0;7mz\x1b[0m.\r\n")
    assert line == [
        ("red", "color:#f0706a;font-weight:bold"),
        (" ", ""),
        ("x", "color:#ff0000"),
        ("y", "color:#010203"),
        ("z", "color:#1e1e1e;background:#d4d4d4"),
        (".", ""),
    ]
    assert plain(runs(b"50 %\r100 %\n")) == "100 %"
    assert plain(runs(b"x" * 100_000)).endswith("more bytes")
