"""What a registry asks for in its header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.images.registry.challenge import Challenge, parse


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('Basic realm="x"', [Challenge("basic", {"realm": "x"})]),
        (
            'Bearer realm="https://a/b?c=d",service="e, f",scope="repository:g/h:pull,push"',
            [
                Challenge(
                    "bearer",
                    {
                        "realm": "https://a/b?c=d",
                        "service": "e, f",
                        "scope": "repository:g/h:pull,push",
                    },
                )
            ],
        ),
        (
            'Negotiate, Basic realm=plain , Bearer realm="q\\"uote" , service = "s"',
            [
                Challenge("negotiate", {}),
                Challenge("basic", {"realm": "plain"}),
                Challenge("bearer", {"realm": 'q"uote', "service": "s"}),
            ],
        ),
        ("", []),
        ("=,=", []),
        ('Bearer realm="unfinished', [Challenge("bearer", {"realm": '"unfinished'})]),
    ],
)
def test_a_header_is_read(header: str, found: list[Challenge]) -> None:
    """Commas in quotes are part of a value."""
    assert parse(header) == found


@given(st.text(max_size=60))
def test_any_header_can_be_read(header: str) -> None:
    """Whatever it is."""
    parse(header)
