"""Parts of the live views that need no kernel: the pump, the tree, the charts, the following."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.model.process import Process
from kernel_ext.live import stills
from kernel_ext.live.chart import Chart, picture, rates, svg
from kernel_ext.live.processes import in_tree
from kernel_ext.live.pump import Pump

SECOND = 1_000_000_000


class Counted:
    """A view that is due so many times; the one that breaks raises at its first turn."""

    def __init__(self, turns: int, *, breaks: bool = False) -> None:
        self.left = turns
        self.breaks = breaks
        self.over = threading.Event()
        self.threads: set[str] = set()

    def waits_for(self) -> Iterable[int]:
        return ()

    def due(self) -> float:
        return time.monotonic()

    def turn(self, now: float, ready: frozenset[int]) -> bool:
        del now, ready
        self.threads.add(threading.current_thread().name)
        if self.breaks:
            raise ValueError("broken")
        self.left -= 1
        if not self.left:
            self.over.set()
        return self.left > 0

    def failed(self, error: Exception) -> None:
        assert str(error) == "broken"
        self.over.set()


def test_one_thread_turns_all_and_ends_with_the_last() -> None:
    """A view that fails ends alone; the thread goes when nobody is left, and comes again."""
    pump = Pump()
    for _ in range(2):
        views = [Counted(3), Counted(1, breaks=True), Counted(5)]
        for view in views:
            pump.add(view)
        assert all(view.over.wait(10) for view in views)
        assert {name for view in views for name in view.threads} == {"container views"}
        assert [view.left for view in views] == [0, 1, 0]


def process(pid: int, parent: int) -> Process:
    """Return a process of which only its place in the tree matters."""
    return Process(pid, pid, parent, "sleeping", 0, 1, 0, 0, pid * SECOND, "x")


def test_the_tree_has_each_below_its_parent() -> None:
    """Children follow their parent, one deeper; whose parent is elsewhere stands at the top."""
    rows = [process(1, 77), process(5, 1), process(6, 5), process(9, 88), process(7, 1)]
    found = [(row.pid, depth) for row, depth in in_tree(rows)]
    assert found == [(1, 0), (5, 1), (6, 2), (7, 1), (9, 0)]


@given(
    st.dictionaries(
        st.text(max_size=8),
        st.lists(
            st.tuples(st.floats(0, 1e6), st.none() | st.floats(0, 1e15, allow_subnormal=False)),
            max_size=12,
        ),
        max_size=12,
    )
)
def test_any_lines_make_a_picture(series: dict[str, list[tuple[float, float | None]]]) -> None:
    """Whatever the values and gaps, the SVG can be read, and the image says it in words."""
    chart = Chart("cpu <&>", lambda value: f"{value:.0f}%", series)
    drawn = ET.fromstring(svg(chart))
    assert drawn.tag.endswith("svg")
    for line in drawn.iterfind("{*}polyline"):
        places = [float(point.split(",")[0]) for point in line.attrib["points"].split()]
        assert 56 <= min(places) <= max(places) <= 292, "it leaves the chart"
    assert 'alt="cpu &lt;&amp;&gt;: ' in picture(chart)


def test_a_moment_alone_is_now() -> None:
    """Its line is short, and ends where the chart does."""
    drawn = svg(Chart("net", str, {"web": [(7.0, 1.0)]}))
    assert 'points="174.0,24.0 292.0,24.0"' in drawn
    assert "1 s ago" in drawn


def test_counters_become_rates() -> None:
    """What was gained each second; a counter that began anew leaves a gap."""
    assert rates([(0, 10), (2, 30), (3, 5), (4, 6)]) == [(2, 10.0), (3, None), (4, 1.0)]


def test_a_pictures_title_stands_as_what_is_below_it() -> None:
    """To the right of numbers, whatever a text says; to the left where there is nothing."""
    row = (stills.word(";text-align:right"), stills.number("1"))

    right = [
        "text-align:right" in head for head in stills.table(("a", "b"), [row]).split("</th>")[:2]
    ]

    assert right == [False, True]
    assert "text-align:right" not in stills.table(("a", "b"), [])
