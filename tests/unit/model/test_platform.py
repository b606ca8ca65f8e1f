"""Platforms as users write them."""

from __future__ import annotations

import pytest

from ipycontainer.errors import InvalidArgument
from ipycontainer.model import platform
from ipycontainer.model.platform import Platform


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("linux/amd64", Platform("linux", "amd64")),
        ("linux/arm64/v8", Platform("linux", "arm64", "v8")),
        ("Linux/x86_64", Platform("linux", "amd64")),
        ("aarch64", Platform("linux", "arm64")),
        ("linux", Platform("linux", platform.own().architecture, platform.own().variant)),
    ],
)
def test_what_is_meant(text: str, meant: Platform) -> None:
    """In Go's names and the machine's."""
    assert platform.parse(text) == meant


@pytest.mark.parametrize("text", ["", "/", "a/b/c/d", "linux//v8"])
def test_what_is_none(text: str) -> None:
    """Empty parts, too many."""
    with pytest.raises(InvalidArgument):
        platform.parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lin*", '"lin*": wildcards not yet supported: invalid argument'),
        ("plan8", '"plan8": unknown operating system or architecture: invalid argument'),
        ("a/b/c/d", '"a/b/c/d": cannot parse platform specifier: invalid argument'),
        (
            "linux/a b",
            (
                '"a b" is an invalid component of "linux/a b": platform specifier component must '
                'match "^[A-Za-z0-9_-]+$": invalid argument'
            ),
        ),
    ],
)
def test_what_is_none_is_said_in_containerd_s_words(text: str, words: str) -> None:
    """Each fault has its own, and one system's name alone is no fault."""
    with pytest.raises(InvalidArgument) as error:
        platform.parse(text)
    assert error.value.message == words
    assert platform.parse("windows").os == "windows"
