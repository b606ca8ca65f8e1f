"""The frame of `doctor`: a row for each thing that the engine stands on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ipycontainer.commands.check_columns import check_state
from kernel_ext import schemas
from kernel_ext.frames import Frame, filled

if TYPE_CHECKING:
    from ipycontainer.commands.record_protocols import Check

__all__ = ["checks"]


def checks(rows: Sequence[Check]) -> Frame:
    """Return the frame, what it says whole."""
    columns = {
        "name": [row.name for row in rows],
        "state": [check_state(row) for row in rows],
        "detail": [row.detail for row in rows],
        "remedy": [row.remedy for row in rows],
    }
    frame = filled(schemas.CHECKS, columns, None)
    frame.attrs["no_trunc"] = True
    return frame
