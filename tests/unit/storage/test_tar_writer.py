"""An archive that is written: nothing is lost on its way out, and others can read it."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.linux.dirfd import DirFd
from ipycontainer.storage import archiving, tar_fields
from ipycontainer.storage.tar_writer import TarWriter

FILES = 3000  # more pieces than one writev(2) takes


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Files of no, few and many bytes, more than are held back."""
    top = tmp_path / "tree"
    for number in range(FILES):
        path = top / f"d{number % 7}" / f"{number}-ü" if number % 2 else top / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * (number % 700))
    (top / "large").write_bytes(os.urandom(300_000))
    return top


def collected(tree: Path) -> bytes:
    """Return the archive of a tree, by a function that sees every byte."""
    out = io.BytesIO()
    archive = TarWriter(out.write)
    with DirFd.open(tree) as root:
        archiving.write_tree(archive, root)
    archive.close()
    return out.getvalue()


def written(tree: Path, path: Path) -> bytes:
    """Return the same, by a descriptor."""
    with open(path, "xb", buffering=0) as file, DirFd.open(tree) as root:
        archive = TarWriter(file.fileno())
        archiving.write_tree(archive, root)
        archive.close()
    return path.read_bytes()


def test_a_descriptor_gets_what_a_function_gets(tree: Path, tmp_path: Path) -> None:
    """And Python's tarfile reads all of it: names, sums of headers, content."""
    data = written(tree, tmp_path / "out.tar")
    assert data == collected(tree)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        files = {each.name.removeprefix("./"): each for each in archive if each.isfile()}
        assert len(files) == FILES + 1
        for name, member in files.items():
            content = archive.extractfile(member)
            assert content is not None
            assert content.read() == (tree / name).read_bytes()


def test_a_short_write_loses_nothing(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal cuts a write of a pipe off anywhere."""
    whole = collected(tree)
    sizes = iter(range(1, 1 << 20, 97))

    def short(fd: int, pieces: Sequence[bytes]) -> int:
        return os.write(fd, b"".join(pieces)[: next(sizes)])

    monkeypatch.setattr(os, "writev", short)
    assert written(tree, tmp_path / "out.tar") == whole


@given(st.binary(max_size=256) | st.integers(0, 256).map(lambda count: b"\xff" * count))
def test_the_sum_of_a_header_is_that_of_its_bytes(part: bytes) -> None:
    """Up to the 256 bytes of which Adler-32 keeps it whole."""
    assert tar_fields.total(part) == sum(part)
