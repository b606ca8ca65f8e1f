"""A start as a waterfall: a bar for each step, where it began and how long it took.

Drawn by Python as SVG and shown as an image, which is all that an untrusted notebook, nbconvert and
GitHub keep. An image does not know the page's colours, so it has no background, and greys and
colours that are read on white and on black, as those of live.chart. Its table form is the frame
below it. Below frames; everything is escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from kernel_ext.visible import escaped

__all__ = ["Bar", "bars", "picture", "svg"]

_COLOURS = {"engine": "#3b7dd8", "monitor": "#c4661f", "init": "#2f8f4e"}
_FAILED, _GREY = "#d0493f", "#7a7a7a"
_LABEL_COLUMNS = 48
_LABEL, _CHART, _RIGHT, _ROW, _TOP = 330, 420, 80, 16, 44  # pixels
_FONT = f'font-family="system-ui,sans-serif" font-size="12" fill="{_GREY}"'


@dataclass(frozen=True, slots=True)
class Bar:
    """One step: moments in nanoseconds since the start's beginning."""

    who: str
    label: str
    start_ns: int
    duration_ns: int
    failed: bool = False


def bars(frame: pd.DataFrame) -> list[Bar]:
    """Return the steps of a frame of `explain`, or of a part of one, whose moments are known."""
    wanted = ("who", "step", "start_ns", "duration_ns")
    if not set(wanted) <= set(frame.columns):
        return []
    known = frame.dropna(subset=["start_ns", "duration_ns"])
    failed = known["error"].notna() if "error" in known else [False] * len(known)
    rows = zip(*(known[name] for name in wanted), failed, strict=True)
    return [
        Bar(str(who), str(step), int(at), int(took), bool(ill)) for who, step, at, took, ill in rows
    ]


def picture(frame: pd.DataFrame) -> str:
    """Return the picture as HTML; empty where no moment is known."""
    found = bars(frame)
    if not found:
        return ""
    source = base64.b64encode(svg(found).encode()).decode()
    told = escaped(_title(found))
    return (
        f"<details open><summary>{told}</summary>"
        f'<img alt="{told}" style="max-width:100%" src="data:image/svg+xml;base64,{source}">'
        "</details>"
    )


def _title(found: Sequence[Bar]) -> str:
    whole = max(bar.start_ns + bar.duration_ns for bar in found)
    if found[-1].failed:
        return f"failed after {whole / 1e6:.2f} ms, at step {len(found)}: {found[-1].label}"
    longest = max(found, key=lambda bar: bar.duration_ns)
    return (
        f"{len(found)} steps in {whole / 1e6:.2f} ms; the longest: {longest.label}, "
        f"{longest.duration_ns / 1e6:.2f} ms"
    )


def svg(found: Sequence[Bar]) -> str:
    """Return the drawing: labels left, bars in a common scale, milliseconds at their ends."""
    whole = max(1, *(bar.start_ns + bar.duration_ns for bar in found))
    width, height = _LABEL + _CHART + _RIGHT, _TOP + _ROW * len(found) + 8
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" {_FONT}><title>{escaped(_title(found))}</title>'
    )
    parts = [
        head,
        *_legend(),
        *_scale(whole, height),
    ]
    for number, bar in enumerate(found):
        top = _TOP + _ROW * number
        left = _LABEL + _CHART * bar.start_ns / whole
        long = max(1.0, _CHART * bar.duration_ns / whole)
        label = f"failed: {bar.label}" if bar.failed else bar.label
        if len(label) > _LABEL_COLUMNS:
            label = f"{label[: _LABEL_COLUMNS - 1]}…"
        parts.append(
            f'<text x="10" y="{top + 11}">{escaped(label)}</text>'
            f'<rect x="{left:.1f}" y="{top + 2}" width="{long:.1f}" height="{_ROW - 4}" rx="2" '
            f'fill="{_FAILED if bar.failed else _COLOURS.get(bar.who, _GREY)}"/>'
            f'<text x="{left + long + 4:.1f}" y="{top + 11}">{bar.duration_ns / 1e6:.2f}</text>'
        )
    return "".join([*parts, "</svg>"])


def _legend() -> list[str]:
    return [
        f'<rect x="{10 + 80 * place}" y="10" width="10" height="10" rx="2" fill="{colour}"/>'
        f'<text x="{25 + 80 * place}" y="19">{who}</text>'
        for place, (who, colour) in enumerate(_COLOURS.items())
    ]


def _scale(whole_ns: int, height: int) -> list[str]:
    """Return lines at quarters of the time, with their milliseconds."""
    lines = []
    for quarter in range(5):
        x = _LABEL + _CHART * quarter / 4
        text = f"{whole_ns * quarter / 4e6:.1f}" + (" ms" if quarter == 4 else "")
        lines.append(
            f'<line x1="{x}" y1="{_TOP - 6}" x2="{x}" y2="{height - 6}" '
            f'stroke="{_GREY}" stroke-opacity=".35"/>'
            f'<text x="{x}" y="{_TOP - 10}" text-anchor="middle">{text}</text>'
        )
    return lines
