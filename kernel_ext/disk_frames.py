"""The frames of `system df`: kinds of things, or with -v one row for each thing; bytes as numbers.

Rows come from commands.records; imported by the first such listing, as kernel_ext.frames is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from kernel_ext import schemas
from kernel_ext.frames import Frame, filled
from kernel_ext.schemas import Schema

if TYPE_CHECKING:
    from ipycontainer.commands.records import DiskUsage
    from ipycontainer.commands.summaries import DiskSummary

__all__ = ["each", "kinds"]


def kinds(rows: Sequence[DiskSummary], now_ns: int) -> Frame:
    """Return the frame of `system df`."""
    return _frame(schemas.DISK_KINDS, [asdict(row) for row in rows], now_ns)


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
    return _frame(schemas.DISK, rows, usage.now_ns)


def _frame(schema: Schema, rows: Sequence[Mapping[str, Any]], now_ns: int) -> Frame:
    return filled(schema, {name: [row.get(name) for row in rows] for name in schema}, now_ns)
