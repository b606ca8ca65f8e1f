"""Words of restart policies, as docker's client reads them."""

from __future__ import annotations

import pytest

from ipycontainer.commands.policies import restart_policy
from ipycontainer.errors import UsageError


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("no", ("no", 0)),
        ("no:", ("no", 0)),
        ("on-failure:", ("on-failure", 0)),
        ("on-failure:3", ("on-failure", 3)),
    ],
)
def test_policy(text: str, policy: tuple[str, int]) -> None:
    """Nothing behind the colon is no count."""
    assert restart_policy(text) == policy


@pytest.mark.parametrize(
    ("text", "words"),
    [(":", "no policy provided before colon"), ("on-failure:x", "must be an integer")],
)
def test_no_policy(text: str, words: str) -> None:
    """Half of one is refused."""
    with pytest.raises(UsageError, match=words):
        restart_policy(text)
