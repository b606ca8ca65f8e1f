"""How far a start has come, as its parent notes it for whoever tells of it."""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass, field

from ipycontainer.linux.cgroups import Cgroup

__all__ = ["Course"]


@dataclass(slots=True)
class Course:
    """How far a start has come: kept for who tells of it, and most wanted where it has failed.

    `marks` are moments of the parent's part, in nanoseconds of the monotonic clock: it began, had
    the cgroup, began and ended with the interfaces, saw the program run. `times` are what init
    noted of its steps (`Context.times`). `sandboxed`: init was there before, and had `advanced`.
    """

    marks: list[int] = field(default_factory=list)
    times: array[int] = field(default_factory=lambda: array("q"))
    cgroup: Cgroup | None = None
    sandboxed: bool = False
    advanced: bool = False

    def begin(self, *, sandboxed: bool, advanced: bool = False) -> None:
        """Forget a try that did not fit, and note that another begins."""
        self.times, self.cgroup = array("q"), None
        self.sandboxed, self.advanced = sandboxed, advanced
        self.marks = []
        self.mark()

    def mark(self) -> None:
        """Note the moment at which one more part is done."""
        self.marks.append(time.perf_counter_ns())
