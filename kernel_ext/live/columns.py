"""Columns of the frames that live views give, of the types that all frames have.

Imports pandas, so it is imported by the first frame of a view.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

__all__ = ["moments", "texts"]


def moments(ns: Sequence[int]) -> pd.Series[Any]:
    """Return nanoseconds since the epoch as a column of moments."""
    numbers = pd.Series(list(ns), dtype="int64")
    found: pd.Series[Any] = pd.to_datetime(numbers, unit="ns", utc=True)
    return found.astype(pd.DatetimeTZDtype(unit="ns", tz="UTC"))


def texts(values: Sequence[str]) -> pd.Series[Any]:
    """Return a column of text."""
    column: pd.Series[Any] = pd.Series(list(values), dtype=pd.StringDtype())
    return column
