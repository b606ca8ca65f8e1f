"""Reading what a log holds, many lines at once."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ipycontainer.supervise import log_reading
from ipycontainer.supervise.log import LogPosition
from ipycontainer.supervise.log_reading import entries_of, parse_record, read_entries

HEADS = [
    b"2026-11-24T05:36:49.96253216%dZ %s %s " % (digit, stream, tag)
    for digit in (1, 2)
    for stream in (b"stdout", b"stderr")
    for tag in (b"F", b"P")
]
TORN = b"2026-11-24T05:36:49.9625"
# Few heads, so that the same one comes again after another, as it does where a clock stands still.
records = st.lists(
    st.tuples(st.sampled_from([*HEADS, TORN]), st.sampled_from([b"", b"x", b"y" * 50, HEADS[0]])),
    max_size=60,
)


# a line that is a head itself, and another stream's record in its place
@example(
    written=[(HEADS[0], b""), (HEADS[0], b""), (HEADS[2], b""), (HEADS[0], HEADS[0])], block=204
)
@given(written=records, block=st.integers(1, 400))
def test_runs_hold_what_single_records_do(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[bytes, bytes]], block: int
) -> None:
    """However heads follow each other and blocks fall, it is what one record at a time gives."""
    directory = tmp_path_factory.mktemp("log")
    lines = [head + text + b"\n" for head, text in written]
    (directory / "0").write_bytes(b"".join(lines))
    singly = [(e.time_ns, e.stream, e.text) for e in map(parse_record, lines) if e is not None]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_reading, "BLOCK_BYTES", block)
        found = list(read_entries(directory))
        for _, following in found[:3]:
            rest = [entry for entry, _ in read_entries(directory, following)]
            assert b"".join(e.text for e in rest) == b"".join(
                e.text for e, at in found if at.offset > following.offset
            )
    assert b"".join(entry.text for entry, _ in found) == b"".join(text for _, _, text in singly)
    # nothing changes its place, its stream or its time
    assert [key for key, _ in groupby((e.time_ns, e.stream) for e, _ in found)] == [
        key for key, _ in groupby(single[:2] for single in singly)
    ]


def test_a_chunk_comes_back_as_one(tmp_path: Path) -> None:
    """Six hundred lines that were printed at once are one entry, and the next chunk another."""
    first, second = HEADS[0], HEADS[4]
    data = b"".join(first + b"%099d\n" % n for n in range(600)) + (second + b"next\n") * 3
    found = list(entries_of(data + second + b"half"))
    assert [entry.text.count(b"\n") for entry, _ in found] == [600, 3]
    assert found[0][0].text == b"".join(b"%099d\n" % n for n in range(600))
    assert [end for _, end in found] == [600 * 140, len(data)]

    (tmp_path / "0").write_bytes(data)
    assert [at for _, at in read_entries(tmp_path)] == [
        LogPosition(0, 600 * 140),
        LogPosition(0, len(data)),
    ]
