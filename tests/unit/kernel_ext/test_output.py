"""Output appears at once, bounded, each stream where it belongs."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel_ext.output import CELL_BYTES, FLUSH_SECONDS, RATE_BYTES, Output


class Screen:
    """Stands for sys.stdout and sys.stderr, and counts what is flushed."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []

    def stream(self, name: str) -> io.StringIO:
        messages = self.messages

        class Stream(io.StringIO):
            def flush(self) -> None:
                if self.getvalue():
                    messages.append((name, self.getvalue()))
                    self.seek(0)
                    self.truncate()

        return Stream()

    def text(self, name: str) -> str:
        return "".join(text for stream, text in self.messages if stream == name)


def installed(patch: pytest.MonkeyPatch) -> Screen:
    """Let a new screen stand for the streams that output writes to; pytest has its own."""
    screen = Screen()
    streams = SimpleNamespace(
        stdout=screen.stream("stdout"), stderr=screen.stream("stderr"), maxsize=sys.maxsize
    )
    patch.setattr("kernel_ext.output.sys", streams)
    return screen


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Replace the two streams of the cell."""
    return installed(monkeypatch)


def test_the_first_chunk_appears_at_once(screen: Screen) -> None:
    """Nothing is held back when nothing was shown before."""
    Output().add("stdout", b"hello\n", now=0)
    assert screen.messages == [("stdout", "hello\n")]


def test_a_line_in_two_pieces_is_one_message(screen: Screen) -> None:
    """Python's print writes a line's end apart; half a line alone appears after a moment."""
    output = Output()
    output.add("stdout", b"0", now=0)
    output.add("stdout", b"\n", now=0.001)
    output.add("stdout", b"name: ", now=1)
    wait = output.wait_seconds(1)
    assert wait is not None
    output.tick(1 + wait)
    assert [text for _, text in screen.messages] == ["0\n", "name: "]


def test_chunks_far_apart_appear_apart(screen: Screen) -> None:
    """Prints 0.4 s apart are messages of their own."""
    output = Output()
    for number in range(3):
        output.add("stdout", f"{number}\n".encode(), now=number * 0.4)
    assert [text for _, text in screen.messages] == ["0\n", "1\n", "2\n"]


def test_chunks_close_together_are_one_message(screen: Screen) -> None:
    """Five messages a second at most, and the last is shown without another chunk."""
    output = Output()
    for number in range(100):
        output.add("stdout", b"x", now=number / 100)
    assert len(screen.messages) <= 1 / FLUSH_SECONDS
    wait = output.wait_seconds(0.99)
    assert wait is not None
    output.tick(0.99 + wait)
    assert screen.text("stdout") == "x" * 100
    assert output.wait_seconds(2) is None


def test_streams_keep_their_order(screen: Screen) -> None:
    """What was written in turns to both streams is shown in turns."""
    output = Output()
    output.add("stdout", b"0\n", now=0)
    for stream, data in [("stderr", b"1\n"), ("stdout", b"2\n"), ("stderr", b"3\n")]:
        output.add(stream, data, now=0.01)
    output.end()
    assert screen.messages == [
        ("stdout", "0\n"),
        ("stderr", "1\n"),
        ("stdout", "2\n"),
        ("stderr", "3\n"),
    ]


def test_a_program_that_changes_all_the_time_is_sorted(screen: Screen) -> None:
    """Hundreds of changes between the streams do not become hundreds of messages."""
    output = Output()
    output.add("stdout", b".\n", now=0)
    for _ in range(300):
        output.add("stdout", b"o", now=0.01)
        output.add("stderr", b"e", now=0.01)
    output.end()
    assert len(screen.messages) == 3
    assert screen.text("stderr") == "e" * 300


def test_a_flood_is_slowed_then_cut(screen: Screen) -> None:
    """A flood is shown at its rate, up to its bound, then one line says where the rest is."""
    output = Output(rest="The rest: %container logs web")
    for tenth in range(100):
        output.add("stdout", b"y" * 65536, now=tenth / 10)
        if tenth == 9:
            assert len(screen.text("stdout")) <= 2 * RATE_BYTES
    output.end()
    assert len(screen.text("stdout")) == CELL_BYTES
    assert screen.text("stderr").count("%container logs web") == 1


def test_cut_characters_are_put_together(screen: Screen) -> None:
    """A character that arrives in two chunks is one character, each stream apart."""
    output = Output()
    output.add("stdout", b"\xc3", now=0)
    output.add("stderr", b"x", now=1)
    output.add("stdout", b"\xa9", now=2)
    output.end()
    assert screen.text("stdout") == "é"


def test_a_kept_stream_is_not_shown(screen: Screen) -> None:
    """A stream that goes into a variable is whole there, and absent from the cell."""
    output = Output(keep=frozenset({"stdout"}))
    output.add("stdout", b"z" * (CELL_BYTES + 5), now=0)
    output.add("stderr", b"seen", now=0)
    output.end()
    assert len(output.kept("stdout")) == CELL_BYTES + 5
    assert screen.messages == [("stderr", "seen")]


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.text(max_size=9)), max_size=30))
def test_nothing_is_lost(chunks: list[tuple[str, str]]) -> None:
    """Within the bounds, every stream is shown whole and in order."""
    printable = [(s, "".join(c for c in text if c.isprintable())) for s, text in chunks]
    with pytest.MonkeyPatch.context() as patch:
        screen = installed(patch)
        output = Output()
        for number, (stream, text) in enumerate(printable):
            output.add(stream, text.encode(errors="replace"), now=number * 0.07)
        output.end()
    for name in ("stdout", "stderr"):
        expected = "".join(t for s, t in printable if s == name)
        assert screen.text(name) == expected.encode(errors="replace").decode()
