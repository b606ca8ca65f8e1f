"""Ids and names."""

from __future__ import annotations

import os
import random
import re

import pytest

from ipycontainer.errors import InvalidArgument
from ipycontainer.model import ids


def test_an_id_is_64_hex_digits_and_cannot_be_taken_for_a_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An id whose first twelve digits are all decimal is drawn again."""
    drawn = iter(["1" * 64, "0123456789" * 6 + "abcd", "a" * 64])
    monkeypatch.setattr(os, "urandom", lambda _: bytes.fromhex(next(drawn)))

    assert ids.new_id() == "a" * 64


def test_names_of_dockers_grammar_are_taken() -> None:
    """Letters, digits, and after the first also `_`, `.` and `-`."""
    for name in ("a1", "Web.1", "x_y-z", "0a"):
        ids.check_name(name)


@pytest.mark.parametrize("name", ["", "a", "_a", "-a", ".a", "a/b", "a b", "../x", "a\n", "é1"])
def test_other_names_are_refused_in_dockers_words(name: str) -> None:
    """One letter alone is no name either."""
    with pytest.raises(InvalidArgument) as caught:
        ids.check_name(name)

    assert caught.value.message == (
        f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
    )


def test_a_random_name_is_a_valid_one() -> None:
    """Adjective and surname, the same ones for the same seed."""
    name = ids.random_name(random.Random(1))

    assert re.fullmatch(r"[a-z]+_[a-z]+", name)
    assert name == ids.random_name(random.Random(1))
    ids.check_name(name)
