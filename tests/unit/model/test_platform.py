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
