"""Listings as pandas frames: raw values of exact types, the same columns empty or full.

Rows come from commands.records, frames go to the user; frame_html says how one looks in a page. No
cell holds a list or a dict, since groupby and drop_duplicates could not take it. Imports pandas, so
it is itself imported by the first listing, not when the extension is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pandas as pd

from ipycontainer.model.state import Status
from kernel_ext import frame_html, schemas, visible
from kernel_ext.schemas import Column, Schema

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import Change, Event
    from ipycontainer.commands.records import ProcessList
    from ipycontainer.commands.summaries import (
        CheckpointSummary,
        ContainerSummary,
        HistorySummary,
        ImageSummary,
        NetworkSummary,
        PortSummary,
        VolumeSummary,
    )
    from ipycontainer.model.sample import Sample

__all__ = [
    "Frame",
    "Values",
    "changes",
    "checkpoints",
    "containers",
    "empty",
    "events",
    "filled",
    "history",
    "images",
    "networks",
    "ports",
    "processes",
    "samples",
    "sized_containers",
    "volumes",
]


class Values(pd.Series):  # of any type, as the columns of a frame are
    """A column or a row of a frame: a Series like any other, but its text form shows all of it."""

    @property
    def _constructor(self) -> type[Values]:
        return Values

    @property
    def _constructor_expanddim(self) -> type[Frame]:
        return Frame

    def __repr__(self) -> str:
        """Return pandas' own text, where characters that turn or control it stand by number."""
        return visible.visible(super().__repr__())


class Frame(pd.DataFrame):
    """A DataFrame like any other, but readable in a page; slices of it are readable too.

    `attrs["now_ns"]` is the moment of the listing, in nanoseconds since the epoch: "3 minutes ago"
    is said of that moment. With `attrs["no_trunc"]` a page shows ids and commands whole;
    `attrs["picture"]` names what is drawn above the table.
    """

    @property
    def _constructor(self) -> type[Frame]:
        return Frame

    @property
    def _constructor_sliced(self) -> type[Values]:
        return Values

    def __repr__(self) -> str:
        """Return pandas' own text, where characters that turn or control it stand by number."""
        return visible.visible(super().__repr__())

    def _repr_html_(self) -> str | None:  # the stubs leave pandas' own out
        """Return the humanised form, or pandas' own where the axes are not plain lists of names."""
        if not pd.get_option("display.notebook_repr_html"):
            return None
        if not frame_html.fits(self):
            markup = pd.DataFrame(self)._repr_html_()  # type: ignore[operator]
            return visible.visible_markup(markup)
        above = ""
        if self.attrs.get("picture") == "waterfall":
            from kernel_ext import waterfall

            above = waterfall.picture(self)
        return above + frame_html.table(self)


def containers(rows: Sequence[ContainerSummary], now_ns: int) -> Frame:
    """Return the frame of `ps`."""
    columns: Mapping[str, Callable[[ContainerSummary], Any]] = {
        "id": lambda row: row.id,
        "name": lambda row: row.name,
        "image": lambda row: row.image,
        "command": lambda row: row.command,
        "created": lambda row: row.created_ns,
        "state": lambda row: row.status,
        "exit_code": lambda row: row.exit_code if row.status in _ENDED else None,
        "health": lambda row: row.health or None,
        "started": lambda row: row.started_ns or None,
        "finished": lambda row: row.finished_ns or None,
        "pid": lambda row: row.pid or None,
        "ports": lambda row: row.ports,
        "labels": lambda row: ",".join(f"{key}={value}" for key, value in row.labels.items()),
    }
    return _frame(schemas.CONTAINERS, columns, rows, now_ns)


def sized_containers(rows: Sequence[ContainerSummary], now_ns: int) -> Frame:
    """Return the frame of `ps -s`: what each has written, and that with its image, in bytes."""
    frame = containers(rows, now_ns)
    sizes = {
        "size": [row.written for row in rows],
        "virtual_size": [row.whole for row in rows],
    }
    for name, column in schemas.SIZES.items():
        frame[name] = _column(sizes[name], column.type)
    return frame


