"""Full segments of a log, compressed piece by piece."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from ipycontainer.supervise.log_packing import Packing
from ipycontainer.supervise.loop import Loop


class Turns(Loop):
    """A loop that is turned by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.next: Callable[[], object] | None = None

    def at(self, key: object, seconds: float, callback: Callable[[], object]) -> None:
        """Keep what comes next."""
        self.next = callback

    def turn(self) -> bool:
        """Do what comes next; False when there is nothing."""
        action, self.next = self.next, None
        if action is not None:
            action()
        return action is not None


@pytest.mark.parametrize("turns", [0, 1])
def test_a_segment_that_is_trimmed_meanwhile_does_not_come_back(tmp_path: Path, turns: int) -> None:
    """Whenever it goes, nothing of it is left, and the next one is packed."""
    for number in ("0", "1"):
        (tmp_path / number).write_bytes(b"line\n" * 1000)
    loop = Turns()
    Packing(loop, tmp_path).add([0, 1])
    for _ in range(turns):
        assert loop.turn()
    (tmp_path / "0").unlink()
    while loop.turn():
        pass

    assert [path.name for path in tmp_path.iterdir()] == ["1.gz"]
    assert gzip.decompress((tmp_path / "1.gz").read_bytes()) == b"line\n" * 1000
