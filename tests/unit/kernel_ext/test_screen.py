"""A terminal's screen: text, colours, the alternate screen, and what pyte does not know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel_ext.screen import Screen


def drawn(*parts: bytes, rows: int = 5, columns: int = 20) -> Screen:
    """Return a screen that was given these parts, one after the other."""
    screen = Screen(rows, columns)
    for part in parts:
        screen.feed(part)
    return screen


def test_lines_that_scroll_out_are_kept() -> None:
    """What left the screen at its top is in the text, and comes once as a change."""
    screen = drawn(b"".join(b"line %d\r\n" % number for number in range(10)))
    assert screen.text() == "\n".join(f"line {number}" for number in range(10))
    above, rows = screen.take_changes()
    assert [text for ((text, _),) in above] == [f"line {number}" for number in range(6)]
    assert sorted(rows) == [0, 1, 2, 3, 4]
    assert screen.take_changes() == ([], {})


def test_alternate_screen_gives_the_first_one_back() -> None:
    """As after vim or less: what stood there stands there again, the cursor too."""
    screen = drawn(b"$ less file", b"\x1b[?1049h\x1b[H\x1b[2Jpage\r\n" * 9)
    assert screen.is_alternate
    assert "less" not in screen.text().splitlines()[-1]
    screen.feed(b"\x1b[?1049l!")
    assert (screen.is_alternate, screen.text()) == (False, "$ less file!")


def test_nothing_of_the_alternate_screen_is_history() -> None:
    """A full-screen program's scrolling is not what was printed."""
    screen = drawn(b"before\r\n\x1b[?1049h" + b"page\r\n" * 50 + b"\x1b[?1049l")
    assert screen.text() == "before"


def test_size_may_change_on_the_alternate_screen() -> None:
    """The first screen comes back within the new borders."""
    screen = drawn(b"\r\n" * 4 + b"last\x1b[?1049h")
    screen.resize(3, 10)
    screen.feed(b"\x1b[?1049lx")
    assert screen.size == (3, 10)
    assert screen.cursor[0] < 3


def test_lower_screen_drops_what_is_empty_first() -> None:
    """Lines stay where they are while there is room; else the upper ones go above the screen."""
    screen = drawn(b"one\r\ntwo\r\n$ ", rows=10)
    screen.resize(5, 20)
    screen.feed(b"ls")
    assert screen.text() == "one\ntwo\n$ ls"
    assert screen.cursor[:2] == (2, 4)
    screen.resize(2, 20)
    assert screen.cursor[:2] == (1, 4)
    above, rows = screen.everything()
    assert above == [[("one", "")]]
    assert rows == {0: [("two", "")], 1: [("$ ls", "")]}


@pytest.mark.parametrize(
    "unknown",
    [
        b"\x1b[2 q",  # the cursor's shape
        b"\x1b[!p",  # a soft reset
        b"\x1b[>4;2m\x1b[>c\x1b[=1u",
        b"\x1bP+q436f\x1b\\",  # a question in a string
        b"\x1b_Gf=100;AAAA\x1b\\",  # a picture
        b"\x1b=\x1b>",
        b"\x1b[?6n\x1b[?996n",
        b"\x1b]0;title\x07\x1b]8;;http://x\x1b\\",
    ],
)
@pytest.mark.parametrize("width", [1, 2, 100])
def test_unknown_sequences_leave_nothing(unknown: bytes, width: int) -> None:
    """They are not printed, however they are cut into pieces."""
    data = b"a" + unknown + b"b"
    screen = drawn(*(data[at : at + width] for at in range(0, len(data), width)))
    assert screen.text() == "ab"


def test_scrolling_and_repeating() -> None:
    """SU, SD and REP, which terminfo promises of TERM=xterm."""
    screen = drawn(b"one\r\ntwo\r\nthree\x1b[S")
    assert screen.text() == "two\nthree"
    screen.feed(b"\x1b[2T")
    assert screen.text() == "\n\ntwo\nthree"
    assert drawn(b"-\x1b[9b").text() == "-" * 10


def test_text_cannot_become_markup() -> None:
    """What a program prints is escaped; only the table's colours become styles."""
    screen = drawn(b'\x1b[31m<script>"&\x1b[0m', rows=2, columns=40)
    expected = '<span style="color:#cd3131">&lt;script&gt;&quot;&amp;</span>'
    assert screen.html() == expected


def test_colours_and_attributes() -> None:
    """Sixteen names, 256 numbers, true colours, and what letters can have."""
    screen = drawn(b"\x1b[1;4;38;5;196mA\x1b[0;48;2;1;2;3mB\x1b[0;7mC\x1b[95mD", columns=40)
    row = screen.everything()[1][0]
    assert row == [
        ("A", "color:#ff0000;font-weight:bold;text-decoration:underline"),
        ("B", "background:#010203"),
        ("C", "color:#1e1e1e;background:#d4d4d4"),
        ("D", "color:#1e1e1e;background:#d670d6"),
    ]


def test_wide_and_broken_characters() -> None:
    """A wide character takes two columns; bytes cut within one wait; others become U+FFFD."""
    data = "世界é".encode()
    screen = drawn(data[:2], data[2:], b"\xff")
    assert (screen.text(), screen.cursor[1]) == ("世界é\ufffd", 6)


def test_questions_are_answered() -> None:
    """Where the cursor is, and what terminal this is."""
    screen = Screen(5, 20)
    assert screen.feed(b"ab\x1b[6n") == "\x1b[1;3R"
    assert screen.feed(b"\x1b[c").startswith("\x1b[?")


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_no_bytes_break_it(parts: list[bytes]) -> None:
    """Whatever a program prints, the screen has its size and goes on."""
    screen = drawn(*parts, b"\x1bc\x18\x1b\\\x07end")
    screen.resize(4, 12)
    _, rows = screen.everything()
    assert len(rows) == 4
    assert screen.html() is not None
