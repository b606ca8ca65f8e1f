"""The tar reader, beside Python's tarfile and on archives that break the rules."""

from __future__ import annotations

import io
import struct
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.errors import ImageFormatError
from ipycontainer.storage import tar_fields
from ipycontainer.storage.tar_fields import pax_records
from ipycontainer.storage.tar_reader import Entry, TarReader
from tests.archives import TarBuilder

NAMES = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=300
)


def read(archive: bytes) -> list[tuple[Entry, bytes]]:
    """Return the entries with their content, holes filled in."""
    reader = TarReader(io.BytesIO(archive).read)
    found = []
    for entry in reader:
        if entry.size > 1 << 30:
            raise ImageFormatError("a size that no test has")
        content = bytearray(entry.size)
        for offset, piece in reader.data():
            content[offset : offset + len(piece)] = piece
        found.append((entry, bytes(content)))
    return found


@given(
    st.lists(
        st.tuples(
            NAMES,
            st.binary(max_size=2000),
            st.integers(0, 0o7777),
            st.integers(0, 2**32),
            st.integers(-(2**33), 2**35),
        ),
        max_size=5,
    ),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_files_come_back_as_tarfile_wrote_them(
    files: list[tuple[str, bytes, int, int, int]], layout: int
) -> None:
    """Long names, large ids and times before 1970 included, in both formats."""
    builder = TarBuilder(layout)
    for name, content, mode, owner, time in files:
        builder.file(name, content, mode=mode, uid=owner, gid=owner, mtime=time)

    found = read(builder.build())

    assert [
        (entry.name, content, entry.mode, entry.uid, entry.gid, entry.mtime_ns)
        for entry, content in found
        if entry.kind == "file"
    ] == [
        (name, content, mode, owner, owner, time * 10**9)
        for name, content, mode, owner, time in files
    ]


def test_every_kind_of_entry_is_told() -> None:
    """With its own fields."""
    archive = (
        TarBuilder()
        .directory("d")
        .symlink("s", "target")
        .hardlink("h", "d/f")
        .device("c", 5, 300)
        .fifo("p")
        .build()
    )

    found = [entry for entry, _ in read(archive)]

    assert [entry.kind for entry in found] == ["dir", "symlink", "link", "char", "fifo"]
    assert found[1].link == "target"
    assert found[2].link == "d/f"
    assert (found[3].major, found[3].minor) == (5, 300)


def test_a_directory_of_the_oldest_format_is_known_by_its_slash() -> None:
    """V7 had no type for it; what data it claims is passed over."""
    archive = TarBuilder().header("d/", b"\0", 3).raw(b"abc".ljust(512, b"\0")).file("f").build()

    assert [(entry.name, entry.kind) for entry, _ in read(archive)] == [
        ("d/", "dir"),
        ("f", "file"),
    ]


def test_a_pax_record_wins_over_the_header() -> None:
    """Path, link, size and attributes."""
    archive = (
        TarBuilder()
        .file("x" * 200, b"abc", xattrs={"user.a": "1", "trusted.overlay.opaque": "y"})
        .build()
    )

    ((entry, content),) = read(archive)

    assert (entry.name, content) == ("x" * 200, b"abc")
    assert entry.xattrs == {"user.a": b"1", "trusted.overlay.opaque": b"y"}


@pytest.mark.parametrize("form", ["0.0", "0.1", "1.0", "gnu"])
def test_holes_are_kept(tmp_path: Path, form: str) -> None:
    """In GNU tar's own form and in the three that it has for PAX."""
    sparse = tmp_path / "sparse"
    with open(sparse, "wb") as file:
        for at in range(60):
            file.seek(at * 100_000)
            file.write(b"part %d" % at)
        file.truncate(8_000_000)
    options = ["--format=gnu"] if form == "gnu" else ["--format=pax", f"--sparse-version={form}"]
    archive = subprocess.run(
        ["tar", "--sparse", "--hole-detection=raw", *options, "-cf", "-", "sparse"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    ).stdout

    ((entry, content),) = read(archive)

    assert len(archive) < 1_000_000
    assert entry.name == "sparse"
    assert entry.parts
    assert content == sparse.read_bytes()


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (b"hello", "unexpected EOF"),
        (b"x" * 512, "invalid tar header"),
        (TarBuilder().file("a", b"x" * 1000).cut()[:-600], "unexpected EOF"),
        (TarBuilder().file("a").cut() + b"\0" * 512 + b"x" * 512, "invalid tar header"),
        (TarBuilder().header("a", b"0", 5000).cut(), "unexpected EOF"),
        (TarBuilder().header("a", b"x", 10 << 30).cut(), "header field too long"),
        (TarBuilder().header("a", b"L", 10 << 30).cut(), "header field too long"),
        (TarBuilder().header("a", b"x", 5).raw(b"9 a=b".ljust(512, b"\0")).cut(), "invalid"),
        (TarBuilder().header("a", b"x", 5).raw(b"0 a=b".ljust(512, b"\0")).cut(), "invalid"),
        (TarBuilder().kind("a", b"Z").build(), "unhandled tar header type 90"),
    ],
)
def test_a_broken_archive_is_refused(archive: bytes, words: str) -> None:
    """In docker's words, and without taking in what a header claims."""
    with pytest.raises(ImageFormatError, match=words):
        read(archive)


