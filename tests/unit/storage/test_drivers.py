"""Which storage driver is taken, by what was found out."""

from __future__ import annotations

import pytest

from ipycontainer.errors import InvalidArgument, Unsupported
from ipycontainer.storage.drivers import DRIVERS
from ipycontainer.storage.drivers.choice import NAMES, Choice, choose


def test_names_are_dockers() -> None:
    """The fastest stands first."""
    assert NAMES == ("overlay2", "fuse-overlayfs", "vfs")
    assert [driver.holds_all for driver in DRIVERS] == [False, False, True]


@pytest.mark.parametrize(
    ("found", "forced", "taken"),
    [
        ({}, "", None),
        ({"overlay2": "no"}, "", None),
        ({"overlay2": ""}, "vfs", None),
        ({"overlay2": ""}, "", Choice("overlay2", "the first that was tried, and it works")),
        (
            {"overlay2": "no", "fuse-overlayfs": ""},
            "",
            Choice("fuse-overlayfs", "overlay2: no"),
        ),
        ({"overlay2": "no", "fuse-overlayfs": "nor"}, "", None),
        ({"vfs": ""}, "vfs", Choice("vfs", "storage-driver is configured")),
    ],
)
def test_the_first_that_works_is_taken(
    found: dict[str, str], forced: str, taken: Choice | None
) -> None:
    """Unless one is configured; None asks for another try."""
    assert choose(found, forced) == taken


def test_what_cannot_be_had_is_refused_by_name() -> None:
    """With the reason that was found, or the names that there are."""
    with pytest.raises(Unsupported, match="storage driver overlay2: invalid argument"):
        choose({"overlay2": "invalid argument"}, "overlay2")
    with pytest.raises(InvalidArgument, match="unknown storage-driver 'zfs'") as caught:
        choose({}, "zfs")
    assert caught.value.hint == "known are: overlay2, fuse-overlayfs, vfs"
