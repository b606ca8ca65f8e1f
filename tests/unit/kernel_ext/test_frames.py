"""Listings are exact data, and readable in a page, whatever is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.commands.engine_protocols import Change
from ipycontainer.commands.summaries import ContainerSummary, ImageSummary
from kernel_ext import frames
from kernel_ext.frames import Frame
from kernel_ext.schemas import CHANGES, CONTAINERS, IMAGES, Schema

NOW = 1_795_510_871_000_000_000
SECOND = 1_000_000_000

RUNNING = ContainerSummary(
    id="a" * 64,
    name="web",
    image="busybox",
    command='"sleep 60"',
    created_ns=NOW - 200 * SECOND,
    status="running",
    started_ns=NOW - 190 * SECOND,
    pid=4242,
    labels={"a": "1", "b": ""},
)
FAILED = ContainerSummary(
    id="b" * 64,
    name="job",
    image="host",
    command='"python"',
    created_ns=NOW - 100 * SECOND,
    status="exited",
    exit_code=3,
    started_ns=NOW - 90 * SECOND,
    finished_ns=NOW - 80 * SECOND,
)
IMAGE = ImageSummary(
    id="sha256:" + "c" * 64,
    repository="busybox",
    tag="latest",
    created_ns=NOW,
    size=2_027_980,
    shared=10,
    containers=2,
)
BARE = ImageSummary(
    id="sha256:" + "d" * 64, repository="<none>", tag="<none>", created_ns=1, size=5
)
CHANGE = cast(
    Change,
    SimpleNamespace(
        kind="C", path="/etc", type="directory", mode=0o40755, uid=0, gid=0, size=7, size_delta=-3
    ),
)


class Page(HTMLParser):
    """What a browser would make of a piece of HTML."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"

    @property
    def harmless(self) -> bool:
        """Tell whether there are only tables and styles: nothing that runs or loads."""
        known = {"div", "table", "thead", "tbody", "tr", "th", "td", "code", "span", "strong"}
        known |= {"details", "summary"}
        harmless = {"style", "title", "tabindex", "role", "aria-label", "colspan"}
        harmless |= {"data-lm-suppress-shortcuts"}
        return set(self.tags) <= known and {name for name, _ in self.attributes} <= harmless


def shown(frame: Any) -> Page:
    """Return the page of a frame."""
    markup = frame._repr_html_()
    assert markup is not None
    return Page(markup)


@pytest.mark.parametrize(
    ("schema", "full", "bare"),
    [
        (CONTAINERS, frames.containers((RUNNING, FAILED), NOW), frames.containers((), NOW)),
        (IMAGES, frames.images((IMAGE, BARE), NOW), frames.images((), NOW)),
        (CHANGES, frames.changes((CHANGE,), NOW), frames.changes((), NOW)),
    ],
)
def test_columns_are_the_same_empty_or_full(schema: Schema, full: Frame, bare: Frame) -> None:
    """The same columns, types and index, however many rows there are."""
    for frame in (full, bare, frames.empty(schema)):
        assert list(frame.columns) == list(schema)
        assert all(frame.dtypes[name] == column.type for name, column in schema.items())
        assert isinstance(frame.index, pd.RangeIndex)
        assert isinstance(frame, Frame)


def test_values_are_raw() -> None:
    """Numbers are bytes and moments, and what is not there is missing."""
    frame = frames.containers((RUNNING, FAILED), NOW)
    assert frame.created[0].value == NOW - 200 * SECOND
    assert str(frame.created.dtype) == "datetime64[ns, UTC]"
    assert frame.exit_code.isna().tolist() == [True, False]
    assert frame.exit_code[1] == 3
    assert frame.pid.tolist() == [4242, pd.NA]
    assert frame.finished.isna().tolist() == [True, False]
    assert frame.labels[0] == "a=1,b="
    listing = frames.images((IMAGE, BARE), NOW)
    assert listing["size"].sum() == 2_027_985
    assert listing.repository.isna().tolist() == [False, True]
    assert listing.shared.isna().tolist() == [False, True]


