"""How a frame looks in a page: short ids, "3 minutes ago", 1.2MB, a coloured state.

Below frames; decides by a column's name *and* type, so that a slice, a sorted or a joined frame is
readable too and a column that only happens to be called `size` is left alone. Everything is
escaped, everything is styled inline: an untrusted notebook keeps that and drops <style>.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from ipycontainer.model.units import human_duration, human_size, human_size_binary
from kernel_ext.badges import failure_badge, kind_badge, state_badge
from kernel_ext.scrolling import scrolling
from kernel_ext.visible import escaped

__all__ = ["fits", "table"]

FOLDED_ROWS = 300  # that a page is given besides the cut; more would make notebooks heavy
_CELL = "text-align:left;white-space:nowrap;padding:.25em .7em"


def fits(frame: pd.DataFrame) -> bool:
    """Tell whether the frame has plain column names and one level of rows."""
    return (
        frame.columns.nlevels == 1
        and frame.index.nlevels == 1
        and all(isinstance(name, str) for name in frame.columns)
    )


def table(frame: pd.DataFrame) -> str:
    """Return the frame as an HTML table: it scrolls when wide, and folds where pandas would cut."""
    rows, omitted = _visible(frame)
    body = _body(frame)
    half = len(rows) // 2
    cut = [*body(rows[:half]), *body(rows[half:])]
    more = ""
    if omitted:
        columns = frame.shape[1] + _is_labelled(frame)
        cut.insert(
            half, f'<tr><td colspan="{columns}" style="{_CELL}">… {omitted} more rows</td></tr>'
        )
        if len(frame) <= FOLDED_ROWS:
            # <details> works in an untrusted page, too.
            whole = _grid(frame, body(range(len(frame))))
            fold = f"<summary>all {len(frame)} rows</summary>{scrolling(whole)}"
            more = f"<details>{fold}</details>"
        else:
            more = _note(f"{len(frame)} rows; frame[100:200] shows others")
    note = "" if rows else _note("nothing to show")
    return f"<div>{scrolling(_grid(frame, cut))}{more}{note}</div>"


def _grid(frame: pd.DataFrame, body: Sequence[str]) -> str:
    name = frame.index.name
    corner = [_th(escaped("" if name is None else str(name)))] if _is_labelled(frame) else []
    head = "".join(corner + [_th(escaped(each)) for each in frame.columns])
    return (
        '<table style="border-collapse:collapse">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )


def _body(frame: pd.DataFrame) -> Callable[[Iterable[int]], list[str]]:
    """Return what writes the rows at some positions."""
    writers = [_writer(frame, position) for position in range(frame.shape[1])]
    labelled = _is_labelled(frame)

    def write(rows: Iterable[int]) -> list[str]:
        found = []
        for row in rows:
            label = [_th(escaped(str(frame.index[row])))] if labelled else []
            cells = [each(frame.iat[row, column], row) for column, each in enumerate(writers)]
            found.append("<tr>" + "".join(label + cells) + "</tr>")
        return found

    return write


def _is_labelled(frame: pd.DataFrame) -> bool:
    """Tell whether the index says more than the rows' places."""
    return not pd.api.types.is_integer_dtype(frame.index.dtype) or frame.index.name is not None


def _note(text: str) -> str:
    return f'<div style="padding:.25em .7em">{text}</div>'


