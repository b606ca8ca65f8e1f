"""The live view of `ps --watch`: the list, drawn anew when something happens."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ipycontainer.model.units import human_duration
from kernel_ext.badges import state_badge
from kernel_ext.live import stills
from kernel_ext.live.view import View
from kernel_ext.visible import visible

if TYPE_CHECKING:
    from ipycontainer.commands.live import Live
    from ipycontainer.commands.summaries import ContainerSummary
    from kernel_ext.frames import Frame

__all__ = ["ContainersView"]

TITLES = ("name", "image", "command", "state", "created", "ports", "id")


class ContainersView(View):
    """Which containers there are, and how they are."""

    def __init__(self, live: Live) -> None:
        super().__init__(f"ps of {live.title}", "containers.js", live.bell())
        self._source = live.source
        self._rows: Sequence[ContainerSummary] = self._source.rows()

    def frame(self) -> Frame:
        """Return the list as it is now."""
        from kernel_ext import frames

        return frames.containers(self._rows, time.time_ns())

    def _next(self) -> None:
        return None

    def _step(self, now: float, rang: bool, ready: frozenset[int]) -> str:
        del now, ready
        if rang:
            self._source.refresh()
            self._rows = self._source.rows()
            self._send(self._whole())
        return ""

    def _whole(self) -> dict[str, Any]:
        return {"rows": [_plain(row) for row in self._rows]}

    def _picture(self) -> tuple[str, str]:
        now_ns = time.time_ns()
        body = [
            (
                stills.word(row.name),
                stills.word(row.image),
                stills.word(_short(row.command)),
                stills.marked(state_badge(row.status, _code(row))),
                stills.word(f"{human_duration((now_ns - row.created_ns) / 1e9)} ago"),
                stills.word(row.ports),
                stills.word(row.id[:12]),
            )
            for row in self._rows
        ]
        text = "\n".join(f"{row.name}  {row.status}  {row.image}" for row in self._rows)
        return text, stills.table(TITLES, body)


def _plain(row: ContainerSummary) -> dict[str, Any]:
    """Return a row as the page takes it; times in milliseconds, 0 for never."""
    return {
        "id": row.id[:12],
        "name": row.name,
        "image": visible(row.image),
        "command": visible(_short(row.command)),
        "state": row.status,
        "code": _code(row),
        "health": row.health,
        "created": row.created_ns // 1_000_000,
        "started": row.started_ns // 1_000_000,
        "finished": row.finished_ns // 1_000_000,
        "ports": visible(row.ports),
    }


def _code(row: ContainerSummary) -> int | None:
    return row.exit_code if row.status in ("exited", "dead") else None


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
