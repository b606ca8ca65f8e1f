"""What people hold passes into a cell's container and back with its type; never as code."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.error import UsageError

from kernel_ext import cell_program
from kernel_ext.cell_results import CellResults, ResultError
from kernel_ext.cell_values import CellValues

PAGE = Path(__file__).parents[3] / "docs/in-a-cell.md"
NAMES = pd.Index(["a", "b", "c"], name="key")
DAYS = pd.date_range("2026-01-01", periods=3, tz="Europe/Berlin", name="day")


@dataclasses.dataclass
class Point:
    """A dataclass of the notebook's."""

    x: int
    y: tuple[int, ...]


class Names(list[int]):
    """A list of the notebook's."""


# What the notebook has; what is lost of it, "" where nothing is; and how it comes back then.
CASES: dict[str, tuple[Any, str, Any]] = {
    "`None`, `bool`, `int`, `float`, `str`": (
        [None, True, 1 << 80, 0.5, float("inf"), "ü"],
        "",
        None,
    ),
    "`list`, `tuple`, `set`, `frozenset`": ([(1, (2,)), {1, 2}, frozenset({"a"}), []], "", None),
    "`dict` with any plain key": ({1: "a", (1, 2): {None: 0}, "$": {"$": "dict"}}, "", None),
    "`bytes`, `bytearray`, `complex`, `Decimal`": (
        [b"\x00\xff", bytearray(b"a"), 1 + 2j, decimal.Decimal("0.10")],
        "",
        None,
    ),
    "`datetime`, `date`, `time`, `timedelta`": (
        [
            dt.datetime(2026, 1, 2, 3, 4, 5, 6),
            dt.datetime(2026, 7, 2, 3, tzinfo=ZoneInfo("Europe/Berlin")),
            dt.datetime(2026, 7, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=2))),
            dt.date(2026, 1, 2),
            dt.time(3, 4),
            dt.timedelta(1, 2, 3),
        ],
        "",
        None,
    ),
    "`Timestamp`, `Timedelta`, `NaT`, `NA`": (
        [
            pd.Timestamp("2026-01-02 03:04:05.123456789"),
            pd.Timestamp("2026-07-02", tz="Europe/Berlin"),
            pd.Timedelta(5, "s"),
            pd.NaT,
            pd.NA,
        ],
        "",
        None,
    ),
    "a dataclass": (Point(1, (2, 3)), "it comes as a dict", {"x": 1, "y": (2, 3)}),
    "numpy's arrays of any dtype and shape": (
        [
            np.arange(6, dtype="i2").reshape(2, 3),
            np.arange(1000.0),
            np.array([["2026-01-01", "NaT"]], dtype="M8[D]"),
            np.array([1 + 2j]),
            np.array(["ab", "ü"]),
            np.array([(1, 2.5)], dtype=[("n", "<i4"), ("x", "<f8")]),
            np.zeros((0, 3), dtype=bool),
            np.array([[1, "x"], [None, (2,)]], dtype=object),
        ],
        "",
        None,
    ),
    "numpy's scalars": ([np.int8(3), np.float32(0.5), np.datetime64("2026-01-01", "s")], "", None),
    "a frame with any index": (
        pd.DataFrame({"n": [1, 2, 3]}, index=pd.MultiIndex.from_product([["a"], [1, 2, 3]])),
        "",
        None,
    ),
    "a frame with days in a zone": (
        pd.DataFrame({"at": DAYS}, index=DAYS),
        "the index's `freq`",
        pd.DataFrame({"at": DAYS}, index=pd.DatetimeIndex(list(DAYS), name="day")),
    ),
    "a frame with ordered categories, nullable, Arrow's and nested columns": (
        pd.DataFrame(
            {
                "c": pd.Categorical(["s", "l", "s"], ["s", "m", "l"], ordered=True),
                "n": pd.Series([1, None, 3], dtype="Int64"),
                "t": pd.Series(["a", None, "b"], dtype="string"),
                "a": pd.Series([1, None, 3], dtype="int32[pyarrow]"),
                "l": [[1, 2], [], None],
                "d": [decimal.Decimal("1.5"), None, decimal.Decimal("2.5")],
                "b": [b"x", b"y", None],
            },
        ),
        "",
        None,
    ),
    "a frame whose columns are numbers": (pd.DataFrame(np.eye(2), columns=[10, 20]), "", None),
    "a series": (pd.Series([1.5, None, 2.0], index=NAMES, name=("s", 1)), "", None),
    "a frame of polars": (pl.DataFrame({"n": [1, None], "t": [["a"], []]}), "", None),
    "a series of polars": (pl.Series("s", [1, 2], dtype=pl.UInt8), "", None),
    "a table of Arrow": (pa.table({"n": pa.array([1, None], pa.uint16())}), "", None),
    "a subclass of `int`, `str`, `list` or `dict`": (
        Names([1]),
        "it comes as the plain kind",
        [1],
    ),
}


