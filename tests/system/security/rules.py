"""Rules taken out, one by one, in a process that a test made for that: to see that each matters.

What a test does without a rule may harm the test's own directories only.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from ipycontainer.linux.dirfd import DirFd

__all__ = [
    "LOSING_ROUNDS",
    "RACE_SECONDS",
    "ROUNDS",
    "before",
    "either",
    "put",
    "race",
    "resolve_by_path",
]

# How often a race is run: two hundred times in full, fewer in a sample.
FULL_ROUNDS = 200
ROUNDS = FULL_ROUNDS if os.environ.get("IPYCONTAINER_FULL") else 20
LOSING_ROUNDS = 10 * FULL_ROUNDS  # without the rule, at most: the first that is lost is enough
RACE_SECONDS = 1000 if os.environ.get("IPYCONTAINER_FULL") else 60  # all rounds together
race = pytest.mark.timeout(2 * RACE_SECONDS)

# A test runs twice: the attack fails while the rule holds, and succeeds once it is out.
either = pytest.mark.parametrize("holds", [True, False], ids=["with the rule", "without"])


def resolve_by_path() -> None:
    """Follow links of a container's tree as the host sees them, instead of by openat2(2)."""

    def openat(self: DirFd, path: str, flags: int, mode: int = 0) -> int:
        return os.open(
            f"/proc/self/fd/{self.fd}/{path}", flags & ~os.O_NOFOLLOW | os.O_CLOEXEC, mode
        )

    put(DirFd, "openat", openat)


def put(owner: Any, name: str, value: Any) -> None:
    """Put something else in the place of a part of the product."""
    setattr(owner, name, value)


def before(owner: Any, name: str, action: Callable[[], None]) -> None:
    """Let a rival act just before a function of the product: the race that it wins."""
    original = getattr(owner, name)

    def raced(*arguments: Any, **options: Any) -> Any:
        action()
        return original(*arguments, **options)

    put(owner, name, raced)
