"""An ordinary user in a cgroup that is not delegated; tests/vm/guest.sh names this file."""

from __future__ import annotations

from ipycontainer.engine import capacity, limits
from ipycontainer.engine.engine import Engine
from ipycontainer.model.limits import Limits


def test_nothing_can_be_limited(engine: Engine) -> None:
    """The engine knows it beforehand: every limit is dropped with docker's WARNING."""
    found = capacity.of(engine)
    assert (found.version, found.able) == ("v2", frozenset())
    kept, warnings = limits.checked(Limits(memory=64 << 20, cpu_shares=5, pids_limit=5), found)
    assert len(warnings) == 3
    assert limits.resources(kept) is None
