"""Lists of processors and memory nodes."""

from __future__ import annotations

import pytest

from ipycontainer.model.number_lists import numbers


@pytest.mark.parametrize(
    ("text", "found"), [("", set()), ("0", {0}), ("0-2,5", {0, 1, 2, 5}), ("3,3", {3})]
)
def test_lists_of_processors(text: str, found: set[int]) -> None:
    """Ranges and single ones."""
    assert numbers(text) == found


@pytest.mark.parametrize("text", ["x", "1-", "-1", "2-1", "1,", "1--2", "1.5"])
def test_lists_that_are_none(text: str) -> None:
    """Docker's words."""
    with pytest.raises(ValueError, match=f"invalid format: {text}"):
        numbers(text)


def test_a_bound_is_named() -> None:
    """In docker's words; without one only what would fill the memory is refused."""
    assert numbers("0-2", 2) == {0, 1, 2}
    with pytest.raises(ValueError, match="value of out range, maximum is 2"):
        numbers("1-3", 2)
    with pytest.raises(ValueError, match="value of out range"):
        numbers("0-999999999")
