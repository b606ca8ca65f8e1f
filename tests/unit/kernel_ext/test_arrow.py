"""A frame that a container wrote as Arrow is data, of the size that it has, or is refused."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel_ext.arrow import table


def stream(made: pa.Table, **options: Any) -> bytes:
    """Return a table as a stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, made.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(made)
    return bytes(sink.getvalue().to_pybytes())


GOOD = pd.DataFrame(
    {
        "n": pd.Series([1, None, 3], dtype="Int64"),
        "t": ["a", None, "ü"],
        "c": pd.Categorical(["x", "y", "x"]),
        "at": pd.to_datetime(pd.Series(["2026-01-01", None, "2026-01-03"]), utc=True),
        "b": [True, False, True],
        "list": [[1], [], [2, 3]],
    },
).set_index(pd.Index([10, 20, 30], name="key"))


def test_a_frame_comes_back_with_its_types_and_index() -> None:
    """Numbers that may be missing, texts, categories, moments, lists; and none at all."""
    back = table(stream(pa.Table.from_pandas(GOOD))).to_pandas()
    assert list(back.dtypes) == list(GOOD.dtypes)
    assert back.drop(columns="list").equals(GOOD.drop(columns="list"))
    assert back.index.equals(GOOD.index)
    assert table(stream(pa.Table.from_pandas(GOOD.iloc[:0]))).to_pandas().shape == (0, 6)


def _shared() -> pa.Table:
    column = pa.array([b"x" * 1_000_000])
    return pa.table({f"c{number}": column for number in range(100)})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", r".+"),
        (b"ARROW1" * 10, r".+"),
        (stream(pa.table({"n": pa.nulls(1 << 27)})), r"it claims 134217728 rows in \d+ bytes"),
        (stream(pa.table({"n": [0] * 1000}), compression="zstd"), "it is compressed"),
        (
            stream(pa.table({"n": pa.array(["a"]).dictionary_encode()}), compression="lz4"),
            "it is compressed",
        ),
        (stream(pa.table({"v": pa.array(["x"], pa.string_view())})), "of type string_view cannot"),
        (
            stream(
                pa.table(
                    {
                        "p": pa.Table.from_pandas(
                            pd.DataFrame({"p": pd.period_range("2026", periods=2)})
                        )["p"]
                    }
                )
            ),
            "of type .*period.* cannot come back",
        ),
    ],
)
def test_a_hostile_stream_is_refused_by_name(data: bytes, words: str) -> None:
    """No bytes, wrong ones, rows that cost nothing, bombs, types whose making is code."""
    with pytest.raises(ValueError, match=words):
        table(data)


def test_columns_that_share_their_bytes_are_refused() -> None:
    """A hundred columns over one and the same megabyte would be a hundred in memory."""
    whole = bytearray(stream(_shared()))
    body_bytes = pa.ipc.read_message(pa.py_buffer(_after_schema(whole))).body.size
    # The metadata lists buffers as (offset, length), three a column: all get the first column's.
    at = whole.find((1_000_000).to_bytes(8, "little")) - 8 - 2 * 16
    for column in range(1, 100):
        whole[at + 48 * column : at + 48 * (column + 1)] = whole[at : at + 48]
    told = whole.find(body_bytes.to_bytes(8, "little"))
    shorter = 1_000_192
    whole[told : told + 8] = shorter.to_bytes(8, "little")
    begin = len(whole) - body_bytes - 8  # the end of the stream has 8 bytes
    small = bytes(whole[: begin + shorter] + whole[-8:])
    assert pa.ipc.open_stream(small).read_all().num_columns == 100
    with pytest.raises(ValueError, match="its columns share their bytes"):
        table(small)


def _after_schema(data: bytearray) -> bytes:
    """Return what follows the first message: a mark, the metadata's length, the metadata."""
    return bytes(data[8 + int.from_bytes(data[4:8], "little") :])


@given(st.binary(max_size=64), st.integers(0, 2000), st.integers(0, 255))
def test_no_bytes_make_it_fail_otherwise(tail: bytes, place: int, byte: int) -> None:
    """Whatever is wrong ends in ValueError."""
    good = bytearray(stream(pa.table({"n": [1, 2, 3], "t": ["a", "b", "c"]})))
    good[place % len(good)] = byte
    for data in (bytes(good), bytes(good[:place]) + tail):
        try:
            table(data)
        except ValueError:
            continue
