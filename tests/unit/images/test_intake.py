"""The one pass over an archive that comes in."""

from __future__ import annotations

import bz2
import errno
import gzip
import hashlib
import io
import lzma
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import BinaryIO

import pytest
import zstandard

from ipycontainer.errors import ImageFormatError, Unsupported
from ipycontainer.images import compression
from ipycontainer.images.intake import Intake
from ipycontainer.images.layout import (
    LAYER_GZIP_TYPE,
    LAYER_TYPE,
    LAYER_ZSTD_TYPE,
    BlobWriter,
    Layout,
)
from ipycontainer.store.home import Home

Begin = Callable[..., Intake]
CONTENT = os.urandom(70_000) + b"\0" * 3_000_000


@pytest.fixture
def writer(bare_home: Home) -> Iterator[BlobWriter]:
    """A blob in the making."""
    with BlobWriter(Layout(bare_home)) as made:
        yield made


@pytest.fixture
def begin(writer: BlobWriter) -> Iterator[Begin]:
    """What begins to take an archive in; at the end no thread of it is left."""
    before = threading.active_count()
    with ExitStack() as begun:

        def begin(source: BinaryIO, limit_bytes: int = 1 << 30) -> Intake:
            return begun.enter_context(Intake(source, writer, limit_bytes))

        yield begin
    assert threading.active_count() == before


def sha256(content: bytes) -> str:
    """Return a digest."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_a_plain_archive_is_its_own_blob(writer: BlobWriter, begin: Begin) -> None:
    """Blob and diff id have one digest."""
    intake = begin(io.BytesIO(CONTENT))

    assert intake.read(100) == CONTENT[:100]
    intake.finish()
    assert intake.diff_id == writer.digest == sha256(CONTENT)
    assert intake.media_type == LAYER_TYPE
    assert writer.size == len(CONTENT)


def test_a_gzip_archive_is_kept_as_it_came(writer: BlobWriter, begin: Begin) -> None:
    """The diff id is that of its content; several members and padding are read through."""
    half = len(CONTENT) // 2
    packed = gzip.compress(CONTENT[:half]) + b"\0" * 100 + gzip.compress(CONTENT[half:]) + b"\0" * 9
    intake = begin(io.BytesIO(packed))

    assert intake.read(len(CONTENT) + 1) == CONTENT
    intake.finish()
    assert intake.diff_id == sha256(CONTENT)
    assert writer.digest == sha256(packed)
    assert intake.media_type == LAYER_GZIP_TYPE


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda packed: packed[:-10], "unexpected EOF"),
        (lambda packed: packed[:-8] + b"x" * 8, "gzip: invalid checksum"),
        (lambda packed: packed + b"rubbish", "gzip: invalid header"),
        (
            lambda packed: packed[:3000] + b"\xff" * 500 + packed[3500:],
            "flate: corrupt input|check",
        ),
    ],
)
def test_a_damaged_gzip_archive_is_refused(begin: Begin, damage: object, words: str) -> None:
    """In the words of Go's library, which docker shows."""
    assert callable(damage)
    with pytest.raises(ImageFormatError, match=words):
        begin(io.BytesIO(damage(gzip.compress(CONTENT)))).finish()


def test_a_bomb_is_given_up_early(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its ratio, long before its size."""
    monkeypatch.setattr(compression, "RATIO_FROM_BYTES", 1 << 20)
    bomb = gzip.compress(b"\0" * (64 << 20))

    with pytest.raises(ImageFormatError, match="expands more than 400 times"):
        begin(io.BytesIO(bomb), 1 << 40).finish()


def test_an_endless_archive_is_given_up(begin: Begin) -> None:
    """By the limit that the caller set."""
    with pytest.raises(ImageFormatError, match="more than 1000000 bytes"):
        begin(io.BytesIO(CONTENT), 1_000_000).finish()


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress])
def test_what_no_layer_may_be_compressed_with_is_stored_plain(
    writer: BlobWriter, begin: Begin, pack: Callable[[bytes], bytes]
) -> None:
    """The blob is the archive's content, then."""
    intake = begin(io.BytesIO(pack(CONTENT)))

    assert intake.read(len(CONTENT) + 1) == CONTENT
    intake.finish()
    assert intake.diff_id == writer.digest == sha256(CONTENT)
    assert intake.media_type == LAYER_TYPE


def test_a_zstd_archive_is_kept_as_it_came(writer: BlobWriter, begin: Begin) -> None:
    """As one of gzip."""
    packed = zstandard.ZstdCompressor().compress(CONTENT)
    intake = begin(io.BytesIO(packed))

    assert intake.read(len(CONTENT) + 1) == CONTENT
    intake.finish()
    assert intake.diff_id == sha256(CONTENT)
    assert writer.digest == sha256(packed)
    assert intake.media_type == LAYER_ZSTD_TYPE


def test_a_zip_is_refused_by_name(begin: Begin) -> None:
    """With the pipe to type instead."""
    with pytest.raises(Unsupported, match="zip") as caught:
        begin(io.BytesIO(b"PK\x03\x04" + b"x" * 20))

    assert "| ipycontainer import -" in caught.value.hint


def test_a_slow_pipe_is_waited_for(writer: BlobWriter, begin: Begin) -> None:
    """Also one that does not block, and gives its first bytes one at a time."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    packed = gzip.compress(b"content")

    def feed() -> None:
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            for byte in packed:
                pipe.write(bytes([byte]))

    thread = threading.Thread(target=feed)
    thread.start()
    with os.fdopen(reading, "rb", buffering=0) as source:
        intake = begin(source)
        assert intake.read(100) == b"content"
        intake.finish()
    thread.join()
    assert writer.digest == sha256(packed)


def test_a_blob_that_cannot_be_written_is_told_to_who_reads(
    writer: BlobWriter, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the latest when all is read; and who goes on reading is not held up for ever."""

    def full(_: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writer, "write", full)
    with pytest.raises(OSError, match="No space left"):
        begin(io.BytesIO(b"x" * 100)).finish()
    intake = begin(io.BytesIO(b"x" * (64 << 20)))
    with pytest.raises(OSError, match="No space left"):
        deque(iter(lambda: intake.read(1 << 20), b""), maxlen=0)


def test_an_archive_that_is_given_up_leaves_no_thread(begin: Begin) -> None:
    """Whoever unpacks has found something wrong with it; the fixture counts."""
    assert begin(io.BytesIO(b"x" * (64 << 20))).read(100) == b"x" * 100
