"""Environment files are read by docker's rules, with docker's complaints."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipycontainer.commands.environment_files import last_words, resolve
from ipycontainer.errors import UsageError


def read(tmp_path: Path, content: bytes, caller: dict[str, str] | None = None) -> tuple[str, ...]:
    """Return what a file with this content sets."""
    (tmp_path / "file").write_bytes(content)
    return resolve(["file"], [], caller or {}, tmp_path)


def test_lines_comments_and_spaces(tmp_path: Path) -> None:
    """Comments stand at a line's start only, values keep spaces, a BOM and CR are dropped."""
    content = b"\xef\xbb\xbfA=1\r\n# no\n\n  B = two # yes\nC=a=b\n"
    with pytest.raises(UsageError, match="variable 'B ' contains whitespaces"):
        read(tmp_path, content)
    assert read(tmp_path, content.replace(b"B =", b"B=")) == ("A=1", "B= two # yes", "C=a=b")


def test_bare_name_takes_the_callers_value(tmp_path: Path) -> None:
    """A name alone is the caller's variable, and left out where the caller has none."""
    assert read(tmp_path, b"HAVE\nHAVE_NOT\n", {"HAVE": "x y"}) == ("HAVE=x y",)


def test_later_words_win(tmp_path: Path) -> None:
    """-e comes after files, whose words all stay, and its last word has the first one's place.

    A name alone that the caller does not have takes the variable away.
    """
    (tmp_path / "one").write_text("A=1\nB=1\n")
    (tmp_path / "two").write_text("B=2\n")
    result = resolve(["one", "two"], ["A=3", "C", "D"], {"C": "c"}, tmp_path)
    assert result == ("A=1", "B=1", "B=2", "A=3", "C=c", "D")
    assert last_words(("A=1", "B=1", "A=2", "C=1", "C")) == ("A=2", "B=1", "C")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"=x\n", "poorly formatted environment: no variable name on line '=x'"),
        (b"A B=1\n", "poorly formatted environment: variable 'A B' contains whitespaces"),
        (b"A\xff=1\n", "env file file contains invalid utf8 bytes at line 1: [65 255 61 49]"),
        (b"A=1\n\xfe\n", "env file file contains invalid utf8 bytes at line 2: [254]"),
    ],
)
def test_malformed(tmp_path: Path, content: bytes, message: str) -> None:
    """A malformed line is refused in docker's words."""
    with pytest.raises(UsageError) as error:
        read(tmp_path, content)
    assert error.value.message == message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nope", "open nope: no such file or directory"),
        ("", "open : no such file or directory"),
        (".", "read .: is a directory"),
    ],
)
def test_unreadable(tmp_path: Path, name: str, message: str) -> None:
    """A file that cannot be read is named as Go names it."""
    with pytest.raises(UsageError) as error:
        resolve([name], [], {}, tmp_path)
    assert error.value.message == message
