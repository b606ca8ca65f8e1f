"""Every read verb's frame: the same columns empty or full, and good for what pandas users do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from ipycontainer.commands.label_records import LabelSummary
from ipycontainer.commands.records import DiskUsage, ProcessList
from ipycontainer.commands.summaries import (
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
from kernel_ext import check_frame, disk_frames, frames, label_frames, start_frames
from kernel_ext.frames import Frame
from kernel_ext.schemas import FRAMES

NOW = 1_795_510_871_000_000_000

CHANGE = SimpleNamespace(
    kind="A", path="/etc/x", type="file", mode=0o100644, uid=0, gid=0, size=7, size_delta=7
)
EVENT = SimpleNamespace(
    time_ns=NOW, type="container", action="die", actor="a" * 64, attributes={"exitCode": "3"}
)
SAMPLE = Sample("a" * 64, "web", "web", 12.345, 64 << 20, 128 << 20, 1500, 7, 4096, 1_000_000, 3)
IMAGE = ImageSummary("sha256:" + "c" * 64, "busybox", "latest", NOW, 5, shared=2, containers=1)
CONTAINER = ContainerSummary("a" * 64, "web", "busybox", "sh", NOW, "exited", 3, written=1, whole=2)
CHECK = SimpleNamespace(name="seccomp", ok=False, needed=False, detail="none", remedy="apt install")


def listed(rows: Sequence[tuple[str, ...]], now_ns: int) -> Frame:
    """Return the frame of `top` with the columns that ps(1) has by itself."""
    titles = ("UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD")
    inside = (7,) * len(rows)
    return frames.processes(ProcessList(titles=titles, rows=tuple(rows), inside=inside), now_ns)


def each_image(rows: Sequence[ImageSummary], now_ns: int) -> Frame:
    """Return the frame of `system df -v` for images."""
    return disk_frames.each(DiskUsage(images=tuple(rows), containers=(), volumes=(), now_ns=now_ns))


MAKERS: dict[str, tuple[Callable[[Any, int], Frame], Any]] = {
    "ps": (
        frames.containers,
        ContainerSummary("a" * 64, "web", "busybox", "sh", NOW, "running", health="healthy"),
    ),
    "ps -s": (
        frames.sized_containers,
        CONTAINER,
    ),
    "ps --labels": (label_frames.labels, LabelSummary("a" * 64, "web", "k", "v")),
    "images": (frames.images, IMAGE),
    "history": (frames.history, HistorySummary("<missing>", NOW, "RUN x", 5, "", 2, 40)),
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
    "top": (listed, ("root", "4242", "1", "0", "10:00", "?", "00:00:01", "sleep 60")),
    "system df": (disk_frames.kinds, DiskSummary("Images", 1, 1, 5, 0)),
    "system df -v": (each_image, IMAGE),
    "doctor": (lambda rows, _now: check_frame.checks(rows), CHECK),
    "explain": (start_frames.steps, ExplainedStep("init", "do", "call", "So.", False, 1, 2)),
}
EACH = pytest.mark.parametrize("verb", MAKERS)


def made(verb: str, count: int) -> Frame:
    """Return the frame of so many equal rows."""
    make, row = MAKERS[verb]
    return make((row,) * count, NOW)


LIVE = ("top --watch", "logs -f")  # their frames are made by views: tests/kernel/test_live.py


@pytest.mark.parametrize("verb", FRAMES)
def test_columns_are_those_that_the_page_tells(verb: str) -> None:
    """docs/frames.md has every frame, with its columns in order and their types."""
    frame = frames.empty(FRAMES[verb]) if verb in LIVE else made(verb, 2)
    told = [(name, str(column.type)) for name, column in FRAMES[verb].items()]
    found = [(name, str(kind)) for name, kind in frame.dtypes.items()]
    assert found[: len(told)] == told
    assert verb == "top" or len(found) == len(told)
    assert set(MAKERS) | set(LIVE) == set(FRAMES)


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
        assert part.attrs == frame.attrs
        cell = str(frame[[first]]._repr_html_()).partition("<tbody>")[2].partition("</tr>")[0]
        if len(part):
            assert cell in str(part[[first]]._repr_html_())


def test_rows_of_stats_top_disk_and_history_are_what_was_measured() -> None:
    """Numbers stand in the columns of their names; a reading has its moment."""
    sample = made("stats", 1).iloc[0].to_dict()
    assert sample["time"].value == NOW
    assert (sample["cpu_percent"], sample["memory"], sample["memory_percent"]) == (
        12.345,
        64 << 20,
        50.0,
    )
    assert (sample["rx_bytes"], sample["write_bytes"], sample["pids"]) == (1500, 1_000_000, 3)
    late = frames.samples((SAMPLE, SAMPLE), NOW, [NOW - 5, NOW - 4])
    assert [each.value for each in late.time] == [NOW - 5, NOW - 4]
    process = made("top", 1).iloc[0].to_dict()
    assert (process["pid"], process["pid_inside"], process["cmd"]) == (4242, 7, "sleep 60")
    image = made("system df -v", 1).iloc[0].to_dict()
    assert (image["name"], image["shared"], image["users"]) == ("busybox:latest", 2, 1)
    check = made("doctor", 1).iloc[0].to_dict()
    assert (check["state"], check["remedy"]) == ("limited", "apt install")
    step = made("history", 1).iloc[0].to_dict()
    assert (step["layer"], step["files"]) == (2, 40)


HOSTILE = "a\u202etxt.exe\x1b[2J\u200f"


def test_text_form_shows_what_turns_or_controls_it() -> None:
    """By number, as the page does, in values, labels and names of columns; values keep it."""
    row = ContainerSummary("a" * 64, HOSTILE, HOSTILE, "sh", NOW, "running", labels={HOSTILE: "x"})
    frame = frames.containers((row,), NOW)[["name", "image", "labels"]]
    for each in (frame, frame.set_index("name"), frame.rename(columns={"image": HOSTILE}), frame.T):
        for text in (repr(each), str(each)):
            assert "a<U+202E>txt.exe<U+001B>[2J<U+200F>" in text
            assert not set(text) & set("\u202e\x1b\u200f")
    for part in (frame["name"], frame.iloc[0], frame["name"].head(1)):
        assert "a<U+202E>txt.exe<U+001B>[2J<U+200F>" in repr(part)
    two_levels = frame.set_index(["name", "image"])  # whose page is pandas' own
    assert "a&lt;U+202E&gt;txt.exe" in str(two_levels._repr_html_())
    assert isinstance(frame["name"].to_frame(), Frame)
    assert frame["name"][0] == HOSTILE
    assert frame.to_csv().count(HOSTILE) == 3
