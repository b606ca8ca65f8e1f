"""Every read verb's frame: the same columns empty or full, and good for what pandas users do."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from ipycontainer.commands.label_records import LabelSummary
from ipycontainer.commands.records import (
    CheckpointSummary,
    ContainerSummary,
    DiskSummary,
    HistorySummary,
    ImageSummary,
    NetworkSummary,
    PortSummary,
    VolumeSummary,
)
from ipycontainer.model.explained import ExplainedStep
from ipycontainer.model.sample import Sample
from kernel_ext import disk_frames, frames, label_frames, start_frames
from kernel_ext.frames import Frame

NOW = 1_795_510_871_000_000_000

CHANGE = SimpleNamespace(
    kind="A", path="/etc/x", type="file", mode=0o100644, uid=0, gid=0, size=7, size_delta=7
)
EVENT = SimpleNamespace(
    time_ns=NOW, type="container", action="die", actor="a" * 64, attributes={"exitCode": "3"}
)
_ZEROES: dict[str, Any] = {"str": "", "float": 0.0, "int": 0}
SAMPLE = Sample(**{name: _ZEROES[kind] for name, kind in Sample.__annotations__.items()})
MAKERS: dict[str, tuple[Callable[[Any, int], Frame], Any]] = {
    "ps": (
        frames.containers,
        ContainerSummary("a" * 64, "web", "busybox", "sh", NOW, "running", health="healthy"),
    ),
    "ps -s": (
        frames.sized_containers,
        ContainerSummary("a" * 64, "web", "busybox", "sh", NOW, "exited", 3, written=1, whole=2),
    ),
    "ps --labels": (label_frames.labels, LabelSummary("a" * 64, "web", "k", "v")),
    "images": (frames.images, ImageSummary("sha256:" + "c" * 64, "busybox", "latest", NOW, 5)),
    "history": (frames.history, HistorySummary("<missing>", NOW, "RUN x", 5, "")),
    "network ls": (
        frames.networks,
        NetworkSummary(id="d" * 64, name="n", driver="bridge", created_ns=NOW),
    ),
    "volume ls": (frames.volumes, VolumeSummary("data", "local", "/x", NOW)),
    "checkpoints": (frames.checkpoints, CheckpointSummary("before", NOW, 5)),
    "port": (
        frames.ports,
        PortSummary(
            container="web", container_id="a", port=80, protocol="tcp", address="", host_port=8080
        ),
    ),
    "diff": (frames.changes, CHANGE),
    "events": (frames.events, EVENT),
    "stats": (frames.samples, SAMPLE),
    "system df": (disk_frames.kinds, DiskSummary("Images", 1, 1, 5, 0)),
    "explain": (start_frames.steps, ExplainedStep("init", "do", "call", "So.", False, 1, 2)),
}
EACH = pytest.mark.parametrize("verb", MAKERS)


def made(verb: str, count: int) -> Frame:
    """Return the frame of so many equal rows."""
    make, row = MAKERS[verb]
    return make((row,) * count, NOW)


@EACH
def test_columns_and_types_are_the_same_empty_or_full(verb: str) -> None:
    """No row, one or many: the columns, their order and their types stay; rows are numbered."""
    empty, full = made(verb, 0), made(verb, 3)
    assert list(empty.columns) == list(full.columns)
    assert list(empty.dtypes) == list(full.dtypes)
    assert isinstance(full.index, pd.RangeIndex)
    assert "object" not in set(map(str, full.dtypes))
    assert "nothing to show" in str(empty._repr_html_())


@EACH
def test_pandas_can_do_what_it_does(verb: str) -> None:
    """concat, merge, drop_duplicates, groupby and Parquet work, and keep the types."""
    frame = made(verb, 2)
    both = pd.concat([frame, frame], ignore_index=True)
    assert list(both.dtypes) == list(frame.dtypes)
    assert len(both.drop_duplicates()) == 1
    key = frame.columns[0]
    assert len(frame.drop_duplicates().merge(frame, on=key, suffixes=("", "_other"))) == 2
    for column in frame.columns:
        assert frame.groupby(column, dropna=False, observed=True).size().sum() == 2
    stored = BytesIO()
    frame.to_parquet(stored)
    again = pd.read_parquet(BytesIO(stored.getvalue()))
    assert list(again.columns) == list(frame.columns)
    assert [str(kind) for kind in again.dtypes] == [str(kind) for kind in frame.dtypes]


@EACH
def test_slices_stay_readable(verb: str) -> None:
    """Head, a filter, a sort and a choice of columns are frames of ours, written as the whole."""
    frame = made(verb, 3)
    first = frame.columns[0]
    for part in (
        frame.head(2),
        frame[frame[first].notna()],
        frame.sort_values(first),
        frame[[first]],
    ):
        assert isinstance(part, Frame)
        assert part.attrs["now_ns"] == NOW
        cell = str(frame[[first]]._repr_html_()).partition("<tbody>")[2].partition("</tr>")[0]
        if len(part):
            assert cell in str(part[[first]]._repr_html_())
