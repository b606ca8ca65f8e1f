"""The frame of `explain` and of `run --explain`: a start's steps, and its picture above the table.

Rows come from commands.records; imported by the first such frame, as kernel_ext.frames is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from kernel_ext.frames import Frame

if TYPE_CHECKING:
    from ipycontainer.model.explained import ExplainedStep

__all__ = ["STEPS", "steps"]

_TEXT, _MAYBE = pd.StringDtype(), pd.Int64Dtype()
STEPS: Mapping[str, Any] = {
    "who": pd.CategoricalDtype(["engine", "monitor", "init"]),
    "step": _TEXT,
    "calls": _TEXT,  # system calls, a, b
    "why": _TEXT,
    "ahead": "bool",  # done before there was a container
    "start_ns": _MAYBE,  # since the engine's first word of the start
    "duration_ns": _MAYBE,
}


def steps(rows: Sequence[ExplainedStep], now_ns: int) -> Frame:
    """Return the frame: times are missing where the start has not taken place."""
    columns = {
        "who": [row.who for row in rows],
        "step": [row.what for row in rows],
        "calls": [row.calls for row in rows],
        "why": [row.why for row in rows],
        "ahead": [row.ahead for row in rows],
        "start_ns": [row.start_ns for row in rows],
        "duration_ns": [row.duration_ns for row in rows],
    }
    frame = Frame({name: pd.Series(columns[name], dtype=dtype) for name, dtype in STEPS.items()})
    frame.attrs["now_ns"] = now_ns
    frame.attrs["picture"] = "waterfall"
    return frame
