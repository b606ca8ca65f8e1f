"""Health checks: docker's shape, the image's values, and Go's durations."""

from __future__ import annotations

import pytest

from ipycontainer.model.health import SECOND, Healthcheck, go_duration


def test_a_users_words_come_before_the_images() -> None:
    """What is not given is the image's; NONE switches the image's off."""
    image = Healthcheck(("CMD", "check"), 5 * SECOND, retries=7)
    assert Healthcheck(timeout_ns=SECOND).or_else(image) == Healthcheck(
        ("CMD", "check"), 5 * SECOND, SECOND, retries=7
    )
    assert not Healthcheck(("NONE",)).or_else(image).is_active


def test_docker_shape_leaves_out_what_is_not_set() -> None:
    """And reads it back."""
    check = Healthcheck(("CMD-SHELL", "true"), retries=3)
    assert check.to_docker() == {"Test": ["CMD-SHELL", "true"], "Retries": 3}
    assert Healthcheck.from_docker(check.to_docker()) == check
    assert check.command == ("/bin/sh", "-c", "true")


def test_defaults() -> None:
    """Without another word a container that starts is checked as often as later."""
    check = Healthcheck(("CMD", "check"), interval_ns=SECOND).with_defaults()
    assert (check.start_interval_ns, check.timeout_ns, check.retries) == (SECOND, 30 * SECOND, 3)
    assert Healthcheck(("CMD", "check")).with_defaults().start_interval_ns == 30 * SECOND


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (999, "999ns"),
        (1500, "1.5µs"),
        (300_000_000, "300ms"),
        (1_500_000_000, "1.5s"),
        (90 * SECOND, "1m30s"),
        (3600 * SECOND, "1h0m0s"),
        (100 * SECOND, "1m40s"),
    ],
)
def test_durations_as_go_prints_them(ns: int, text: str) -> None:
    """Docker's messages hold them."""
    assert go_duration(ns) == text
