"""The frame of `explain` and of `run --explain`: a start's steps, and its picture above the table.

Rows come from commands.records; imported by the first such frame, as kernel_ext.frames is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kernel_ext import schemas
from kernel_ext.frames import Frame, filled

if TYPE_CHECKING:
    from ipycontainer.model.explained import ExplainedStep

__all__ = ["steps"]


def steps(rows: Sequence[ExplainedStep], now_ns: int) -> Frame:
    """Return the frame: times are missing where the start has not taken place."""
    columns: dict[str, list[Any]] = {
        "who": [row.who for row in rows],
        "step": [row.what for row in rows],
        "calls": [row.calls for row in rows],
        "why": [row.why for row in rows],
        "ahead": [row.ahead for row in rows],
        "start_ns": [row.start_ns for row in rows],
        "duration_ns": [row.duration_ns for row in rows],
        "error": [row.error or None for row in rows],
    }
    frame = filled(schemas.STEPS, columns, now_ns)
    frame.attrs["picture"] = "waterfall"
    return frame
