"""The live view of stats: a row for each container with meters, and charts over time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ipycontainer.model.units import human_size, human_size_binary
from kernel_ext.live import stills
from kernel_ext.live.chart import Chart, colour, picture, rates
from kernel_ext.live.view import View

if TYPE_CHECKING:
    from ipycontainer.commands.live import Live
    from ipycontainer.model.sample import Sample
    from kernel_ext.frames import Frame

__all__ = ["StatsView"]

FIRST_SECONDS = 0.25
EACH_SECONDS = 1.0
# What is kept: each second of two minutes, and each fifth second of a quarter of an hour.
FINE, COARSE, COARSE_EACH = 120, 180, 5

Moment = tuple[int, "tuple[Sample, ...]"]  # nanoseconds since the epoch, a row for each container


class StatsView(View):
    """What containers use."""

    def __init__(self, live: Live) -> None:
        super().__init__(f"stats of {live.title}", "stats.js", live.bell())
        self._source = live.source
        self._rows: Sequence[Sample] = self._source.rows()
        self._fine: deque[Moment] = deque(maxlen=FINE)
        self._coarse: deque[Moment] = deque(maxlen=COARSE)
        self._count = 0
        self._at = time.monotonic() + FIRST_SECONDS

    def frame(self) -> Frame:
        """Return every reading that is kept: a row for each moment and container."""
        from kernel_ext import frames

        moments = [(at, row) for at, rows in self._kept() for row in rows]
        rows, times = [row for _, row in moments], [at for at, _ in moments]
        return frames.samples(rows, time.time_ns(), times)

    def _kept(self) -> list[Moment]:
        fine = list(self._fine)
        first = fine[0][0] if fine else 0
        return [*(each for each in list(self._coarse) if each[0] < first), *fine]

    def _next(self) -> float:
        return self._at

    def _step(self, now: float, rang: bool, ready: frozenset[int]) -> str:
        del ready
        if rang and not self._source.refresh():
            return "ended"
        if now < self._at:
            return ""
        # From where it was due, not from now: else each reading would be a little later.
        self._at = max(self._at + EACH_SECONDS, now)
        self._rows = self._source.rows()
        moment = (time.time_ns(), tuple(self._rows))
        self._fine.append(moment)
        if self._count % COARSE_EACH == 0:
            self._coarse.append(moment)
        self._count += 1
        self._send({"moments": [_plain(moment)]})
        return ""

    def _whole(self) -> dict[str, Any]:
        return {"moments": [_plain(each) for each in self._kept()]}

    def _picture(self) -> tuple[str, str]:
        known = bool(self._fine)
        numbers = {row.id: place for place, row in enumerate(self._rows)}
        body = [
            (
                stills.marked(
                    f'<span style="color:{colour(numbers[row.id])}" aria-hidden="true">■</span> '
                    f"{row.name}"
                ),
                stills.number(f"{row.cpu_percent:.2f}%" if known else "…"),
                stills.number(_memory(row)),
                stills.number(_pair(row.rx_bytes, row.tx_bytes)),
                stills.number(_pair(row.read_bytes, row.write_bytes)),
                stills.number(str(row.pids)),
            )
            for row in self._rows
        ]
        titles = ("container", "cpu", "memory / limit", "net in / out", "disk r / w", "pids")
        text = "\n".join(
            f"{row.name}  cpu {row.cpu_percent:.2f}%  memory {_memory(row)}  pids {row.pids}"
            for row in self._rows
        )
        charts = "".join(map(picture, self._charts())) if len(self._fine) > 1 else ""
        return text, f"{stills.table(titles, body)}<div>{charts}</div>"

    def _charts(self) -> list[Chart]:
        last = list(self._fine)[-60:]

        def lines(value: Callable[[Sample], float]) -> dict[str, list[tuple[float, float]]]:
            found: dict[str, list[tuple[float, float]]] = {row.name: [] for row in self._rows}
            for at, rows in last:
                for row in rows:
                    found.setdefault(row.name, []).append((at / 1e9, value(row)))
            return found

        def gained(value: Callable[[Sample], float]) -> dict[str, list[tuple[float, float | None]]]:
            return {name: rates(points) for name, points in lines(value).items()}

        return [
            Chart("cpu", lambda v: f"{v:.0f}%", lines(lambda row: row.cpu_percent)),
            Chart("memory", human_size_binary, lines(lambda row: row.memory)),
            Chart("network", _speed, gained(lambda row: row.rx_bytes + row.tx_bytes)),
            Chart("disk", _speed, gained(lambda row: row.read_bytes + row.write_bytes)),
            Chart("pids", lambda v: f"{v:.0f}", lines(lambda row: row.pids)),
        ]


def _plain(moment: Moment) -> list[Any]:
    """Return a moment as the page takes it: milliseconds, then lists of numbers."""
    at, rows = moment
    return [
        at // 1_000_000,
        [
            [
                *(row.id[:12], row.name, round(row.cpu_percent, 2), row.memory, row.memory_limit),
                *(row.rx_bytes, row.tx_bytes, row.read_bytes, row.write_bytes, row.pids),
            ]
            for row in rows
        ],
    ]


def _memory(row: Sample) -> str:
    return f"{human_size_binary(row.memory)} / {human_size_binary(row.memory_limit)}"


def _speed(value: float) -> str:
    return f"{human_size(value, 3)}/s"


def _pair(one: int, other: int) -> str:
    return f"{human_size(one, 3)} / {human_size(other, 3)}"
