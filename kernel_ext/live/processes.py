"""The live view of `top --watch`: a container's processes as a tree, with both pids."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ipycontainer.model.units import human_size_binary
from kernel_ext.live import stills
from kernel_ext.live.view import View
from kernel_ext.visible import visible

if TYPE_CHECKING:
    from ipycontainer.commands.live import Live
    from ipycontainer.model.process import Process
    from kernel_ext.frames import Frame

__all__ = ["ProcessesView", "in_tree"]

EACH_SECONDS = 1.0
MOST_ROWS = 500  # that a page is sent; the rest is counted
TITLES = ("command", "pid", "pid inside", "user", "cpu", "memory", "threads", "state")


class ProcessesView(View):
    """What runs in a container."""

    def __init__(self, live: Live) -> None:
        super().__init__(f"processes of {live.title}", "processes.js", live.bell())
        self._source = live.source
        self._rows: Sequence[Process] = self._source.rows()
        self._read_at = self._at = time.monotonic()
        self._percents: dict[tuple[int, int], float] = {}

    def frame(self) -> Frame:
        """Return the processes as they are now, in the tree's order."""
        from kernel_ext import frames, schemas

        rows = list(in_tree(self._rows))
        columns: dict[str, list[Any]] = {
            "pid": [row.pid for row, _ in rows],
            "pid_inside": [row.inside for row, _ in rows],
            "ppid": [row.parent for row, _ in rows],
            "user": [row.uid for row, _ in rows],
            "cpu_percent": [self._percent(row) for row, _ in rows],
            "rss": [row.resident for row, _ in rows],
            "threads": [row.threads for row, _ in rows],
            "started": [row.started_ns for row, _ in rows],
            "state": [row.state for row, _ in rows],
            "command": [row.command for row, _ in rows],
        }
        return frames.filled(schemas.TREE, columns, time.time_ns())

    def _next(self) -> float:
        return self._at

    def _step(self, now: float, rang: bool, ready: frozenset[int]) -> str:
        del ready
        if rang and not self._source.refresh():
            return "ended"
        if now < self._at:
            return ""
        self._at = max(self._at + EACH_SECONDS, now)
        before = {_who(row): row.cpu_ns for row in self._rows}
        rows = self._source.rows()
        if not rows:  # in the moment of its end: the bell rings for that
            return ""
        passed_ns = max(1.0, (now - self._read_at) * 1e9)
        self._percents = {
            _who(row): (row.cpu_ns - before[_who(row)]) / passed_ns * 100
            for row in rows
            if _who(row) in before
        }
        self._rows, self._read_at = rows, now
        self._send(self._whole())
        return ""

    def _percent(self, row: Process) -> float:
        return round(self._percents.get(_who(row), 0.0), 1)

    def _whole(self) -> dict[str, Any]:
        rows = list(in_tree(self._rows))
        return {
            "rows": [
                [
                    *(row.pid, row.inside, row.uid, self._percent(row), row.resident),
                    *(row.threads, row.state, depth, visible(_short(row.command))),
                ]
                for row, depth in rows[:MOST_ROWS]
            ],
            "more": max(0, len(rows) - MOST_ROWS),
        }

    def _picture(self) -> tuple[str, str]:
        rows = list(in_tree(self._rows))
        body = [
            (
                stills.word(f"{_branch(depth)}{_short(row.command)}", ";white-space:pre"),
                *(stills.number(str(value)) for value in (row.pid, row.inside, row.uid)),
                stills.number(f"{self._percent(row):.1f}%"),
                stills.number(human_size_binary(row.resident)),
                stills.number(str(row.threads)),
                stills.word(row.state),
            )
            for row, depth in rows[:MOST_ROWS]
        ]
        text = "\n".join(
            f"{row.pid:>8} {row.inside:>6}  {_branch(depth)}{visible(_short(row.command))}"
            for row, depth in rows[:MOST_ROWS]
        )
        return text, stills.table(TITLES, body)


def in_tree(rows: Sequence[Process]) -> Iterator[tuple[Process, int]]:
    """Yield the processes, each below its parent, with their depths; the given order otherwise."""
    here = {row.pid for row in rows}
    children: dict[int, list[Process]] = {}
    for row in rows:
        children.setdefault(row.parent if row.parent in here else 0, []).append(row)
    waiting = [(row, 0) for row in reversed(children.get(0, []))]
    while waiting:
        row, depth = waiting.pop()
        yield row, depth
        waiting += [(child, depth + 1) for child in reversed(children.get(row.pid, []))]


def _who(row: Process) -> tuple[int, int]:
    """Return what names a process for good: pids are used again."""
    return row.pid, row.started_ns


def _branch(depth: int) -> str:
    return "  " * (depth - 1) + "└ " if depth else ""


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:119] + "…"