_ENDED = frozenset({Status.EXITED, Status.DEAD})


def images(rows: Sequence[ImageSummary], now_ns: int) -> Frame:
    """Return the frame of `images`; what docker prints as <none> is missing."""
    columns: Mapping[str, Callable[[ImageSummary], Any]] = {
        "id": lambda row: row.id,
        "repository": lambda row: _named(row.repository),
        "tag": lambda row: _named(row.tag),
        "digest": lambda row: _named(row.digest),
        "created": lambda row: row.created_ns or None,
        "size": lambda row: row.size,
        "shared": lambda row: row.shared if row.shared >= 0 else None,
        "containers": lambda row: row.containers if row.containers >= 0 else None,
    }
    return _frame(schemas.IMAGES, columns, rows, now_ns)


def history(rows: Sequence[HistorySummary], now_ns: int) -> Frame:
    """Return the frame of `history`, newest step first; only the newest has an id."""
    columns: Mapping[str, Callable[[HistorySummary], Any]] = {
        "layer": lambda row: row.layer if row.layer >= 0 else None,
        "id": lambda row: row.id if row.id != "<missing>" else None,
        "created": lambda row: row.created_ns or None,
        "created_by": lambda row: row.created_by,
        "size": lambda row: row.size,
        "files": lambda row: row.files,
        "comment": lambda row: row.comment,
    }
    return _frame(schemas.HISTORY, columns, rows, now_ns)


def _named(text: str) -> str | None:
    return text if text and text != "<none>" else None


def volumes(rows: Sequence[VolumeSummary], now_ns: int) -> Frame:
    """Return the frame of `volume ls`."""
    columns: Mapping[str, Callable[[VolumeSummary], Any]] = {
        "name": lambda row: row.name,
        "driver": lambda row: row.driver,
        "mountpoint": lambda row: row.mountpoint,
        "created": lambda row: row.created_ns,
        "anonymous": lambda row: row.anonymous,
        "labels": lambda row: ",".join(f"{key}={value}" for key, value in row.labels.items()),
        "containers": lambda row: ",".join(row.containers),
    }
    return _frame(schemas.VOLUMES, columns, rows, now_ns)


def checkpoints(rows: Sequence[CheckpointSummary], now_ns: int) -> Frame:
    """Return the frame of `checkpoints`, oldest first."""
    columns: Mapping[str, Callable[[CheckpointSummary], Any]] = {
        "name": lambda row: row.name,
        "created": lambda row: row.created_ns,
        "size": lambda row: row.size,
    }
    return _frame(schemas.CHECKPOINTS, columns, rows, now_ns)


def changes(rows: Sequence[Change], now_ns: int) -> Frame:
    """Return the frame of `diff`, in docker's order."""
    columns: Mapping[str, Callable[[Change], Any]] = {
        "kind": lambda row: row.kind,
        "path": lambda row: row.path,
        "type": lambda row: row.type,
        "mode": lambda row: row.mode,
        "uid": lambda row: row.uid,
        "gid": lambda row: row.gid,
        "size": lambda row: row.size,
        "size_delta": lambda row: row.size_delta,
    }
    return _frame(schemas.CHANGES, columns, rows, now_ns)


def networks(rows: Sequence[NetworkSummary], now_ns: int) -> Frame:
    """Return the frame of `network ls`; several pools of one network are joined by commas."""
    columns: Mapping[str, Callable[[NetworkSummary], Any]] = {
        "id": lambda row: row.id,
        "name": lambda row: row.name,
        "driver": lambda row: row.driver,
        "scope": lambda row: "local",
        "subnet": lambda row: ",".join(row.subnets),
        "gateway": lambda row: ",".join(row.gateways),
        "internal": lambda row: row.internal,
        "ipv6": lambda row: row.ipv6,
        "containers": lambda row: row.containers,
        "created": lambda row: row.created_ns,
        "labels": lambda row: ",".join(f"{key}={value}" for key, value in row.labels.items()),
    }
    return _frame(schemas.NETWORKS, columns, rows, now_ns)