def _visible(frame: pd.DataFrame) -> tuple[list[int], int]:
    """Return the positions of the rows to show and the number of those left out in the middle."""
    count = len(frame)
    limit = pd.get_option("display.max_rows")
    if not limit or count <= limit:
        return list(range(count)), 0
    half = max(1, (pd.get_option("display.min_rows") or limit) // 2)
    return [*range(half), *range(count - half, count)], count - 2 * half


_Writer = Callable[[Any, int], str]
# Sentences and lists, and how narrow they may be.
_WRAPPED = {"step": "12em", "calls": "8em", "why": "18em"}


def _writer(frame: pd.DataFrame, position: int) -> _Writer:
    """Return the function that writes a cell of this column."""
    name, dtype = str(frame.columns[position]), frame.dtypes.iloc[position]
    now_ns = frame.attrs.get("now_ns")
    if isinstance(dtype, pd.DatetimeTZDtype):
        return _moment(now_ns if isinstance(now_ns, int) else time.time_ns())
    if name == "state" and isinstance(dtype, pd.CategoricalDtype):
        return _state(frame)
    if name == "kind" and isinstance(dtype, pd.CategoricalDtype):
        return lambda value, _row: _td(kind_badge(_text(value)))
    if name == "host_port" and pd.api.types.is_integer_dtype(dtype):
        return _link(frame)
    if pd.api.types.is_integer_dtype(dtype):
        return _INTEGERS.get(name, _number)
    if name == "error" and isinstance(dtype, pd.StringDtype):
        return _failure
    if name.endswith("_percent") and pd.api.types.is_float_dtype(dtype):
        return _percent
    if frame.attrs.get("no_trunc"):
        return _plain
    if name in _IDS and isinstance(dtype, pd.StringDtype):
        return _identifier
    if name == "actor" and isinstance(dtype, pd.StringDtype):
        return _actor
    if name in ("command", "created_by", "labels") and isinstance(dtype, pd.StringDtype):
        return _long
    if name in _WRAPPED and isinstance(dtype, pd.StringDtype):
        return _wrapped(_WRAPPED[name])
    return _plain


def _td(inner: str, title: str = "", extra: str = "") -> str:
    hint = f' title="{escaped(title)}"' if title else ""
    return f'<td style="{_CELL}{extra}"{hint}>{inner}</td>'


def _th(inner: str) -> str:
    return f'<th style="{_CELL}">{inner}</th>'


def _text(value: Any) -> str:
    return "" if pd.api.types.is_scalar(value) and pd.isna(value) else str(value)


def _plain(value: Any, _row: int) -> str:
    return _td(escaped(_text(value)))


def _long(value: Any, _row: int) -> str:
    text = _text(value)
    return _td(escaped(text if len(text) <= 40 else text[:39] + "…"), title=text)


def _wrapped(width: str) -> _Writer:
    """Return a writer of several lines, so that what stands right of them is seen, too."""
    extra = f";white-space:normal;min-width:{width}"
    return lambda value, _row: _td(escaped(_text(value)), extra=extra)


def _failure(value: Any, _row: int) -> str:
    text = _text(value)
    return _td(f"{failure_badge()} {escaped(text)}" if text else "")


def _number(value: Any, _row: int) -> str:
    return _td(escaped(_text(value)), extra=";text-align:right")


def _size(value: Any, _row: int) -> str:
    if pd.isna(value):
        return _td("")
    return _td(human_size(int(value), 3), f"{int(value):,} bytes", ";text-align:right")


def _memory(value: Any, _row: int) -> str:
    if pd.isna(value):
        return _td("")
    return _td(human_size_binary(int(value)), f"{int(value):,} bytes", ";text-align:right")


def _milliseconds(value: Any, _row: int) -> str:
    if pd.isna(value):
        return _td("")
    return _td(f"{int(value) / 1e6:.3f} ms", f"{int(value):,} ns", ";text-align:right")


def _percent(value: Any, _row: int) -> str:
    return _td("" if pd.isna(value) else f"{value:.2f}%", extra=";text-align:right")


def _size_delta(value: Any, _row: int) -> str:
    if pd.isna(value):
        return _td("")
    sign = "+" if value > 0 else "-" if value < 0 else ""
    text = sign + human_size(abs(int(value)), 3)
    return _td(text, f"{int(value):+,} bytes", ";text-align:right")


def _mode(value: Any, _row: int) -> str:
    return _td("" if pd.isna(value) else f"{int(value) & 0o7777:04o}", extra=";text-align:right")


_IDS = ("id", "digest")
_FULL_ID = re.compile(r"(sha256:)?[0-9a-f]{64}")
_INTEGERS: Mapping[str, _Writer] = {
    "size": _size,
    "shared": _size,
    "virtual_size": _size,
    "reclaimable": _size,
    "size_delta": _size_delta,
    "mode": _mode,
    "start_ns": _milliseconds,
    "duration_ns": _milliseconds,
    # of `stats`: docker shows memory in powers of 1024, everything else in powers of 1000
    "memory": _memory,
    "rss": _memory,
    "memory_limit": _memory,
    **dict.fromkeys(("rx_bytes", "tx_bytes", "read_bytes", "write_bytes"), _size),
}


def _identifier(value: Any, _row: int) -> str:
    text = _text(value)
    short = text.removeprefix("sha256:")[:12]
    return _td(f"<code>{escaped(short)}</code>" if text else "", title=text)


def _actor(value: Any, row: int) -> str:
    """Write whom an event is about: an id short, a volume's name and a driver's as they are."""
    write = _identifier if _FULL_ID.fullmatch(_text(value)) else _plain
    return write(value, row)


def _moment(now_ns: int) -> _Writer:
    def write(value: Any, _row: int) -> str:
        if pd.isna(value):
            return _td("")
        seconds = max(0.0, (now_ns - value.value) / 1e9)
        return _td(f"{human_duration(seconds)} ago", title=value.isoformat())

    return write


def _link(frame: pd.DataFrame) -> _Writer:
    """Return what writes a port of this machine as a link to who answers there."""
    names = list(frame.columns)

    def beside(name: str, row: int) -> str:
        return _text(frame.iat[row, names.index(name)]) if name in names else ""

    def write(value: Any, row: int) -> str:
        if pd.isna(value) or beside("protocol", row) not in ("", "tcp"):
            return _number(value, row)
        address = beside("address", row)
        host = "localhost" if address in ("", "0.0.0.0", "::") else address
        host = f"[{host}]" if ":" in host else host
        where = escaped(f"http://{host}:{int(value)}/")
        return _td(f'<a href="{where}" target="_blank" rel="noopener">{int(value)}</a>')

    return write


def _state(frame: pd.DataFrame) -> _Writer:
    names = list(frame.columns)
    position = names.index("exit_code") if "exit_code" in names else -1

    def write(value: Any, row: int) -> str:
        code: Any = frame.iat[row, position] if position >= 0 else None
        known = code is not None and pd.api.types.is_integer(code)
        return _td(state_badge(_text(value), int(code) if known else None))

    return write
