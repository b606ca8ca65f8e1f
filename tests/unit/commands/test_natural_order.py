"""Tests of commands.natural_order."""

from __future__ import annotations

import random

from ipycontainer.commands.natural_order import natural

# As docker 26.1 lists volumes of these names.
LISTED = ["V1", "v1a2", "v1a10", "v9", "v9.1", "v9.2", "v9.10", "v09", "v10"]


def test_numbers_in_names_count_by_their_value() -> None:
    """And of two that are the same, the one with fewer zeros before it comes first."""
    mixed = random.Random(1).sample(LISTED, len(LISTED))
    assert sorted(mixed, key=natural) == LISTED
