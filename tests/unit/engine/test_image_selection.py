"""Docker's filters of images."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipycontainer.engine import image_selection
from ipycontainer.errors import InvalidArgument
from ipycontainer.model.image import ImageConfig
from tests import rows

HOUR = 3600 * 10**9
NEW = replace(
    rows.image("a", "app:1", "ghcr.io/me/app:2"),
    created_ns=30 * HOUR,
    config=ImageConfig(labels={"stage": "test", "empty": ""}),
)
MIDDLE = replace(rows.image("b"), created_ns=20 * HOUR, digests=("app@sha256:" + "d" * 64,))
OLD = replace(rows.image("c"), created_ns=10 * HOUR, config=ImageConfig())
EVERYTHING = [NEW, MIDDLE, OLD]
FOUND = {"app:1": NEW, "middle": MIDDLE, "old": OLD}


def ids(**filters: object) -> str:
    """Return the first digits of what is shown."""
    name = str(filters.pop("name", ""))
    chosen = image_selection.images(EVERYTHING, name, filters, lambda ref: FOUND[ref])
    return "".join(record.id[7] for record in chosen)


@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        ({}, "abc"),
        ({"dangling": "true"}, "bc"),
        ({"dangling": ["false"]}, "a"),
        ({"dangling": True}, "bc"),
        ({"label": "stage"}, "a"),
        ({"label": "stage=test"}, "a"),
        ({"label": ["stage", "empty="]}, "a"),
        ({"label": ["stage", "k"]}, ""),
        ({"before": "app:1"}, "bc"),
        ({"since": "old"}, "ab"),
        ({"since": "old", "before": "app:1"}, "b"),
        ({"until": "1970-01-01T21:00:00Z"}, "bc"),
        ({"reference": "app"}, "ab"),
        ({"reference": "app:*"}, "a"),
        ({"reference": "*/*/app"}, "a"),
        ({"reference": "*app"}, "ab"),
        ({"reference": ["nothing", "app:1"]}, "a"),
        ({"name": "ghcr.io/me/app"}, "a"),
        ({"name": "app:3"}, ""),
    ],
)
def test_each_filter(filters: dict[str, object], shown: str) -> None:
    """And, or, names with and without their tags."""
    assert ids(**filters) == shown


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"foo": "x"}, "invalid filter 'foo'"),
        ({"dangling": "maybe"}, r"invalid filter 'dangling=\[maybe\]'"),
        ({"dangling": ["true", "false"]}, r"invalid filter 'dangling=\[false true\]'"),
    ],
)
def test_what_is_no_filter(filters: dict[str, object], words: str) -> None:
    """In docker's words."""
    with pytest.raises(InvalidArgument, match=words):
        ids(**filters)


def test_what_prune_is_told() -> None:
    """Dangling ones unless told otherwise; the machine itself stays."""
    told = image_selection.prune_arguments({"label!": "keep", "dangling": "false"}, "host")
    assert told == {
        "every": True,
        "before_ns": None,
        "labels": [],
        "without": ["keep"],
        "kept": ["host"],
    }
    with pytest.raises(InvalidArgument, match="invalid filter 'reference'"):
        image_selection.prune_arguments({"reference": "x"}, "host")
