"""The frame of `ps --labels`: a row for each label, where a cell of `ps` holds all.

Rows come from commands.records; imported by the first such listing, as kernel_ext.frames is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from kernel_ext.frames import Frame

if TYPE_CHECKING:
    from ipycontainer.commands.label_records import LabelSummary

__all__ = ["LABELS", "labels"]

LABELS: Mapping[str, Any] = dict.fromkeys(("id", "name", "key", "value"), pd.StringDtype())


def labels(rows: Sequence[LabelSummary], now_ns: int) -> Frame:
    """Return the frame, by container as `ps` orders them, keys in order."""
    frame = Frame(
        {
            name: pd.Series([getattr(row, name) for row in rows], dtype=dtype)
            for name, dtype in LABELS.items()
        }
    )
    frame.attrs["now_ns"] = now_ns
    return frame
