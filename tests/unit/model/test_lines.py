"""Lines, and the records that docker's log has of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.model import lines
from ipycontainer.model.lines import RECORD_BYTES, headed, record_count, without_records


def docker_records(text: bytes, size: int) -> list[bytes]:
    """Return the records of docker's copier, line by line."""
    found = []
    for line in text.splitlines(keepends=True):
        body = line.removesuffix(b"\n")
        while len(body) >= size:
            found.append(body[:size])
            body = body[size:]
        if body or line.endswith(b"\n"):
            found.append(body + line[len(line.removesuffix(b"\n")) :])
    return found


texts = st.lists(st.sampled_from([b"a", b"bc", b"\n", b"12345678"]), max_size=30).map(b"".join)


@given(text=texts, size=st.integers(1, 9), first=st.integers(0, 12))
def test_records_are_those_of_dockers_copier(text: bytes, size: int, first: int) -> None:
    """Counted, headed and left out they are what cutting line by line gives."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "RECORD_BYTES", size)
        expected = docker_records(text, size)
        assert record_count(text) == len(expected)
        assert headed(b"> ", text) == b"".join(b"> " + each for each in expected)
        assert without_records(text, first) == b"".join(expected[first:])


def test_a_line_as_long_as_a_record_has_its_end_in_another() -> None:
    """Docker's buffer is full by then, and the newline comes alone."""
    line = b"x" * RECORD_BYTES + b"\n"
    assert record_count(line) == 2
    assert headed(b"> ", line + b"y\n") == b"> " + line[:-1] + b"> \n> y\n"
    assert record_count(line[1:]) == 1
