"""A container's log on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.supervise import log
from ipycontainer.supervise.log import LogPosition, LogWriter, NoLog
from ipycontainer.supervise.log_reading import read_entries

chunks = st.lists(
    st.tuples(st.sampled_from([b"stdout", b"stderr"]), st.binary(min_size=1, max_size=200)),
    max_size=20,
)


@given(written=chunks)
def test_what_was_written_is_read(
    tmp_path_factory: object, written: list[tuple[bytes, bytes]]
) -> None:
    """Each stream's bytes come back as they were, however they were cut into chunks."""
    directory = Path(tmp_path_factory.mktemp("log"))  # type: ignore[attr-defined]
    writer = LogWriter(str(directory))
    for stream, data in written:
        writer.write(stream, data)
    writer.close()
    for stream in (b"stdout", b"stderr"):
        read = b"".join(
            entry.text for entry, _ in read_entries(directory) if entry.stream == stream.decode()
        )
        assert read == b"".join(data for name, data in written if name == stream)


def test_reading_goes_on_where_it_was_left(tmp_path: Path) -> None:
    """The position that comes with an entry is where the next call begins, over segments too."""
    writer = LogWriter(str(tmp_path))
    writer.write(b"stdout", b"one\n")
    (first,) = read_entries(tmp_path)
    writer.write(b"stdout", b"two\n")
    (second,) = read_entries(tmp_path, first[1])
    assert (first[0].text, second[0].text) == (b"one\n", b"two\n")
    assert second[0].time_ns >= first[0].time_ns


def test_a_full_segment_is_followed_by_the_next(tmp_path: Path, monkeypatch: object) -> None:
    """A segment beyond its size is left as it is, and the log goes on in the next."""
    writer = LogWriter(str(tmp_path))
    monkeypatch.setattr(log, "SEGMENT_LIMIT_BYTES", 64)  # type: ignore[attr-defined]
    for number in range(4):
        writer.write(b"stdout", b"%d" % number * 40 + b"\n")
    assert log.segments(tmp_path) == [0, 1, 2, 3]
    assert [entry.text[:1] for entry, _ in read_entries(tmp_path)] == [b"0", b"1", b"2", b"3"]
    assert [entry.text[:1] for entry, _ in read_entries(tmp_path, LogPosition(2, 0))] == [
        b"2",
        b"3",
    ]


def test_a_torn_record_does_not_swallow_the_next(tmp_path: Path) -> None:
    """After a writer that was killed in the middle of a record, the next one begins a segment."""
    (tmp_path / "0").write_bytes(b"2026-11-24T05:36:49.962532162Z stdout F ha")
    writer = LogWriter(str(tmp_path))
    writer.write(b"stdout", b"whole\n")
    assert [entry.text for entry, _ in read_entries(tmp_path)] == [b"whole\n"]


def test_lines_that_are_no_records_are_passed_over(tmp_path: Path) -> None:
    """Rubbish in the file neither stops the reader nor shows up as output."""
    (tmp_path / "0").write_bytes(
        b"\n\x00\xff\n2026-13-99T99:99:99.000000000Z stdout F x\n"
        b"2026-11-24T05:36:49.962532162Z stderr F good\n"
    )
    (entry,) = (entry for entry, _ in read_entries(tmp_path))
    assert (entry.stream, entry.text, entry.time_ns % 10**9) == ("stderr", b"good\n", 962532162)


def test_a_bounded_log_keeps_its_end(tmp_path: Path) -> None:
    """Never more segments than wanted, each of about the wanted size; the rest can be read."""
    writer = LogWriter(str(tmp_path), limit_bytes=2000, keep=2)
    lines = [b"line %d\n" % number for number in range(2000)]
    for at in range(0, len(lines), 500):
        writer.write(b"stdout", b"".join(lines[at : at + 500]))
    writer.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2
    assert all(file.stat().st_size < 3 * 2000 for file in files)
    text = b"".join(entry.text for entry, _ in read_entries(tmp_path))
    kept = text.splitlines(keepends=True)
    assert kept == lines[-len(kept) :]
    assert kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        # what docker 26.1's json-file leaves of the same lines with max-size=1k, max-file=2
        ([b"line number %d\n" % number for number in range(1, 101)], 16),
        ([b'"quoted" \\ %d\r\n' % number for number in range(1, 101)], 16),
    ],
)
def test_a_bounded_log_keeps_as_many_lines_as_dockers(
    tmp_path: Path, written: list[bytes], kept: int
) -> None:
    """However they come: one by one, at once, and to a log that was opened again."""
    for pieces, name in ((written, "single"), ([b"".join(written)], "whole")):
        writer = LogWriter(str(tmp_path / name), limit_bytes=1000, keep=2)
        for piece in pieces:
            writer.write(b"stdout", piece)
        writer.close()
        text = b"".join(entry.text for entry, _ in read_entries(tmp_path / name))
        assert text.splitlines(keepends=True) == written[-kept:]


def test_no_log_writes_nothing(tmp_path: Path) -> None:
    """`--log-driver none` leaves no file."""
    NoLog(str(tmp_path / "log")).write(b"stdout", b"gone\n")
    assert not (tmp_path / "log").exists()
