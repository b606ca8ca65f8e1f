"""The keys that leave a terminal: docker's words for them, and finding them among what is typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.errors import InvalidArgument
from ipycontainer.model.window import DETACH_KEYS, DetachKeys, parse_keys


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (DETACH_KEYS, b"\x10\x11"),
        ("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", b"\x00\x1b\x1c\x1d\x1e\x1f"),
        ("a,B,ctrl-Z", b"aB\x1a"),
    ],
)
def test_keys_by_their_words(words: str, keys: bytes) -> None:
    """Each word is one byte, as a terminal sends it."""
    assert parse_keys(words) == keys


@pytest.mark.parametrize("words", ["", "foo", "ctrl-?", "a,", "ctrl-", "ä"])
def test_other_words_are_refused(words: str) -> None:
    """What no terminal sends as one byte is named, not taken in part."""
    with pytest.raises(InvalidArgument):
        parse_keys(words)


@pytest.mark.parametrize(
    ("typed", "passed", "left"),
    [
        ([b"ab"], b"ab", False),
        ([b"a\x10\x11b"], b"a", True),
        ([b"a\x10", b"\x11"], b"a", True),
        ([b"\x10", b"\x10", b"\x11"], b"\x10", True),
        ([b"\x10", b"x"], b"\x10x", False),
        ([b"\x11\x10"], b"\x11", False),
    ],
)
def test_sequence_is_found_across_reads(typed: list[bytes], passed: bytes, left: bool) -> None:
    """A key that may begin the sequence waits for the next one; the rest goes on at once."""
    keys = DetachKeys(parse_keys(DETACH_KEYS))
    seen, found = b"", False
    for data in typed:
        out, found = keys.feed(data)
        seen += out
    assert (seen, found) == (passed, left)


@given(st.lists(st.binary(max_size=4)))
def test_nothing_is_lost_without_keys(typed: list[bytes]) -> None:
    """A program without a terminal gets every byte."""
    keys = DetachKeys(b"")
    assert [keys.feed(data) for data in typed] == [(data, False) for data in typed]
