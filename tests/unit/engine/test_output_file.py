"""The file that an archive is written to: whole, or as before."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from ipycontainer.engine import output_file
from ipycontainer.errors import OutputPathError


def test_a_file_is_replaced_when_it_is_whole(tmp_path: Path) -> None:
    """Until then the old one stands; it is the caller's alone."""
    path = tmp_path / "archive.tar"
    path.write_text("old")
    with output_file.written(str(path)) as fd:
        os.write(fd, b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["archive.tar"]


def test_nothing_is_left_of_what_fails(tmp_path: Path) -> None:
    """Neither half a file nor one of another name."""
    path = tmp_path / "archive.tar"
    path.write_text("old")
    with pytest.raises(KeyError), output_file.written(str(path)):
        raise KeyError
    assert (os.listdir(tmp_path), path.read_text()) == (["archive.tar"], "old")


def test_a_directory_and_a_missing_one_are_refused_as_typed(tmp_path: Path) -> None:
    """In docker's words, with the name that its temporary file has."""
    (tmp_path / "in").mkdir()
    with (
        pytest.raises(OutputPathError, match=r"^rename \./\.docker_temp_\d+ in: file exists$"),
        output_file.written(str(tmp_path / "in"), "in"),
    ):
        pass
    missing = 'invalid output path: directory "no" does not exist'
    with (
        pytest.raises(OutputPathError, match=missing),
        output_file.written(str(tmp_path / "no" / "x"), "no/x"),
    ):
        pass
    unwritable = r"^open /proc/\.docker_temp_\d+: no such file"
    with pytest.raises(OutputPathError, match=unwritable), output_file.written("/proc/x"):
        pass
    assert os.listdir(tmp_path) == ["in"]


def test_a_pipe_is_written_to_as_it_is(tmp_path: Path) -> None:
    """Whoever reads from it gets the archive."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    output_file.check(str(path))
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    with output_file.written(str(path)) as fd:
        os.write(fd, b"archive")
    reader.join()
    assert read == [b"archive"]
    assert path.is_fifo()


def test_a_device_is_no_place_for_a_file() -> None:
    """As docker's client says it, and where an archive goes instead; it is not replaced."""
    with (
        pytest.raises(OutputPathError, match="got a device") as refused,
        output_file.written("/dev/null"),
    ):
        pass
    assert "- writes" in refused.value.hint
    assert Path("/dev/null").is_char_device()


def test_a_path_may_begin_where_we_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a directory in it as well."""
    monkeypatch.chdir(tmp_path)
    with output_file.written("archive.tar") as fd:
        os.write(fd, b"whole")
    assert Path("archive.tar").read_bytes() == b"whole"
