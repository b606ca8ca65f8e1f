"""Colours reach the page, nothing else that a terminal would act on does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel_ext.terminal_text import TerminalText

CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]")
SGR = re.compile(r"\x1b\[[0-9;:]*m")


def shown(*pieces: bytes) -> str:
    """Return what is shown of a stream that arrives in these pieces."""
    text = TerminalText()
    return "".join(text.feed(piece) for piece in pieces) + text.end()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b"plain\r\n\ttext", "plain\r\n\ttext"),
        (b"\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        (b"\x1b[38;2;1;2;3mx\x1b[m", "\x1b[38;2;1;2;3mx\x1b[m"),
        (b"a\x1b[2Jb\x1b[Hc\x1b[?25ld", "abcd"),
        (b"\x1b]0;title\x07x", "x"),
        (b"\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1bPq#0\x1b\\x", "x"),
        (b"\x1b(Bx\x1b7y\x1bcz", "xyz"),
        (b"a\x07\x08\x00\x7fb", "ab"),
        ("a\u009b31mb\u0085c".encode(), "abc"),
        (b"a\x1b", "a"),
        (b"\x1b]0;never ended\nnext", "\nnext"),
        (b"caf\xc3\xa9 \xff", "café \ufffd"),
    ],
)
def test_only_colours_survive(written: bytes, expected: str) -> None:
    """SGR sequences stay, every other sequence and control character goes, whole."""
    assert shown(written) == expected
    assert shown(*(bytes([byte]) for byte in written)) == expected


@given(st.binary(max_size=80), st.integers(1, 5))
def test_pieces_do_not_matter(written: bytes, step: int) -> None:
    """However the bytes are cut, the same text is shown."""
    pieces = [written[at : at + step] for at in range(0, len(written), step)]
    assert shown(*pieces) == shown(written)


@given(st.text(alphabet="a[];m01\x1b\x9b\x9d\x07\\\n\x00", max_size=40))
def test_no_control_gets_through(text: str) -> None:
    """Whatever is written, only newline, tab, return and SGR are left of the controls."""
    rest = SGR.sub("", shown(text.encode()))
    assert "\x1b" not in rest
    assert not CONTROLS.search(rest)


def test_an_endless_sequence_does_not_swallow_the_rest() -> None:
    """A sequence that never ends is given up after 4096 characters."""
    assert shown(b"\x1b]" + b"a" * 5000, b"end").endswith("end")
