"""What `info` tells."""

from __future__ import annotations

import pytest

from ipycontainer.engine import system


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("http://me:secret@proxy:3128/", "http://xxxxx:xxxxx@proxy:3128/"),
        ("me:secret@proxy:3128", "xxxxx:xxxxx@proxy:3128"),
        ("http://a@b:s@proxy", "http://xxxxx:xxxxx@proxy"),
        ("http://proxy:3128/a@b", "http://proxy:3128/a@b"),
        ("", ""),
    ],
)
def test_no_password_of_a_proxy_is_shown(
    monkeypatch: pytest.MonkeyPatch, given: str, shown: str
) -> None:
    """What `info` prints is often shown to others."""
    monkeypatch.setenv("HTTP_PROXY", given)
    monkeypatch.delenv("http_proxy", raising=False)
    assert system._proxy("HTTP_PROXY") == shown