@pytest.mark.parametrize("archive", [b"", b"\0" * 512, b"\0" * 10240])
def test_nothing_is_an_empty_archive(archive: bytes) -> None:
    """As it is to docker."""
    assert read(archive) == []


@pytest.mark.parametrize(
    "record",
    [
        b"path=a\0b",
        b"linkpath=a\0b",
        b"size=-1",
        b"size=1x",
        b"uid=\xd9\xa3",
        b"=x",
        b"mtime=1.x",
    ],
)
def test_a_bad_pax_record_is_refused(record: bytes) -> None:
    """A NUL in a path would end it early; numbers are plain decimal."""
    line = b" " + record + b"\n"
    body = next(
        text + line
        for length in range(1, 99)
        if len(text := str(length).encode()) + len(line) == length
    )
    archive = (
        TarBuilder()
        .header("p", b"x", len(body))
        .raw(body.ljust(512, b"\0"))
        .file("f", b"1")
        .build()
    )

    with pytest.raises(ImageFormatError):
        read(archive)


@pytest.mark.parametrize(
    "numbers", [[0], [5, 1, 0, 1], [0, 11], [0, 4, 3, 2], [10, 1], [0, 1] * 70_000]
)
def test_a_map_of_holes_that_is_none_is_refused(numbers: list[int]) -> None:
    """Parts are in order, apart, inside the file, and not without end."""
    with pytest.raises(ImageFormatError):
        tar_fields.sparse_parts(numbers, 10)


@given(st.binary(max_size=2048))
def test_any_bytes_end_in_entries_or_in_one_error(junk: bytes) -> None:
    """Never in another exception, and never without an end."""
    try:
        read(junk)
    except ImageFormatError:
        return


@given(st.data())
def test_a_header_with_any_field_damaged_ends_well(data: st.DataObject) -> None:
    """Even where its sum is right."""
    block = bytearray(TarBuilder().file("name", b"content").build())
    at = data.draw(st.integers(0, 499))
    junk = data.draw(st.binary(min_size=1, max_size=12))
    block[at : at + len(junk)] = junk
    header = block[:148] + b" " * 8 + block[156:512]
    block[148:156] = b"%06o\0 " % sum(header)

    try:
        read(bytes(block))
    except ImageFormatError:
        return


@pytest.mark.parametrize("value", [0, 1, 2**40, -1, -(2**40)])
def test_numbers_in_base_256_are_read(value: int) -> None:
    """Negative ones too: what they mean is for others to judge."""
    raw = struct.pack(">q", value).rjust(12, b"\xff" if value < 0 else b"\0")
    marked = bytes([raw[0] | 0x80]) + raw[1:]

    assert tar_fields.number(marked) == value


def test_an_attribute_may_be_empty() -> None:
    """As GNU tar writes and reads it; of other records an empty value takes an earlier one back."""
    records = b"24 SCHILY.xattr.user.a=\n" + b"11 uid=101\n" + b"7 uid=\n"
    assert pax_records(records) == ({"SCHILY.xattr.user.a": b""}, [])