def there_and_back(value: Any, directory: Path) -> Any:
    """Pass a value into a container and out again, as files; both sides are this process."""
    inside, outside = directory / "in", directory / "out"
    for place in (inside, outside):
        place.mkdir(exist_ok=True)
    CellValues({"v": value}).write(inside, ["v"], ["v"])
    (entry,) = json.loads((inside / "manifest.json").read_text())["inputs"]
    taken = cell_program._take(entry, f"{inside}/")
    results = cell_program._Results(f"{outside}/")
    results.give("v", taken)
    results.close()
    ((_, back),) = CellResults(outside).values(["v"])
    return back


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal, and of the same types all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_freq=True)
        return True
    if isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other)
        return True
    if isinstance(one, pl.DataFrame | pl.Series | pa.Table):
        return bool(one.equals(other))
    if isinstance(one, np.ndarray):
        equal = bool(one.dtype == other.dtype and one.shape == other.shape)
        if one.dtype == object:
            return equal and same(one.ravel().tolist(), other.ravel().tolist())
        return equal and one.tobytes() == other.tobytes()
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one), list(other)) and all(same(one[key], other[key]) for key in one)
    if one is pd.NaT or one is pd.NA:
        return one is other
    if isinstance(one, dt.datetime):
        return bool(one == other) and str(one.tzinfo) == str(other.tzinfo)
    return bool(one == other)


@pytest.mark.parametrize("name", CASES)
def test_it_comes_back_with_its_type(name: str, tmp_path: Path) -> None:
    """But for what the table in the documentation says is lost."""
    value, lost, otherwise = CASES[name]
    back = there_and_back(value, tmp_path)
    assert same(back, otherwise if lost else value)


def test_the_table_of_the_documentation_is_this_one() -> None:
    """One row a case: what goes in, and what is lost."""
    rows = "".join(f"| {name} | {lost or 'nothing'} |\n" for name, (_, lost, _) in CASES.items())
    assert (
        f"| what goes in, and comes back | what is lost |\n|---|---|\n{rows}\n" in PAGE.read_text()
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: pd.DataFrame({"a": [1, "x"]}),
            "--in v: a frame cannot pass: Conversion failed for",
        ),
        (lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]), "--in v: a frame cannot pass: Dup"),
        (object, "--in v: a value of type object cannot pass"),
        (lambda: np.ma.masked_array([1]), "--in v: a value of type MaskedArray cannot pass"),
        (lambda: [lambda: 0], "--in v: a value of type function cannot pass"),
    ],
)
def test_what_cannot_pass_is_one_line(make: Callable[[], Any], words: str, tmp_path: Path) -> None:
    """With the reason, and the name of the variable."""
    with pytest.raises(UsageError) as caught:
        CellValues({"v": make()}).write(tmp_path, ["v"], [])
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_an_image_without_the_packages_of_a_frame_is_told_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package, and an image that has it."""
    CellValues({"df": pd.DataFrame({"a": [1]})}).write(tmp_path, ["df"], [])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"df needs pyarrow, .*--image host.*pip install pyarrow"):
        cell_program._take({"name": "df", "file": "0"}, f"{tmp_path}/")


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.none(), inner)
    ),
    max_leaves=20,
)


@given(PLAIN)
def test_plain_values_survive_their_json(value: Any) -> None:
    """Whatever they hold, keys that look like ours among it."""
    assert same(
        cell_program.decode(json.loads(json.dumps(cell_program.encode(value, None))), None), value
    )


HOSTILE = {
    "an object's dtype": {"$": "array", "dtype": "|O", "shape": [1], "of": "AAAAAAAAAAA="},
    "objects among fields": {
        "$": "array",
        "dtype": [["a", "|O"]],
        "shape": [1],
        "of": "AAAAAAAAAAA=",
    },
    "a shape that lies": {"$": "array", "dtype": "<i8", "shape": [1 << 60], "of": "AAAA"},
    "a shape below nothing": {"$": "array", "dtype": "<i8", "shape": [-1], "of": ""},
    "no kind": {"$": "pickle", "of": "gASVAAAAAAAAAA=="},
    "a kind that is no text": {"$": ["dict"], "of": []},
    "a key that is a list": {"$": "dict", "of": [[[1], 2]]},
    "a way out": {"$": "frame", "file": "../manifest.json"},
    "a way out by a zone": {"$": "datetime", "of": "2026-01-01", "zone": "../../etc/passwd"},
    "the same file twice": [
        {"$": "array", "dtype": "|u1", "shape": [1], "file": "2"},
        {"$": "array", "dtype": "|u1", "shape": [1], "file": "2"},
    ],
    "no frame": {"$": "frame", "file": "2"},
    "a list for a name": {"$": "series", "file": "2", "name": {"$": "nobody"}},
    "a broken moment": {"$": "Timestamp", "of": "x", "unit": "ns", "zone": None},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values_are_one_error(name: str, tmp_path: Path) -> None:
    """A type with pointers, a shape that claims memory, code, a path: none of it is followed."""
    (tmp_path / "1").write_text(json.dumps(HOSTILE[name]))
    (tmp_path / "2").write_bytes(b"x")
    (tmp_path / "manifest.json").write_text(
        json.dumps({"shown": [], "results": {"v": {"file": "1"}}})
    )
    with pytest.raises(ResultError, match="--out v: "):
        CellResults(tmp_path).values(["v"])
