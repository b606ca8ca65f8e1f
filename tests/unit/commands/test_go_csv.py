"""Lines of CSV: what Go's reader makes of them, and its words."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.commands.go_csv import fields


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("", []),
        ("a", ["a"]),
        ("a,,b,", ["a", "", "b", ""]),
        ('"a,b",c', ["a,b", "c"]),
        ('"a""b"', ['a"b']),
        ('""', [""]),
    ],
)
def test_what_is_read(line: str, found: list[str]) -> None:
    """Fields between commas, quoted ones with theirs."""
    assert fields(line) == found


@pytest.mark.parametrize(
    ("line", "column", "why"),
    [
        ('type=volume,"src=a', 19, 'extraneous or missing " in quoted-field'),
        ('type=volume,"src=a"x,dst=/b', 19, 'extraneous or missing " in quoted-field'),
        ('type=volume,src="a"', 17, 'bare " in non-quoted-field'),
        ('ä"', 3, 'bare " in non-quoted-field'),
    ],
)
def test_what_is_refused(line: str, column: int, why: str) -> None:
    """With the column in bytes, from one on."""
    with pytest.raises(ValueError, match="parse error") as error:
        fields(line)
    assert str(error.value) == f"parse error on line 1, column {column}: {why}"


@given(st.lists(st.text(alphabet='ab",= ', max_size=5), min_size=2, max_size=5))
def test_what_was_written_is_read(words: list[str]) -> None:
    """Any fields, each in quotes."""
    quoted = ",".join('"' + word.replace('"', '""') + '"' for word in words)
    assert fields(quoted) == words == next(csv.reader([quoted]))
