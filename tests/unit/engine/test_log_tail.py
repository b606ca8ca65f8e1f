"""The last lines of a log, read from its end."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.engine import log_tail, logs
from ipycontainer.model.lines import RECORD_BYTES
from ipycontainer.model.log_range import LogRange
from ipycontainer.supervise import log_packing
from ipycontainer.supervise.log import LogWriter, Overflow
from ipycontainer.supervise.log_reading import read_entries
from ipycontainer.supervise.loop import Loop

chunks = st.lists(
    st.tuples(st.sampled_from([b"stdout", b"stderr"]), st.binary(min_size=1, max_size=60)),
    max_size=25,
)


def container(directory: Path) -> Any:
    """Return what a reader asks of a container."""
    home = SimpleNamespace(container=lambda _: directory)
    return SimpleNamespace(id="c", engine=SimpleNamespace(home=home))


def lines(directory: Path, tail: int | None) -> list[tuple[str, bytes]]:
    """Return the last lines of a log."""
    found = logs.single(logs.chunks(container(directory), LogRange(tail=tail), follow=False))
    return [(entry.stream, entry.text) for entry in found]


@given(
    written=chunks, tail=st.integers(0, 12), block=st.integers(1, 200), limit=st.integers(0, 300)
)
def test_the_last_lines_are_those_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory,
    written: list[tuple[bytes, bytes]],
    tail: int,
    block: int,
    limit: int,
) -> None:
    """However a log was written, its end is what a reading from its beginning ends with."""
    directory = tmp_path_factory.mktemp("tail")
    writer = LogWriter(str(directory / "log"), limit, 1000 if limit else 0)
    for stream, data in written:
        writer.write(stream, data)
    writer.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_tail, "BLOCK_BYTES", block)
        assert lines(directory, tail) == lines(directory, None)[-tail:] * bool(tail)


def test_few_lines_of_a_large_log_cost_little(tmp_path: Path) -> None:
    """The place of the last ten lines is near the end of a log of 20 MB, in its last segment."""
    writer = LogWriter(str(tmp_path / "log"))
    for _ in range(100):
        writer.write(b"stdout", b"x" * 99 + b"\n" + b"y\n" * 1000)
    end = writer.position
    start = log_tail.tail_start(tmp_path / "log", 10)
    assert start.segment == end.segment
    assert end.offset - start.offset < 11 * 60


def test_a_line_without_end_ends_with_its_container(tmp_path: Path) -> None:
    """What the next start prints first is a line of its own."""
    for _ in range(2):
        writer = LogWriter(str(tmp_path / "log"))
        writer.write(b"stdout", b"one\ntail")
        writer.close()
    assert [text for _, text in lines(tmp_path, None)] == [b"one\n", b"tail", b"one\n", b"tail"]
    assert [text for _, text in lines(tmp_path, 3)] == [b"tail", b"one\n", b"tail"]


@pytest.mark.parametrize("tail", [None, 2])
def test_what_may_grow_is_not_shown_yet(tmp_path: Path, tail: int | None) -> None:
    """Of a line without end a running container's log has whole records, as docker's; then all."""
    writer = LogWriter(str(tmp_path / "log"))
    begun = b"x" * (RECORD_BYTES + 5)
    for text in (b"one\n", begun):
        writer.write(b"stdout", text)

    def shown(*, runs: bool) -> bytes:
        wanted = LogRange(tail=tail)
        found = logs.chunks(container(tmp_path), wanted, follow=False, runs=runs)
        return b"".join(entry.text for entry in found)

    assert shown(runs=True) == b"one\n" + begun[:RECORD_BYTES]
    writer.close()
    assert shown(runs=True) == shown(runs=False) == b"one\n"[: 4 * (tail is None)] + begun


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("size", [50_000, 500_000])
def test_a_long_line_counts_as_dockers_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, end: bytes
) -> None:
    """The last of a line's pieces of 16 KiB are what a tail shows of it, however it was written."""
    monkeypatch.setattr(logs, "LINE_LIMIT_BYTES", 4 * RECORD_BYTES)
    text = bytes(b"abcdefg"[at % 7] for at in range(size)) + end
    writer = LogWriter(str(tmp_path / "log"))
    writer.write(b"stdout", b"before\n")
    for at in range(0, len(text), 10_007):
        writer.write(b"stdout", text[at : at + 10_007])
    writer.close()
    pieces = [text[at : at + RECORD_BYTES] for at in range(0, len(text), RECORD_BYTES)]
    for tail in (1, 2, 3, len(pieces), len(pieces) + 1):
        found = b"".join(part for _, part in lines(tmp_path, tail))
        assert found == b"".join([b"before\n", *pieces][-tail:])


def test_packed_segments_are_read(tmp_path: Path) -> None:
    """Full segments are compressed in the loop, and read and tailed as before."""
    loop, writer = Loop(), LogWriter(str(tmp_path / "log"), 1000, 5)
    packing = log_packing.Packing(loop, tmp_path / "log")
    for number in range(100):
        writer.write(b"stdout", b"%d\n" % number)
    before = lines(tmp_path, None)
    packing.add(writer.full)
    for _ in range(40):
        loop.at("turn", 0, lambda: None)
        loop.step()
    assert list((tmp_path / "log").glob("*.gz"))
    assert not list((tmp_path / "log").glob("*.part"))
    assert lines(tmp_path, None) == before
    assert lines(tmp_path, 60) == before[-60:]


@pytest.mark.parametrize("limit", [0, 1000])
def test_a_full_disk_loses_lines_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """The program goes on; with an overflow its lines come later, up to its size."""
    writer = LogWriter(str(tmp_path), overflow=Overflow(limit) if limit else None)
    writer.write(b"stdout", b"before\n")

    def refuse(fd: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("ipycontainer.supervise.log.os.write", refuse)
        writer.write(b"stdout", b"during\n")
    writer.write(b"stdout", b"after\n")
    kept = [b"before\n", b"during\n", b"after\n"] if limit else [b"before\n", b"after\n"]
    assert [entry.text for entry, _ in read_entries(tmp_path)] == kept


def test_a_chunk_that_is_cut_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a chunk whose first lines the disk has taken, the others alone come later."""
    writer = LogWriter(str(tmp_path), 1000, 100, overflow=Overflow(100_000))
    data = b"".join(b"%d\n" % number for number in range(100))
    real = os.open

    def refuse(path: str, *flags: int) -> int:
        if path.endswith("/2"):
            raise OSError(28, "No space left on device")
        return real(path, *flags)

    with monkeypatch.context() as patch:
        patch.setattr("ipycontainer.supervise.log.os.open", refuse)
        writer.write(b"stdout", data)
    writer.write(b"stdout", b"after\n")
    assert b"".join(entry.text for entry, _ in read_entries(tmp_path)) == data + b"after\n"
