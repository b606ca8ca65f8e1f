"""Patterns of names, beside what Go's path.Match does (its own table of tests)."""

from __future__ import annotations

import pytest

from ipycontainer.errors import InvalidArgument
from ipycontainer.model.go_path import path_match


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("abc", "abc", True),
        ("*", "abc", True),
        ("*c", "abc", True),
        ("a*", "ab/c", False),
        ("a*/b", "a/c/b", False),
        ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", False),
        ("ab[c]", "abc", True),
        ("ab[b-d]", "abc", True),
        ("ab[e-g]", "abc", False),
        ("ab[^c]", "abc", False),
        ("ab[^e-g]", "abc", True),
        ("a\\*b", "a*b", True),
        ("a\\*b", "ab", False),
        ("a?b", "a☺b", True),
        ("a[^a][^a][^a]b", "a☺b", False),
        ("[a-ö]*", "ä", True),
        ("a?b", "a/b", False),
        ("[\\]a]", "]", True),
        ("[\\-x]", "-", True),
        ("[z-a]", "b", False),
        ("*x", "xxx", True),
    ],
)
def test_fits_as_in_go(pattern: str, name: str, fits: bool) -> None:
    """A pattern means the whole name, and a star stops at a slash."""
    assert path_match(pattern, name) is fits


@pytest.mark.parametrize(
    "pattern",
    ["[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a[", "a[b", "x["],
)
def test_no_pattern_is_refused(pattern: str) -> None:
    """What is no pattern is an error in Go's words, even where the name cannot fit."""
    with pytest.raises(InvalidArgument, match="syntax error in pattern"):
        path_match(pattern, "a")