def ports(rows: Sequence[PortSummary], now_ns: int) -> Frame:
    """Return the frame of `port`."""
    columns: Mapping[str, Callable[[PortSummary], Any]] = {
        "container": lambda row: row.container,
        "port": lambda row: row.port,
        "protocol": lambda row: row.protocol,
        "address": lambda row: row.address,
        "host_port": lambda row: row.host_port,
    }
    return _frame(schemas.PORTS, columns, rows, now_ns)


def samples(rows: Sequence[Sample], now_ns: int, times: Sequence[int] | None = None) -> Frame:
    """Return the frame of `stats`, read now or at `times`: percents are as docker counts them."""
    columns: dict[str, Iterable[Any]] = {
        name: map(attrgetter(name), rows) for name in schemas.SAMPLES if name != "time"
    }
    columns["time"] = [now_ns] * len(rows) if times is None else times
    return filled(schemas.SAMPLES, columns, now_ns)


def empty(schema: Schema) -> Frame:
    """Return a frame of the schema without rows."""
    return Frame({name: _column((), column.type) for name, column in schema.items()})


def filled(schema: Schema, columns: Mapping[str, Iterable[Any]], now_ns: int | None) -> Frame:
    """Return a frame of the schema with these values, as of `now_ns`."""
    frame = Frame({name: _column(columns[name], each.type) for name, each in schema.items()})
    if now_ns is not None:
        frame.attrs["now_ns"] = now_ns
    return frame


def processes(outcome: ProcessList, now_ns: int) -> Frame:
    """Return the frame of `top`: pids here and inside, then the other columns of ps(1) as text.

    A title that ps gave twice keeps its first column.
    """
    pid = outcome.titles.index("PID")
    columns: dict[str, Callable[[tuple[int, tuple[str, ...]]], Any]] = {
        "pid": lambda row: int(row[1][pid]),
        "pid_inside": lambda row: row[0] or None,
    }
    schema = dict(schemas.PROCESSES)
    for place, title in enumerate(outcome.titles):
        if title.lower() not in columns:
            columns[title.lower()] = partial(_cell, place)
            schema[title.lower()] = Column(schemas.TEXT, title)
    return _frame(schema, columns, list(zip(outcome.inside, outcome.rows, strict=True)), now_ns)


def events(rows: Sequence[Event], now_ns: int) -> Frame:
    """Return the frame of `events`."""
    columns: Mapping[str, Callable[[Event], Any]] = {
        "time": lambda row: row.time_ns,
        "type": lambda row: row.type,
        "action": lambda row: row.action,
        "actor": lambda row: row.actor,
        "name": lambda row: row.attributes.get("name"),
        "image": lambda row: row.attributes.get("image"),
        "exit_code": lambda row: _number(row.attributes.get("exitCode")),
        "attributes": lambda row: ",".join(f"{k}={v}" for k, v in sorted(row.attributes.items())),
    }
    return _frame(schemas.EVENTS, columns, rows, now_ns)


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _cell(place: int, row: tuple[int, tuple[str, ...]]) -> str:
    return row[1][place] if place < len(row[1]) else ""


def _frame(
    schema: Schema,
    columns: Mapping[str, Callable[[Any], Any]],
    rows: Sequence[Any],
    now_ns: int,
) -> Frame:
    return filled(schema, {name: map(columns[name], rows) for name in schema}, now_ns)


def _column(values: Iterable[Any], dtype: Any) -> pd.Series[Any]:
    if dtype is schemas.MOMENT:
        # pandas would choose the unit by the values; through Int64 a missing one stays exact.
        numbers = pd.Series(list(values), dtype=schemas.MAYBE)
        moments: pd.Series[Any] = pd.to_datetime(numbers, unit="ns", utc=True)
        return moments.astype(schemas.MOMENT)
    column: pd.Series[Any] = pd.Series(list(values), dtype=dtype)
    return column
