"""`stats` in a notebook: a frame of numbers, readable in a page."""

from __future__ import annotations

import pytest

from ipycontainer.commands.live import Live
from ipycontainer.errors import Unsupported
from ipycontainer.model.sample import Sample
from kernel_ext import frame_html, frames
from kernel_ext.display import show
from kernel_ext.options import Options
from kernel_ext.schemas import SAMPLES
from tests.fake_live import FakeBell, FakeSampler

ROW = Sample("0" * 64, "web", "web", 12.345, 64 << 20, 128 << 20, 1500, 0, 4096, 1_000_000, 3)


def test_frame_has_numbers_of_exact_types() -> None:
    """The same columns empty or full; nothing is rounded but in a page."""
    for rows in ((), (ROW,)):
        frame = frames.samples(rows, 0)
        assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
            name: str(column.type) for name, column in SAMPLES.items()
        }
    frame = frames.samples((ROW,), 0)
    assert [frame[name][0] for name in ("memory", "cpu_percent", "pids")] == [64 << 20, 12.345, 3]


def test_page_is_humanised() -> None:
    """Percents with two digits, memory in MiB, traffic in kB."""
    html = frame_html.table(frames.samples((ROW,), 0))
    for text in ("12.35%", "50.00%", "64MiB", "128MiB", "1.5kB", "4.1kB", "1MB"):
        assert f">{text}</td>" in html


def test_without_a_page_a_live_view_says_where_there_is_one() -> None:
    """IPython's terminal shows no widgets: the shell's own verb does there what is wanted."""
    live = Live(
        kind="stats",
        title="web",
        listings=iter(()),
        source=FakeSampler([[ROW]]),
        bell=FakeBell,
    )
    shown = show(live, Options(), ["stats"], quiet=False)
    assert isinstance(shown.error, Unsupported)
    assert "ipycontainer stats" in shown.error.hint
    with pytest.raises(Unsupported):
        raise shown.error
