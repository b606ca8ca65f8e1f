"""A chart of lines over time as a small SVG picture, for pages that run no code of ours.

As <img> with its data inside: that is what an untrusted notebook keeps (<svg> is taken out). The
picture cannot know the page's theme, so its greys and colours are middle ones, read on both.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["COLOURS", "Chart", "colour", "picture", "svg"]

# Each at least 3:1 against white and against #111 (WCAG 1.4.11); what they mean is also said.
COLOURS = (
    *("#3b7dd8", "#c4661f", "#2f8f4e", "#b8478f", "#8a6fd1", "#9a7a12", "#1f8a91", "#d0493f"),
    *("#6f7f8f", "#7a8f2a"),
)
_GREY = "#7a7a7a"
WIDTH, HEIGHT = 300, 130
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 8, 24, 20
_LEAST_SECONDS = 1.0  # that are shown, also of one moment alone


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines of values over time, in seconds; None is a gap. `unit` writes a value."""

    title: str
    unit: Callable[[float], str]
    series: Mapping[str, Sequence[tuple[float, float | None]]]


def colour(number: int) -> str:
    """Return the colour of the line of that number; after ten they come again."""
    return COLOURS[number % len(COLOURS)]


def picture(chart: Chart) -> str:
    """Return the chart as an image with its words."""
    data = base64.b64encode(svg(chart).encode()).decode()
    last = [(name, points[-1][1]) for name, points in chart.series.items() if points]
    said = ", ".join(f"{name} {chart.unit(value)}" for name, value in last if value is not None)
    words = html.escape(f"{chart.title}: {said or 'nothing yet'}", quote=True)
    return (
        f'<img alt="{words}" src="data:image/svg+xml;base64,{data}" '
        f'width="{WIDTH}" height="{HEIGHT}" style="margin:.3em;max-width:100%">'
    )


def svg(chart: Chart) -> str:
    """Return the chart as SVG."""
    moments = [at for points in chart.series.values() for at, _ in points]
    values = [v for points in chart.series.values() for _, v in points if v is not None]
    begin, end = min(moments, default=0.0), max(moments, default=1.0)
    begin = min(begin, end - _LEAST_SECONDS)
    top = max([*values, 0.0]) or 1.0
    span = end - begin
    plot_width, plot_height = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

    def place(at: float, value: float) -> str:
        x = _LEFT + (at - begin) / span * plot_width
        y = _TOP + (1 - value / top) * plot_height
        return f"{x:.1f},{y:.1f}"

    lines = []
    for number, points in enumerate(chart.series.values()):
        dash = ' stroke-dasharray="4 2"' if number >= len(COLOURS) else ""
        for run in _runs(points, begin, end):
            path = " ".join(place(at, value) for at, value in run)
            lines.append(
                f'<polyline points="{path}" fill="none" stroke="{colour(number)}" '
                f'stroke-width="1.5"{dash}/>'
            )
    low, high = HEIGHT - _BOTTOM, _TOP
    title, most = html.escape(chart.title), chart.unit(top)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="10" fill="{_GREY}">'
        f'<text x="{_LEFT}" y="14" font-size="12" font-weight="bold">{title}</text>'
        f'<path d="M{_LEFT} {high}V{low}H{WIDTH - _RIGHT}" fill="none" stroke="{_GREY}"/>'
        f'<text x="{_LEFT - 4}" y="{high + 8}" text-anchor="end">{html.escape(most)}</text>'
        f'<text x="{_LEFT - 4}" y="{low}" text-anchor="end">{html.escape(chart.unit(0))}</text>'
        f'<text x="{_LEFT}" y="{low + 14}">{_ago(end - begin)}</text>'
        f'<text x="{WIDTH - _RIGHT}" y="{low + 14}" text-anchor="end">now</text>'
        f"{''.join(lines)}</svg>"
    )


def _runs(
    points: Sequence[tuple[float, float | None]], begin: float, end: float
) -> list[list[tuple[float, float]]]:
    """Return the points between the gaps; one alone is drawn as a short line around it."""
    runs: list[list[tuple[float, float]]] = [[]]
    for at, value in points:
        if value is None:
            runs.append([])
        else:
            runs[-1].append((at, value))
    return [
        run
        if len(run) > 1
        else [(max(begin, run[0][0] - 0.5), run[0][1]), (min(end, run[0][0] + 0.5), run[0][1])]
        for run in runs
        if run
    ]


def rates(points: Sequence[tuple[float, float]]) -> list[tuple[float, float | None]]:
    """Return what a counter gained each second; a counter that began anew leaves a gap."""
    return [
        (now, (value - was) / (now - before) if value >= was and now > before else None)
        for (before, was), (now, value) in pairwise(points)
    ]


def _ago(seconds: float) -> str:
    return f"{seconds / 60:.0f} min ago" if seconds >= 90 else f"{seconds:.0f} s ago"
