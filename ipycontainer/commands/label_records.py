"""What `ps --labels` returns: a part of commands.records."""

from __future__ import annotations

from dataclasses import dataclass

from ipycontainer.commands.records import Outcome

__all__ = ["LabelListing", "LabelSummary"]


@dataclass(frozen=True, slots=True)
class LabelSummary:
    """A row of `ps --labels`: one label of one container."""

    id: str
    name: str
    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelListing(Outcome):
    """Rows of `ps --labels`."""

    rows: tuple[LabelSummary, ...]
    now_ns: int
