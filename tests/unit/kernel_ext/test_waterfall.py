"""A start's steps are a frame of fixed columns, and a picture that needs no page around it."""

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree as ET

from ipycontainer.model.explained import ExplainedStep
from kernel_ext.schemas import STEPS
from kernel_ext.start_frames import steps
from kernel_ext.waterfall import bars, svg

STEP = ExplainedStep(
    "init", "mount <proc> & more", "fsopen", "ps reads it.", False, 100_000, 50_000
)
AHEAD = ExplainedStep("init", "bring up lo", "netlink", "It is down.", True, None, 40_000)


def _drawing(text: str) -> ET.Element:
    found = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', text)
    assert found is not None
    return ET.fromstring(base64.b64decode(found[1]))


def test_a_start_that_failed_says_where() -> None:
    """Its last bar is red and named, the picture's words tell it, the table has the error."""
    error = "mount proc: EPERM: Operation not permitted <b>"
    ill = ExplainedStep(
        "init", "mount proc", "mount", "It is needed.", False, 900, 5_000_000, error
    )
    frame = steps([STEP, ill], 0)
    assert [bar.failed for bar in bars(frame)] == [False, True]
    drawn = svg(bars(frame))
    assert drawn.count('fill="#d0493f"') == 1
    assert ">failed: mount proc<" in drawn
    page = str(frame._repr_html_())
    assert "<summary>failed after 5.00 ms, at step 2: mount proc</summary>" in page
    assert "failed</span> mount proc: EPERM: Operation not permitted &lt;b&gt;" in page
    assert page.count("failed</span>") == 1


def test_columns_are_the_same_without_rows_and_without_times() -> None:
    """Empty, planned and done steps have the columns and types of STEPS."""
    planned = ExplainedStep("engine", "write", "write", "To be read.")
    for rows in ([], [planned], [AHEAD, STEP]):
        frame = steps(rows, 0)
        assert dict(frame.dtypes.astype(str)) == {
            name: str(column.type) for name, column in STEPS.items()
        }


def test_a_frame_with_times_has_its_picture_and_so_has_a_part_of_it() -> None:
    """The picture shows the rows that are there, each with its bar, and names the longest."""
    frame = steps([AHEAD, STEP, STEP], 0)
    drawing = _drawing(str(frame._repr_html_()))
    assert len(bars(frame)) == 2
    labels = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert labels.count("mount <proc> & more") == 2
    part = _drawing(str(frame.head(2)._repr_html_()))
    assert "mount" in str(part[0].text)
    assert part[0].tag.endswith("title")


def test_without_times_there_is_no_picture() -> None:
    """Steps that were only planned are a table, and so are columns without moments."""
    frame = steps([ExplainedStep("engine", "write", "write", "To be read.")], 0)
    assert "<img" not in str(frame._repr_html_())
    assert "<img" not in str(steps([STEP], 0)[["who", "step"]]._repr_html_())


def test_the_picture_lets_nothing_through() -> None:
    """Words of a step are text in the drawing and in what stands for it."""
    hostile = ExplainedStep("init", '"><script>alert(1)</script>', "x", "y", False, 0, 1)
    shown = str(steps([hostile], 0)._repr_html_())
    assert "<script" not in shown
    assert "<script" not in svg(bars(steps([hostile], 0)))


def test_the_picture_has_no_paper_and_is_read_on_white_and_on_black() -> None:
    """Nothing covers it, and each colour stands out by 3:1 at least on either page."""
    drawn = svg(bars(steps([STEP, STEP], 0)))
    colours = set(re.findall(r"#[0-9a-f]{6}", drawn))
    assert len(colours) >= 4
    for colour in colours:
        light = _luminance(colour)
        assert 1.05 / (light + 0.05) >= 3
        assert (light + 0.05) / (_luminance("#111111") + 0.05) >= 3
    assert 'rect width="830"' not in drawn


def _luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