def test_frames_can_be_counted_and_compared() -> None:
    """No cell holds a list or a dict, so that pandas' own verbs work."""
    frame = frames.containers((RUNNING, FAILED), NOW)
    assert frame.groupby("state", observed=True).size().to_dict() == {"running": 1, "exited": 1}
    assert len(frame.drop_duplicates()) == 2
    assert frame[frame.state == "exited"].name.tolist() == ["job"]


def test_a_page_reads_as_docker_does() -> None:
    """Ids are short, moments are ago, sizes have units; the whole value is a title."""
    page = shown(frames.containers((RUNNING, FAILED), NOW))
    assert page.harmless
    assert "a" * 12 + "\n" in page.text
    assert ("title", "a" * 64) in page.attributes
    assert "3 minutes ago" in page.text
    assert "running" in page.text
    listing = shown(frames.images((IMAGE,), NOW))
    assert "2.03MB" in listing.text
    assert ("title", "2,027,980 bytes") in listing.attributes
    difference = shown(frames.changes((CHANGE,), NOW))
    assert "changed" in difference.text
    assert "0755" in difference.text
    assert "-3B" in difference.text


def test_slices_stay_readable() -> None:
    """A filtered, sorted or cut frame is still shown in the same way, as of the same moment."""
    frame = frames.containers((RUNNING, FAILED), NOW)
    part = frame[frame.state == "running"].sort_values("name")[["id", "created", "state"]]
    page = shown(part)
    assert isinstance(part, Frame)
    assert "3 minutes ago" in page.text
    assert "a" * 64 not in page.text


def test_columns_of_another_meaning_are_left_alone() -> None:
    """A column that only has the same name, but another type, is shown as it is."""
    frame = frames.images((IMAGE,), NOW).assign(size="big", id=7)
    page = shown(frame)
    assert "big" in page.text
    assert "7\n" in page.text


@pytest.mark.parametrize("act", ["transpose", "describe"])
def test_any_frame_can_be_shown(act: str) -> None:
    """Whatever pandas makes of a listing has a form in the page."""
    frame = frames.images((IMAGE, BARE), NOW)
    assert getattr(frame, act)()._repr_html_()
    assert frame.set_index("repository")._repr_html_()
    assert frame.set_index(["repository", "tag"])._repr_html_()
    assert pd.concat([frame, frame], axis=1)._repr_html_()


def test_an_empty_listing_says_so() -> None:
    """A page with no rows is no riddle."""
    assert "nothing to show" in shown(frames.containers((), NOW)).text


def test_a_long_listing_is_cut() -> None:
    """As many rows as pandas would show, and the number of the others."""
    rows = [SimpleNamespace(**{**vars(CHANGE), "path": f"/f{n}"}) for n in range(1000)]
    frame = frames.changes(cast("list[Change]", rows), NOW)
    page = shown(frame)
    assert page.tags.count("tr") < 70
    assert "more rows" in page.text
    assert "/f999" in page.text


def test_pandas_option_turns_html_off() -> None:
    """Who wants no HTML of any frame gets none of ours."""
    with pd.option_context("display.notebook_repr_html", False):
        assert frames.containers((RUNNING,), NOW)._repr_html_() is None


@given(st.text(), st.text(), st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3))
def test_hostile_text_is_only_text(name: str, command: str, labels: dict[str, str]) -> None:
    """Names, commands and labels reach the page as text, whatever they hold."""
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>\"' onclick=x"
    row = ContainerSummary(
        id="e" * 64,
        name=name + hostile,
        image=hostile,
        command=hostile + command,
        created_ns=NOW,
        status="running",
        ports=hostile,
        labels={**labels, hostile: hostile},
    )
    page = shown(frames.containers((row,), NOW))
    assert page.harmless
    assert "<script>alert(1)</script>" in page.text
