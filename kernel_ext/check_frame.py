"""The frame of `doctor`: a row for each thing that the engine stands on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from ipycontainer.commands.check_columns import STATES, check_state
from kernel_ext.frames import Frame

if TYPE_CHECKING:
    from ipycontainer.commands.border_records import Check

__all__ = ["checks"]


def checks(rows: Sequence[Check]) -> Frame:
    """Return the frame: name, state (ok, limited, missing), detail, and the remedy, whole."""
    text, state = pd.StringDtype(), pd.CategoricalDtype(list(STATES))
    frame = Frame(
        {
            "name": pd.Series([row.name for row in rows], dtype=text),
            "state": pd.Series([check_state(row) for row in rows], dtype=state),
            "detail": pd.Series([row.detail for row in rows], dtype=text),
            "remedy": pd.Series([row.remedy for row in rows], dtype=text),
        }
    )
    frame.attrs["no_trunc"] = True
    return frame
