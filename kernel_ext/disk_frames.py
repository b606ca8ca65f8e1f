"""The frames of `system df`: kinds of things, or with -v one row for each thing; bytes as numbers.

Rows come from commands.records; imported by the first such listing, as kernel_ext.frames is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from kernel_ext.frames import Frame

if TYPE_CHECKING:
    from ipycontainer.commands.records import DiskSummary, DiskUsage

__all__ = ["EACH", "KINDS", "each", "kinds"]

_TYPES = pd.CategoricalDtype(["Images", "Containers", "Local Volumes", "Build Cache"])
KINDS: Mapping[str, Any] = {
    "type": _TYPES,
    "total": "int64",
    "active": "int64",
    "size": "int64",
    "reclaimable": "int64",
}
EACH: Mapping[str, Any] = {
    "type": _TYPES,
    "id": pd.StringDtype(),
    "name": pd.StringDtype(),
    "size": "int64",
    "shared": pd.Int64Dtype(),  # of an image's, with others
    "users": pd.Int64Dtype(),  # containers on an image or a volume
}


def kinds(rows: Sequence[DiskSummary], now_ns: int) -> Frame:
    """Return the frame of `system df`."""
    return _frame(KINDS, [asdict(row) for row in rows], now_ns)


def each(usage: DiskUsage) -> Frame:
    """Return the frame of `system df -v`: images by name, containers, volumes."""
    rows: list[dict[str, Any]] = [
        {
            "type": "Images",
            "id": row.id,
            "name": None if row.repository == "<none>" else f"{row.repository}:{row.tag}",
            "size": row.size,
            "shared": row.shared,
            "users": row.containers,
        }
        for row in usage.images
    ]
    rows += [
        {"type": "Containers", "id": row.id, "name": row.name, "size": row.written}
        for row in usage.containers
    ]
    rows += [
        {
            "type": "Local Volumes",
            "name": row.name,
            "size": row.size,
            "users": len(row.containers),
        }
        for row in usage.volumes
    ]
    return _frame(EACH, rows, usage.now_ns)


def _frame(schema: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], now_ns: int) -> Frame:
    columns = {
        name: pd.Series([row.get(name) for row in rows], dtype=dtype)
        for name, dtype in schema.items()
    }
    frame = Frame(columns)
    frame.attrs["now_ns"] = now_ns
    return frame
