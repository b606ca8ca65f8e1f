"""That a container runs is written although its program has filled the disk meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import pytest

from ipycontainer.errors import ResourceError
from ipycontainer.supervise.container_record import Beginning, Record


class FullDisk:
    """Transactions of which the first ones find no room at their end."""

    attached = False

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.written: list[int] = []

    @contextmanager
    def started(self, pid: int, restart_count: int) -> Iterator[bool]:
        """Refuse it, or write it down."""
        yield True
        if self.refusals:
            self.refusals -= 1
            raise ResourceError("no space left on device")
        self.written.append(pid)


def beginning(disk: FullDisk) -> Beginning:
    """Return the transaction of a start on such a disk."""
    return Beginning(cast(Record, disk), 0, attached=False)


@pytest.mark.parametrize("refusals", [0, 1])
def test_a_start_is_written_at_the_second_try(refusals: int) -> None:
    """The home's reserve is given up for it."""
    disk = FullDisk(refusals)
    begun = beginning(disk)
    begun.write(7)
    assert begun.keep(7)
    assert disk.written == [7]


def test_a_disk_that_stays_full_is_told() -> None:
    """There is no third try."""
    begun = beginning(FullDisk(2))
    begun.write(7)
    with pytest.raises(ResourceError, match="no space left"):
        begun.keep(7)
