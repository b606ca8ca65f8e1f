"""An ordinary user in a cgroup that is not delegated; tests/vm/guest.sh names this file."""

from __future__ import annotations

import pytest

from ipycontainer.engine import capacity, limits
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.model.limits import Limits


def test_nothing_can_be_limited(engine: Engine) -> None:
    """The engine knows it beforehand: every limit is dropped, with one warning of what lacks."""
    found = capacity.of(engine)
    assert (found.version, found.able) == ("v2", frozenset())
    kept, warnings = limits.checked(Limits(memory=64 << 20, cpu_shares=5, pids_limit=5), found)
    (warning,) = warnings
    assert warning.startswith("This user has no cgroup here")
    assert limits.resources(kept) is None


@pytest.mark.usefixtures("busybox_image")
def test_who_is_to_be_killed_first_by_roots_word_still_starts(engine: Engine) -> None:
    """The machine gave this user 200 and forbids less: a container keeps it, without a word."""
    container = engine.containers.run("busybox", ["sleep", "100"], detach=True, network="none")
    assert isinstance(container, Container)
    assert container.exec_run(["cat", "/proc/self/oom_score_adj"]).output == b"200\n"
    assert container.warnings == ()
