"""The frame of `ps --labels`: a row for each label, where a cell of `ps` holds all.

Rows come from commands.records; imported by the first such listing, as kernel_ext.frames is.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from kernel_ext import schemas
from kernel_ext.frames import Frame, filled

if TYPE_CHECKING:
    from ipycontainer.commands.label_records import LabelSummary

__all__ = ["labels"]


def labels(rows: Sequence[LabelSummary], now_ns: int) -> Frame:
    """Return the frame, by container as `ps` orders them, keys in order."""
    columns = {name: map(attrgetter(name), rows) for name in schemas.LABELS}
    return filled(schemas.LABELS, columns, now_ns)
